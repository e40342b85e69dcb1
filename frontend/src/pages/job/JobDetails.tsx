import type { ReactNode } from "react";
import { curlAgain } from "../../curl";
import { exactly } from "../../exact";
import { useWhileLive } from "../../hooks";
import { attemptOf, isOmitted, statusAt, type Job, type JobType } from "../../jobs";
import type { Route } from "../../route";
import { elapsed } from "../../times";
import { Faults } from "./Faults";
import { JobActions } from "./JobActions";
import { JobLog } from "./JobLog";
import { None } from "../../components/None";
import { Code } from "../../components/Code";
import { JsonView } from "../../components/JsonView";
import { Progress } from "../../components/Progress";
import { StatusBadge } from "../../components/StatusBadge";
import { Span, Time } from "../../components/Time";

interface JobDetailsProps {
  readonly job: Job;
  /** Whether the job was read by its id: a list's row knows nothing of `errors`. */
  readonly isWhole: boolean;
  /** Its type's defaults; undefined when they are not known. */
  readonly jobType: JobType | undefined;
  readonly route: Route;
}

export function JobDetails({ job, isWhole, jobType, route }: JobDetailsProps) {
  const status = useWhileLive((time) => statusAt(job, time));
  return (
    <div className="panel-body">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <StatusBadge status={status} />
        <span className="text-muted">attempt {attemptOf(job)}</span>
      </div>
      {status === "RUNNING" && job.progress && <Progress progress={job.progress} />}
      {job.error && status !== "COMPLETED" && (
        <p className={`notice ${status === "FAILED" ? "notice-bad" : ""}`}>{job.error}</p>
      )}
      <JobActions job={job} route={route} />
      <Facts job={job} />
      <Section title="Payload">
        {isOmitted(job, "payload") ? <Large isWhole={isWhole} /> : <JsonView text={exactly(job, "payload")} what="the payload" />}
      </Section>
      {job.status === "COMPLETED" && (
        <Section title="Result">
          {isOmitted(job, "result") ? <Large isWhole={isWhole} /> : <JsonView text={exactly(job, "result")} what="the result" />}
        </Section>
      )}
      {job.errors && job.errors.length > 0 && (
        <Section title="Failed attempts">
          <Faults faults={job.errors} />
        </Section>
      )}
      {job.attempt > 0 && (
        <Section title="Log">
          <JobLog job={job} />
        </Section>
      )}
      {!isOmitted(job, "payload") && (
        <Section title="Submit the same again">
          <Code text={curlAgain(document.baseURI, job, jobType)} what="the command" />
        </Section>
      )}
    </div>
  );
}

function Facts({ job }: { readonly job: Job }) {
  const waitedUntil = job.started_at ?? job.finished_at;
  return (
    <dl className="facts">
      <Fact name="Queue">{job.queue}</Fact>
      <Fact name="Priority">{job.priority}</Fact>
      {job.concurrency_key && <Fact name="Key">{job.concurrency_key}</Fact>}
      {job.schedule && <Fact name="Schedule">{job.schedule}</Fact>}
      {job.scheduled_for && (
        <Fact name="Scheduled for">
          <Moment at={job.scheduled_for} />
        </Fact>
      )}
      <Fact name="Created">
        <Moment at={job.created_at} />
      </Fact>
      {job.run_at !== job.created_at && (
        <Fact name="Due">
          <Moment at={job.run_at} />
        </Fact>
      )}
      <Fact name="Started">
        <Moment at={job.started_at} />
      </Fact>
      <Fact name="Finished">
        <Moment at={job.finished_at} />
      </Fact>
      {waitedUntil && job.attempt <= 1 && (
        <Fact name="Waited">
          <Span from={job.created_at} to={waitedUntil} />
        </Fact>
      )}
      {job.started_at && (job.finished_at !== null || job.status === "RUNNING") && (
        <Fact name={job.finished_at ? "Ran for" : "Running for"}>
          <Span from={job.started_at} to={job.finished_at} />
        </Fact>
      )}
      <Fact name="Timeout">{elapsed(job.timeout_seconds * 1_000)}</Fact>
      <Fact name="Worker">{job.worker_id ? <code className="break-all">{job.worker_id}</code> : <None />}</Fact>
      {job.tags.length > 0 && <Fact name="Tags">{job.tags.join(", ")}</Fact>}
    </dl>
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
  if (at === null) return <None />;
  return (
    <>
      <Time at={at} /> <span className="whitespace-nowrap text-muted tabular-nums">{at}</span>
    </>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section>
      <h3 className="section-title">{title}</h3>
      {children}
    </section>
  );
}

function Large({ isWhole }: { readonly isWhole: boolean }) {
  return <p className="text-muted">{isWhole ? "It is large, and is being read again…" : "Reading…"}</p>;
}
