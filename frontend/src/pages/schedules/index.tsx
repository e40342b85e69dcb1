import { Link } from "@tanstack/react-router";
import { Icon } from "../../components/Icon";
import { Page } from "../../components/Page";
import { useMay } from "../../queries";

export function SchedulesPage() {
  const may = useMay("operator");
  return (
    <Page
      title="Schedules"
      actions={
        may && (
          <Link to="/schedules/new" className="button">
            <Icon name="plus" />
            New schedule
          </Link>
        )
      }
    >
      {null}
    </Page>
  );
}
