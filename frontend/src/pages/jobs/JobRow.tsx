import { memo, useState, type MouseEvent } from "react";
import { now } from "../../clock";
import { useWhileLive } from "../../hooks";
import { attemptOf, statusAt, type Job } from "../../jobs";
import { Outcome } from "./Outcome";
import { StatusBadge } from "../../components/StatusBadge";
import { None } from "../../components/None";
import { Span, Time } from "../../components/Time";

const NEW_FOR_MS = 3_000;

interface JobRowProps {
  readonly job: Job;
  readonly href: string;
  readonly isOpen: boolean;
}

/** One job in the table. The link is the keyboard's way in; the rest of the row does the same for the mouse. */
export const JobRow = memo(function JobRow({ job, href, isOpen }: JobRowProps) {
  const status = useWhileLive((time) => statusAt(job, time));
  const [isNew] = useState(() => now() - Date.parse(job.created_at) < NEW_FOR_MS);
  return (
    <tr
      className={`job-row ${isNew ? "job-row-new" : ""}`}
      data-testid="job-row"
      data-job-id={job.id}
      data-status={status}
      aria-current={isOpen || undefined}
      onClick={(event) => { openUnlessSelecting(event, href); }}
    >
      <td className="cell-id">
        <a href={href} title={job.id} data-row-link>
          {shortId(job.id)}
        </a>
      </td>
      <td className="cell-type" title={job.job_type}>
        {job.job_type}
      </td>
      <td className="cell-status">
        <StatusBadge status={status} />
      </td>
      <td className="cell-created">
        <Time at={job.created_at} />
      </td>
      <td className="cell-started">{job.started_at ? <Time at={job.started_at} /> : <None />}</td>
      <td className="cell-finished">
        <Finished job={job} />
      </td>
      <td className="cell-attempt">{attemptOf(job)}</td>
      <td className="cell-result">
        <Outcome job={job} status={status} />
      </td>
    </tr>
  );
});

function Finished({ job: { started_at, finished_at, status } }: { readonly job: Job }) {
  if (finished_at === null) {
    if (status !== "RUNNING" || started_at === null) return <None />;
    return (
      <span className="text-muted">
        <Span from={started_at} to={null} /> so far
      </span>
    );
  }
  return (
    <>
      <Time at={finished_at} />
      {started_at && (
        <span className="text-muted">
          {" "}
          · <Span from={started_at} to={finished_at} />
        </span>
      )}
    </>
  );
}

/** The first eight digits are time alone, and alike for a minute: the last ones tell jobs apart. */
function shortId(id: string): string {
  return `${id.slice(0, 8)}…${id.slice(-6)}`;
}

function openUnlessSelecting({ target }: MouseEvent, href: string): void {
  const isLink = target instanceof Element && target.closest("a") !== null;
  if (!isLink && window.getSelection()?.isCollapsed !== false) window.location.hash = href;
}
