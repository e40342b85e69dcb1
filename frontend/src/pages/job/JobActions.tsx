import { isForbidden, Refused } from "../../http";
import { mayNot } from "../../hooks";
import { movesOf, type Job, type JobMove } from "../../jobs";
import { useMay, useMove } from "../../queries";
import { hrefTo, type Route } from "../../route";

const WORDS: Record<JobMove, string> = { copy: "Run a copy", cancel: "Cancel", revive: "Revive" };

interface JobActionsProps {
  readonly job: Job;
  readonly route: Route;
}

/** What can be done with a job now, by those who may. */
export function JobActions({ job, route }: JobActionsProps) {
  const may = useMay("operator");
  const move = useMove(job.id);
  const copied = move.data && move.data.id !== job.id ? move.data : null;
  if (!may) return null;
  return (
    <div className="job-actions">
      <div className="flex flex-wrap gap-2">
        {movesOf(job).map((name) => (
          <button
            key={name}
            type="button"
            className="button"
            data-testid={`job-${name}`}
            disabled={move.isPending}
            onClick={() => { move.mutate(name); }}
          >
            {WORDS[name]}
          </button>
        ))}
        {job.cancel_requested_at && job.finished_at === null && <span className="notice">Asked to end; it runs until it has.</span>}
      </div>
      <div aria-live="polite" data-testid="move-outcome">
        {copied && (
          <p className="notice notice-ok">
            A copy was submitted:{" "}
            <a className="link font-mono" href={hrefTo({ ...route, jobId: copied.id })}>
              {copied.id}
            </a>
          </p>
        )}
        {move.error && <p className="notice notice-bad">{failure(move.error)}</p>}
      </div>
    </div>
  );
}

function failure(error: Error): string {
  if (!(error instanceof Refused)) return "No answer came. It may or may not have been done: look at the list.";
  return isForbidden(error.problem) ? mayNot(error.message) : error.message;
}
