import { Command, KeyHint } from "../../components/Command";
import { Nothing } from "../../components/Nothing";
import { curlSubmit, FIRST_JOB } from "../../curl";
import { useMay } from "../../queries";

/** Before the first job. */
export default function FirstRun() {
  const may = useMay("operator");
  return (
    <Nothing icon="overview" title="No job has been submitted yet" testId="first-run">
      <p className="text-muted">Submit one from a terminal, and this page shows how it goes:</p>
      <Command make={(caller) => curlSubmit(caller, FIRST_JOB)} what="the command" />
      <KeyHint />
      {may && (
        <a className="button" href="#/submit">
          Submit one here
        </a>
      )}
    </Nothing>
  );
}
