import { ALL_JOBS, statusAt, type Job, type JobFilter } from "../../jobs";
import { now } from "../../clock";
import { curlSubmit } from "../../curl";
import { MOST_ROWS } from "../../joblist";
import type { Jobs } from "../../queries";
import { hrefTo, type Route } from "../../route";
import { JobTable } from "./JobTable";
import { Code } from "../../components/Code";
import { Nothing } from "../../components/Nothing";

const EVERYTHING: Route = { jobId: null, filter: ALL_JOBS };

interface JobsViewProps {
  readonly route: Route;
  readonly jobs: Jobs;
}

/** The list in each of its states: being read, unreadable, empty, full. */
export function JobsView({ route, jobs: { query, more } }: JobsViewProps) {
  const { data, error, refetch, isPlaceholderData } = query;
  if (!data && error) return <Unreadable reason={error.message} onRetry={() => void refetch()} />;
  const rows = data?.rows.filter((job) => stillMatches(route.filter, job));
  const isEmpty = rows?.length === 0 && !isPlaceholderData;
  if (isEmpty && data?.next === null) return <Empty filter={route.filter} />;
  return (
    <>
      {isEmpty ? <NotYet isReading={more.isReading} /> : <JobTable jobs={rows?.length === 0 ? undefined : rows} route={route} />}
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

/** So far: the history is long, and it is read a bounded part at a time. */
function NotYet({ isReading }: { readonly isReading: boolean }) {
  return (
    <Nothing icon="clock" title={isReading ? "Looking further back…" : "No match among the newer jobs"}>
      <p className="text-muted">Older jobs have not been looked through yet.</p>
    </Nothing>
  );
}

function EndOfList({ count, isWhole }: { readonly count: number; readonly isWhole: boolean }) {
  if (isWhole) return <span>{count === 1 ? "1 job. That is all." : `${count} jobs. That is all.`}</span>;
  return <span>The newest {count} jobs. Filter to find older ones.</span>;
}

function Empty({ filter }: { readonly filter: JobFilter }) {
  if (hrefTo({ jobId: null, filter }) !== hrefTo(EVERYTHING)) {
    return (
      <Nothing icon="queue" title="No job matches this filter">
        <a className="button" href={hrefTo(EVERYTHING)}>
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
