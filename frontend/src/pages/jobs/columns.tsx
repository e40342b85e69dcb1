import type { Column } from "../../components/DataTable";
import { None } from "../../components/None";
import { StatusBadge } from "../../components/StatusBadge";
import { Span, Time } from "../../components/Time";
import { now } from "../../clock";
import type { Choice } from "../../columns";
import { useWhileLive } from "../../hooks";
import { attemptOf, statusAt, type Job } from "../../jobs";
import type { ShownJob } from "../../shown";
import { Outcome } from "./Outcome";

export const COLUMNS: readonly Column<ShownJob>[] = [
  { id: "id", name: "ID", width: "9.5rem", isFixed: true, card: "start", cell: ({ id }) => <ShortId id={id} /> },
  { id: "status", name: "Status", width: "8.25rem", isFixed: true, card: "end", cell: (job) => <Status job={job} /> },
  { id: "type", name: "Type", width: "9rem", card: "start", cell: ({ job_type }) => <span title={job_type}>{job_type}</span> },
  { id: "queue", name: "Queue", width: "7rem", isHidden: true, card: "none", cell: ({ queue }) => <span title={queue}>{queue}</span> },
  { id: "created", name: "Created", width: "5.25rem", card: "end", cell: ({ created_at }) => <Moment at={created_at} /> },
  { id: "started", name: "Started", width: "5.25rem", card: "none", cell: ({ started_at }) => <Moment at={started_at} /> },
  { id: "finished", name: "Finished", width: "8.75rem", card: "none", cell: (job) => <Finished job={job} /> },
  { id: "due", name: "Due", width: "5.25rem", isHidden: true, card: "none", cell: ({ run_at }) => <Moment at={run_at} /> },
  { id: "attempt", name: "Attempt", width: "4.75rem", card: "none", cell: (job) => <span className="text-muted">{attemptOf(job)}</span> },
  { id: "priority", name: "Priority", width: "4.5rem", align: "end", isHidden: true, card: "none", cell: ({ priority }) => priority },
  { id: "tags", name: "Tags", width: "9rem", isHidden: true, card: "none", cell: ({ tags }) => <Words words={tags.join(", ")} /> },
  { id: "key", name: "Key", width: "8rem", isHidden: true, card: "none", cell: ({ concurrency_key }) => <Words words={concurrency_key} /> },
  { id: "schedule", name: "Schedule", width: "8rem", isHidden: true, card: "none", cell: ({ schedule }) => <Words words={schedule} /> },
  { id: "worker", name: "Worker", width: "9rem", isHidden: true, card: "none", cell: ({ worker_id }) => <Words words={worker_id} /> },
  { id: "outcome", name: "Outcome", card: "plain", cell: (job) => <OutcomeNow job={job} /> },
];

/** Beside an open job, which says all that itself. */
export const NARROW: Choice = Object.fromEntries(
  COLUMNS.filter(({ id }) => !["id", "status", "type", "created", "outcome"].includes(id)).map(({ id }) => [id, false]),
);

/** For tests and for colours. */
export function aboutRow(job: ShownJob): Readonly<Record<string, string>> {
  return {
    testid: "job-row",
    "job-id": job.id,
    status: statusAt(job, now()),
    ...(job.hasLeft && { left: "true" }),
  };
}

/** The first eight digits are time alone, and alike for a minute: the last ones tell jobs apart. */
function ShortId({ id }: { readonly id: string }) {
  return (
    <code title={id}>
      {id.slice(0, 8)}…{id.slice(-6)}
    </code>
  );
}

function Status({ job }: { readonly job: ShownJob }) {
  const status = useWhileLive((time) => statusAt(job, time));
  return (
    <span title={job.hasLeft && "It does not match the filter any more"}>
      <StatusBadge status={status} />
    </span>
  );
}

function OutcomeNow({ job }: { readonly job: Job }) {
  const status = useWhileLive((time) => statusAt(job, time));
  return <Outcome job={job} status={status} />;
}

function Moment({ at }: { readonly at: string | null }) {
  return at === null ? <None /> : <span className="text-muted"><Time at={at} /></span>;
}

function Words({ words }: { readonly words: string | null | undefined }) {
  return words ? <span title={words}>{words}</span> : <None />;
}

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
    <span className="text-muted">
      <Time at={finished_at} />
      {started_at && (
        <>
          {" · "}
          <Span from={started_at} to={finished_at} />
        </>
      )}
    </span>
  );
}
