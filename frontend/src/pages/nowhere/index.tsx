import { Link } from "@tanstack/react-router";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";

export function Nowhere() {
  return (
    <Page title="Not found">
      <Nothing icon="search" title="There is no such page">
        <p className="text-muted">The address may be incomplete, or from another release.</p>
        <Link to="/" className="button">
          To the overview
        </Link>
      </Nothing>
    </Page>
  );
}
