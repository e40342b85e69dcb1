import type { Job, JobFilter } from "../jobs";
import { statusAt } from "../jobs";
import { now } from "../clock";
import { curlSubmit } from "../curl";
import { MOST_ROWS } from "../joblist";
import type { Jobs } from "../queries";
import { hrefTo, type Route } from "../route";
import { JobTable } from "./JobTable";
import { Code } from "./Json";
import { Nothing } from "./Nothing";

interface JobsViewProps {
  readonly route: Route;
  readonly jobs: Jobs;
}

/** The list in each of its states: being read, unreadable, empty, full. */
export function JobsView({ route, jobs: { query, more } }: JobsViewProps) {
  const { data, error, refetch, isPlaceholderData } = query;
  if (!data && error) return <Unreadable reason={error.message} onRetry={() => void refetch()} />;
  const rows = data?.rows.filter((job) => stillMatches(route.filter, job));
  if (rows?.length === 0 && !isPlaceholderData) return <Empty filter={route.filter} />;
  return (
    <>
      <JobTable jobs={rows?.length === 0 ? undefined : rows} route={route} />
      {data && (
        <footer className="list-end">
          {more.hasFailed && <span className="text-bad">Older jobs could not be read. </span>}
          {data.next && data.rows.length < MOST_ROWS ? (
            <button type="button" className="button" onClick={more.read} disabled={more.isReading}>
              {more.isReading ? "Reading…" : "Show older jobs"}
            </button>
          ) : (
            <EndOfList count={data.rows.length} isWhole={data.oldest === ""} />
          )}
        </footer>
      )}
    </>
  );
}

/** A waiting job that has come due has left "Scheduled" and "Retrying", though nobody said so. */
function stillMatches({ status }: JobFilter, job: Job): boolean {
  return status === null || status === statusAt(job, now());
}

function EndOfList({ count, isWhole }: { readonly count: number; readonly isWhole: boolean }) {
  if (isWhole) return <span>{count === 1 ? "1 job. That is all." : `${count} jobs. That is all.`}</span>;
  return <span>The newest {count} jobs. Filter by status or type to find older ones.</span>;
}

function Empty({ filter }: { readonly filter: JobFilter }) {
  if (filter.status ?? filter.jobType) {
    return (
      <Nothing icon="queue" title="No job matches this filter">
        <a className="button" href={hrefTo({ jobId: null, filter: { status: null, jobType: null } })}>
          Show all jobs
        </a>
      </Nothing>
    );
  }
  const first = { jobType: "process_data", payload: '{"user_id": 101}', options: {} };
  return (
    <Nothing icon="queue" title="No jobs yet">
      <p className="text-muted">Submit one with the form, or from a terminal:</p>
      <Code text={curlSubmit(document.baseURI, first)} what="the command" />
    </Nothing>
  );
}

function Unreadable({ reason, onRetry }: { readonly reason: string; readonly onRetry: () => void }) {
  return (
    <Nothing icon="warning" title="The jobs could not be read">
      <p className="text-bad" role="alert">
        {reason}
      </p>
      <p className="text-muted">Trying again every few seconds.</p>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </Nothing>
  );
}
