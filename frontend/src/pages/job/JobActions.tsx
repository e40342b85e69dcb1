import { isForbidden, Refused } from "../../http";
import { MAY_NOT, mayNot } from "../../hooks";
import { movesOf, type Job, type JobMove } from "../../jobs";
import { useMay, useMove } from "../../queries";
import { hrefTo, type Route } from "../../route";

const WORDS: Record<JobMove, string> = { copy: "Run a copy", cancel: "Cancel", revive: "Revive" };

interface JobActionsProps {
  readonly job: Job;
  readonly route: Route;
}

/** What can be done with a job now. */
export function JobActions({ job, route }: JobActionsProps) {
  const onlyReads = useMay("operator") === false;
  const move = useMove(job.id);
  const copied = move.data && move.data.id !== job.id ? move.data : null;
  return (
    <div className="grid gap-2">
      <div className="flex flex-wrap gap-2">
        {movesOf(job).map((name) => (
          <button
            key={name}
            type="button"
            className="button"
            data-testid={`job-${name}`}
            disabled={onlyReads || move.isPending}
            title={onlyReads ? MAY_NOT : undefined}
            onClick={() => { move.mutate(name); }}
          >
            {WORDS[name]}
          </button>
        ))}
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
        {onlyReads && !move.error && <p className="text-muted">{MAY_NOT}</p>}
      </div>
    </div>
  );
}

function failure(error: Error): string {
  if (!(error instanceof Refused)) return "No answer came. It may or may not have been done: look at the list.";
  return isForbidden(error.problem) ? mayNot(error.message) : error.message;
}
