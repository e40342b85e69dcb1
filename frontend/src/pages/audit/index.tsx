import { Page } from "../../components/Page";
import { OnlyFor } from "../../components/states";

export function AuditPage() {
  return (
    <Page title="Audit">
      <OnlyFor needs="admin">{null}</OnlyFor>
    </Page>
  );
}
