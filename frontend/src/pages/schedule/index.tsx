import { getRouteApi } from "@tanstack/react-router";
import { Page } from "../../components/Page";
import { OnlyFor } from "../../components/states";

const route = getRouteApi("/schedules/$name");
const SCHEDULES = { to: "/schedules", name: "Schedules" } as const;

export function SchedulePage() {
  const { name } = route.useParams();
  return (
    <Page title={name} back={SCHEDULES}>
      {null}
    </Page>
  );
}

export function NewSchedulePage() {
  return (
    <Page title="New schedule" back={SCHEDULES}>
      <OnlyFor needs="operator">{null}</OnlyFor>
    </Page>
  );
}
