import { Page } from "../../components/Page";
import { OnlyFor } from "../../components/states";

export function KeysPage() {
  return (
    <Page title="Keys">
      <OnlyFor needs="admin">{null}</OnlyFor>
    </Page>
  );
}
