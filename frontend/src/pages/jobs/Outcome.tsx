import { useWhileLive } from "../../hooks";
import { isOmitted, type Job, type JobStatus } from "../../jobs";
import { relative } from "../../times";
import { None } from "../../components/None";
import { Progress } from "../../components/Progress";

const PREVIEW_CHARACTERS = 300;

interface OutcomeProps {
  readonly job: Job;
  readonly status: JobStatus;
}

/** What came of a job, or how far it is, on one line. */
export function Outcome({ job, status }: OutcomeProps) {
  switch (status) {
    case "RUNNING":
      return job.progress ? <Progress progress={job.progress} /> : <None />;
    case "COMPLETED":
      return isOmitted(job, "result") ? <span className="text-muted">large result</span> : <Preview job={job} />;
    case "SCHEDULED":
      return (
        <span className="text-muted">
          due <Due at={job.run_at} />
        </span>
      );
    case "RETRYING":
      return (
        <span className="block truncate" title={job.error ?? ""}>
          <span className="text-muted">
            again <Due at={job.run_at} /> ·{" "}
          </span>
          <span className="text-warn">{job.error}</span>
        </span>
      );
    case "QUEUED":
    case "FAILED":
    case "CANCELLED":
    case "BLOCKED":
      return job.error ? (
        <span className="block truncate text-bad" title={job.error}>
          {job.error}
        </span>
      ) : (
        <None />
      );
  }
}

function Preview({ job: { result } }: { readonly job: Job }) {
  if (result === null) return <None />;
  const text = JSON.stringify(result);
  return <code className="block truncate">{text.slice(0, PREVIEW_CHARACTERS)}</code>;
}

function Due({ at }: { readonly at: string }) {
  const words = useWhileLive((now) => relative(Date.parse(at), now));
  return (
    <time dateTime={at} title={at}>
      {words}
    </time>
  );
}
