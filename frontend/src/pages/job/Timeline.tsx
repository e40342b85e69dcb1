import type { ReactNode } from "react";
import { Icon, type IconName } from "../../components/Icon";
import { LABELS } from "../../components/StatusBadge";
import { Span, Time } from "../../components/Time";
import { useWhileLive } from "../../hooks";
import type { Job, JobFault, JobStatus } from "../../jobs";
import { statusAt } from "../../jobs";
import { relative } from "../../times";
import { timelineOf, type Attempt, type Step } from "../../timeline";

/** The job's life so far, and what comes next. */
export function Timeline({ job }: { readonly job: Job }) {
  const status = useWhileLive((time) => statusAt(job, time));
  const steps = timelineOf(job, status);
  return (
    <ol className="timeline" data-testid="timeline">
      {steps.map((step, place) => (
        <StepItem key={`${step.kind} ${place}`} step={step} job={job} />
      ))}
    </ol>
  );
}

function StepItem({ step, job }: { readonly step: Step; readonly job: Job }) {
  switch (step.kind) {
    case "created":
      return (
        <Item tone="idle" icon="plus" title={job.schedule ? `Created by schedule ${job.schedule}` : "Created"} at={step.at}>
          {job.scheduled_for && (
            <>
              for <Time at={job.scheduled_for} />
            </>
          )}
        </Item>
      );
    case "due":
      return <Due at={step.at} attempt={step.attempt} />;
    case "waits":
      return (
        <Item tone={step.status} icon={step.status === "BLOCKED" ? "lock" : "queue"} title={step.status === "BLOCKED" ? "Waits for other jobs" : "Waits for a worker"}>
          in queue {job.queue}
        </Item>
      );
    case "untold":
      return (
        <Item tone="idle" icon="more" title={step.from === step.to ? `Attempt ${step.from}` : `Attempts ${step.from} to ${step.to}`}>
          No more is known of {step.from === step.to ? "it" : "them"}.
        </Item>
      );
    case "attempt":
      return <AttemptItem attempt={step} />;
    case "unstarted":
      return (
        <Item tone="FAILED" icon="cross-circle" title="Failed before it started" at={step.fault.at}>
          <Fault fault={step.fault} />
        </Item>
      );
    case "cancelling":
      return <Item tone="warn" icon="slash-circle" title="Asked to end" at={step.at} />;
    case "finished":
      return (
        <Item tone={step.status} icon={FINAL[step.status] ?? "check-circle"} title={LABELS[step.status]} at={step.at}>
          <Span from={job.created_at} to={step.at} /> after it was created
        </Item>
      );
  }
}

const FINAL: Partial<Record<JobStatus, IconName>> = { COMPLETED: "check-circle", FAILED: "cross-circle", CANCELLED: "slash-circle" };

/** It lies ahead, or it lay between the job's creation and its first attempt. */
function Due({ at, attempt }: { readonly at: string; readonly attempt: number }) {
  const isAhead = useWhileLive((time) => Number(Date.parse(at) > time)) === 1;
  const words = useWhileLive((time) => relative(Date.parse(at), time));
  const title = attempt > 1 ? `Attempt ${attempt} is due` : isAhead ? "Is due" : "Came due";
  return (
    <Item tone={isAhead ? "SCHEDULED" : "idle"} icon="clock" title={title} {...(!isAhead && { at })}>
      {isAhead && (
        <time dateTime={at} title={at}>
          {words}
        </time>
      )}
    </Item>
  );
}

const OUTCOMES: Readonly<Record<Attempt["outcome"], { readonly word: string; readonly tone: string; readonly icon: IconName }>> = {
  failed: { word: "failed", tone: "FAILED", icon: "cross-circle" },
  completed: { word: "completed", tone: "COMPLETED", icon: "check-circle" },
  cancelled: { word: "was cancelled", tone: "CANCELLED", icon: "slash-circle" },
  running: { word: "runs", tone: "RUNNING", icon: "run" },
};

function AttemptItem({ attempt: { attempt, outcome, startedAt, endedAt, workerId, fault } }: { readonly attempt: Attempt }) {
  const { word, tone, icon } = OUTCOMES[outcome];
  const begun = startedAt ?? endedAt;
  return (
    <Item tone={tone} icon={icon} title={`Attempt ${attempt} ${word}`} {...(begun && { at: begun })}>
      {startedAt && (
        <>
          {outcome === "running" ? "for " : "after "}
          <Span from={startedAt} to={endedAt} />
        </>
      )}
      {workerId && (
        <>
          {startedAt && " "}on <code className="break-all">{workerId}</code>
        </>
      )}
      {fault && <Fault fault={fault} />}
    </Item>
  );
}

function Fault({ fault: { type, message, traceback } }: { readonly fault: JobFault }) {
  return (
    <div className="fault" data-testid="fault">
      <p>
        <strong className="font-semibold text-bad">{type}</strong> {message}
      </p>
      {traceback && (
        <details>
          <summary>Traceback</summary>
          {/* It scrolls, so it can be reached by keyboard. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0} aria-label="Traceback">{traceback}</pre>
        </details>
      )}
    </div>
  );
}

interface ItemProps {
  /** A status, or a tone. */
  readonly tone: string;
  readonly icon: IconName;
  readonly title: string;
  readonly at?: string;
  readonly children?: ReactNode;
}

function Item({ tone, icon, title, at, children }: ItemProps) {
  return (
    <li className="step" data-status={tone} data-testid="step">
      <Icon name={icon} className="step-icon" />
      <p className="step-head">
        <span className="step-title">{title}</span>
        {at && (
          <span className="step-at">
            <Time at={at} /> <span className="step-exact">{clockTime(at)}</span>
          </span>
        )}
      </p>
      {children && <div className="step-about">{children}</div>}
    </li>
  );
}

/** By the reader's clock; the day only when it is another. */
function clockTime(at: string): string {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date().toDateString();
  const hours = time.toLocaleTimeString(undefined, { hour12: false });
  return isToday ? hours : `${time.toLocaleDateString(undefined, { month: "short", day: "numeric" })}, ${hours}`;
}
