import { Icon } from "../../components/Icon";
import { declaredWhere, type Schedule } from "../../schedules";

/** Why it cannot be edited here, and where it can. */
export function Declared({ schedule }: { readonly schedule: Schedule }) {
  return (
    <p className="notice notice-plain" data-testid="declared">
      <Icon name="lock" />
      <span>
        Declared {declaredWhere(schedule)}: change it there, and the next deploy applies it. Here it can be paused and run.
      </span>
    </p>
  );
}
