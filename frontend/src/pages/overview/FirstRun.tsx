import { Code } from "../../components/Code";
import { Nothing } from "../../components/Nothing";
import { needsNoKey } from "../../me";
import { useMay, useMe } from "../../queries";

/** Before the first job. */
export function FirstRun() {
  const may = useMay("operator");
  const me = useMe();
  return (
    <Nothing icon="overview" title="No job has been submitted yet" testId="first-run">
      <p className="text-muted">Submit one from a terminal, and this page shows how it goes:</p>
      <Code text={command(me === undefined || needsNoKey(me))} what="the command" />
      {may && (
        <a className="button" href="#/submit">
          Submit one here
        </a>
      )}
    </Nothing>
  );
}

function command(isOpen: boolean): string {
  const address = new URL("api/jobs", document.baseURI).href;
  return [
    `curl -sS '${address}'`,
    ...(isOpen ? [] : ["  -H \"Authorization: Bearer $KEY\""]),
    "  -H 'Content-Type: application/json'",
    `  -d '{"job_type": "process_data", "payload": {"user_id": 101}}'`,
  ].join(" \\\n");
}
