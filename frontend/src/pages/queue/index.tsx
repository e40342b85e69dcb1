import { getRouteApi } from "@tanstack/react-router";
import { Page } from "../../components/Page";

const route = getRouteApi("/queues/$name");

export function QueuePage() {
  const { name } = route.useParams();
  return (
    <Page title={name} back={{ to: "/queues", name: "Queues" }}>
      {null}
    </Page>
  );
}
