import { Ago } from "../../components/Ago";
import { ALL_JOBS } from "../../jobs";
import type { Failure } from "../../queries";
import { hrefTo } from "../../route";

interface NewestFailedProps {
  /** undefined: they are being read. */
  readonly failures: readonly Failure[] | undefined;
  readonly error: Error | null;
}

export function NewestFailed({ failures, error }: NewestFailedProps) {
  return (
    <section className="box" aria-label="Newest failed jobs">
      <h2 className="box-head">
        Newest failed jobs
        <a className="box-note link" href={hrefTo({ jobId: null, filter: { ...ALL_JOBS, status: "FAILED" } })}>
          All failed jobs
        </a>
      </h2>
      {failures === undefined && error && <p className="box-empty text-bad">They could not be read: {error.message}</p>}
      {failures?.length === 0 && <p className="box-empty">No job that is kept has failed.</p>}
      <ol className="lines" data-testid="failures">
        {failures === undefined && !error && <Wait />}
        {failures?.map((job) => (
          <li key={job.id} data-job-id={job.id}>
            <a href={hrefTo({ jobId: job.id, filter: ALL_JOBS })} className="truncate" title={`${job.job_type} in ${job.queue}, ${job.id}`}>
              {job.job_type}
            </a>
            <span className="truncate text-bad" title={job.error ?? ""}>
              {job.error}
            </span>
            {job.finished_at && <Ago at={job.finished_at} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Wait() {
  return Array.from({ length: 3 }, (_, row) => (
    <li key={row} aria-hidden="true">
      <span className="stat-wait" />
    </li>
  ));
}
