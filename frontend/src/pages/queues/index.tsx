import { Page } from "../../components/Page";

export function QueuesPage() {
  return <Page title="Queues">{null}</Page>;
}
