import type { ReactNode } from "react";
import { None } from "../../components/None";
import { ALL_JOBS, type JobFilter } from "../../jobfilter";
import type { Job } from "../../jobs";
import { hrefTo } from "../../route";
import { elapsed } from "../../times";

/** What a job was submitted with. What it belongs to leads to all that belong to the same. */
export function Facts({ job }: { readonly job: Job }) {
  return (
    <dl className="facts" data-testid="facts">
      <Fact name="Type">
        <Jobs of={{ jobType: job.job_type }}>{job.job_type}</Jobs>
      </Fact>
      <Fact name="Queue">
        <Jobs of={{ queue: job.queue }}>{job.queue}</Jobs>
      </Fact>
      {job.tags.length > 0 && (
        <Fact name="Tags">
          <span className="tags">
            {job.tags.map((tag) => (
              <Jobs key={tag} of={{ tag }}>
                {tag}
              </Jobs>
            ))}
          </span>
        </Fact>
      )}
      {job.concurrency_key && (
        <Fact name="Key">
          <Jobs of={{ key: job.concurrency_key }}>{job.concurrency_key}</Jobs>
        </Fact>
      )}
      {job.schedule && (
        <Fact name="Schedule">
          <a className="link" href={`#/schedules/${encodeURIComponent(job.schedule)}`}>
            {job.schedule}
          </a>
        </Fact>
      )}
      <Fact name="Priority">{job.priority}</Fact>
      <Fact name="Attempts">
        {job.attempt} of {job.max_attempts}
      </Fact>
      <Fact name="Timeout">{elapsed(job.timeout_seconds * 1_000)}</Fact>
      <Fact name="Worker">{job.worker_id ? <code className="break-all">{job.worker_id}</code> : <None />}</Fact>
      <Fact name="Created">
        <Moment at={job.created_at} />
      </Fact>
      <Fact name="Due">
        <Moment at={job.run_at} />
      </Fact>
      <Fact name="Started">
        <Moment at={job.started_at} />
      </Fact>
      <Fact name="Finished">
        <Moment at={job.finished_at} />
      </Fact>
    </dl>
  );
}

function Jobs({ of, children }: { readonly of: Partial<JobFilter>; readonly children: string }) {
  return (
    <a className="link" href={hrefTo({ jobId: null, filter: { ...ALL_JOBS, ...of } })}>
      {children}
    </a>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Moment({ at }: { readonly at: string | null }) {
  return at === null ? <None /> : <time dateTime={at} className="whitespace-nowrap tabular-nums">{at}</time>;
}
