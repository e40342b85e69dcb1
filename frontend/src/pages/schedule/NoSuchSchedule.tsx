import { Link } from "@tanstack/react-router";
import { Nothing } from "../../components/Nothing";

export function NoSuchSchedule({ name }: { readonly name: string }) {
  return (
    <Nothing icon="clock" title={`There is no schedule ${name}`}>
      <Link to="/schedules" className="button">
        All schedules
      </Link>
    </Nothing>
  );
}
