import { createContext, useContext, useState, type ReactNode } from "react";
import { Command, KeyHint } from "../../components/Command";
import { JsonView } from "../../components/JsonView";
import { Progress } from "../../components/Progress";
import { curlAgain, curlShow } from "../../curl";
import { exactly } from "../../exact";
import { useWhileLive } from "../../hooks";
import { isOmitted, statusAt, type Job, type JobType } from "../../jobs";
import type { Route } from "../../route";
import { relativesOf } from "../../dependencies";
import { useDependencies } from "../../queries";
import { Facts } from "./Facts";
import { JobActions } from "./JobActions";
import { JobLog } from "./JobLog";
import { Relatives } from "./Relatives";
import { Timeline } from "./Timeline";

interface JobDetailsProps {
  readonly job: Job;
  /** Whether the job was read by its id: a list's row knows nothing of `errors`. */
  readonly isWhole: boolean;
  /** Its type's defaults; undefined when they are not known. */
  readonly jobType: JobType | undefined;
  readonly route: Route;
}

/** Everything about a job: in one column where it is narrow, in two where it is wide. */
export function JobDetails({ job, isWhole, jobType, route }: JobDetailsProps) {
  const status = useWhileLive((time) => statusAt(job, time));
  const { data: dependencies } = useDependencies(job);
  return (
    <div className="job">
      <div className="job-body">
        <div className="job-top">
          <JobActions job={job} route={route} />
          {status === "RUNNING" && job.progress && <Progress progress={job.progress} />}
          {job.error && status !== "COMPLETED" && !job.errors?.length && <p className={`notice ${status === "FAILED" ? "notice-bad" : ""}`}>{job.error}</p>}
        </div>
        <Section title="Timeline">
          <Timeline job={job} />
        </Section>
        <aside className="job-side" aria-label="About the job">
          <Section title="Details">
            <Facts job={job} />
          </Section>
        </aside>
        {relativesOf(dependencies).length > 0 && dependencies && (
          <Section title="Dependencies">
            <Relatives dependencies={dependencies} />
          </Section>
        )}
        <Section title="Payload">
          <Json job={job} part="payload" isWhole={isWhole} />
        </Section>
        {job.status === "COMPLETED" && (
          <Section title="Result">
            <Json job={job} part="result" isWhole={isWhole} />
          </Section>
        )}
        {job.attempt > 0 && (
          <Section title="Log">
            <JobLog job={job} />
          </Section>
        )}
        <Section title="From a terminal" isClosed>
          <div className="grid gap-3">
            <p className="text-muted">Show this job:</p>
            <Command make={(caller) => curlShow(caller, job.id)} what="the command that shows it" />
            {!isOmitted(job, "payload") && (
              <>
                <p className="text-muted">Submit the same again:</p>
                <Command make={(caller) => curlAgain(caller, job, jobType)} what="the command that submits it again" />
              </>
            )}
            <KeyHint />
          </div>
        </Section>
        {job.source !== undefined && (
          <Section title="JSON" isClosed>
            <JsonView text={job.source} what="the job" />
          </Section>
        )}
      </div>
    </div>
  );
}

/** Whether its sections stand below a heading of the job's own, and not right below the page's. */
export const IsBeside = createContext(false);

interface SectionProps {
  readonly title: string;
  readonly isClosed?: boolean;
  readonly children: ReactNode;
}

/** What is folded is not drawn either. */
function Section({ title, isClosed = false, children }: SectionProps) {
  const isBeside = useContext(IsBeside);
  const [isOpen, setOpen] = useState(!isClosed);
  return (
    <details className="section" open={isOpen} onToggle={({ currentTarget, target }) => { if (target === currentTarget) setOpen(currentTarget.open); }}>
      <summary>
        {isBeside ? <h3>{title}</h3> : <h2>{title}</h2>}
      </summary>
      {isOpen && children}
    </details>
  );
}

const LARGE = 64_000; // characters; more are shown when somebody asks

interface JsonProps {
  readonly job: Job;
  readonly part: "payload" | "result";
  readonly isWhole: boolean;
}

function Json({ job, part, isWhole }: JsonProps) {
  const [isAsked, setAsked] = useState(false);
  if (isOmitted(job, part)) return <p className="text-muted">{isWhole ? "It is large, and is being read again…" : "Reading…"}</p>;
  const text = exactly(job, part);
  if (text.length <= LARGE || isAsked) return <JsonView text={text} what={`the ${part}`} />;
  return (
    <button type="button" className="button" onClick={() => { setAsked(true); }}>
      Show {Math.round(text.length / 1_000).toLocaleString("en")} KB
    </button>
  );
}
