/** A job's life, step by step, out of what the API tells of it. */

import type { Job, JobFault, JobStatus } from "./jobs";

export type Step =
  | { readonly kind: "created"; readonly at: string }
  | { readonly kind: "due"; readonly at: string; readonly attempt: number }
  | { readonly kind: "waits"; readonly status: JobStatus }
  /** Attempts of which nothing is told: only the last 25 failures are kept. */
  | { readonly kind: "untold"; readonly from: number; readonly to: number }
  | ({ readonly kind: "attempt" } & Attempt)
  | { readonly kind: "cancelling"; readonly at: string }
  /** It failed without an attempt: a job that it depends on has. */
  | { readonly kind: "unstarted"; readonly fault: JobFault }
  | { readonly kind: "finished"; readonly at: string; readonly status: JobStatus };

export interface Attempt {
  readonly attempt: number;
  readonly outcome: "failed" | "completed" | "cancelled" | "running";
  /** null: not told. */
  readonly startedAt: string | null;
  /** null: it goes on. */
  readonly endedAt: string | null;
  readonly workerId: string | null;
  readonly fault: JobFault | null;
}

/** status: as it is shown now, which the clock may have changed. */
export function timelineOf(job: Job, status: JobStatus): readonly Step[] {
  const faults = (job.errors ?? []).toSorted((a, b) => a.attempt - b.attempt);
  const made = faults.filter((fault) => !isUnstarted(fault));
  const attempts = [...made.map(failed), ...lastOf(job, made)];
  return [
    { kind: "created", at: job.created_at },
    ...(wasDelayed(job) ? [{ kind: "due" as const, at: job.run_at, attempt: 1 }] : []),
    ...inOrder(withGaps(attempts, job), faults.filter(isUnstarted)),
    ...(job.cancel_requested_at && job.finished_at === null ? [{ kind: "cancelling" as const, at: job.cancel_requested_at }] : []),
    ...ahead(job, status),
  ];
}

/** Each before the attempts that were made after it. */
function inOrder(steps: readonly Step[], unstarted: readonly JobFault[]): readonly Step[] {
  return unstarted.reduce<readonly Step[]>((told, fault) => {
    const next = told.findIndex((step) => step.kind === "attempt" && (step.startedAt ?? step.endedAt ?? "") > fault.at);
    const place = next < 0 ? told.length : next;
    return [...told.slice(0, place), { kind: "unstarted", fault }, ...told.slice(place)];
  }, steps);
}

/** Somebody's handler may call its error the same, but it has begun. */
function isUnstarted({ type, started_at }: JobFault): boolean {
  return type === "DependencyFailed" && started_at === undefined;
}

/** Its first attempt was due later. Of those that follow only the next one's time is known, and that lies ahead. */
function wasDelayed({ run_at, created_at, attempt, errors = [] }: Job): boolean {
  return attempt <= 1 && errors.length === 0 && Date.parse(run_at) > Date.parse(created_at);
}

function failed(fault: JobFault): Attempt {
  return {
    attempt: fault.attempt,
    outcome: "failed",
    startedAt: fault.started_at ?? null,
    endedAt: fault.at,
    workerId: fault.worker_id ?? null,
    fault,
  };
}

/** The attempt that runs, or that was the last, where it is none of those that failed. */
function lastOf(job: Job, faults: readonly JobFault[]): readonly Attempt[] {
  const outcome = outcomeOf(job);
  if (outcome === null || job.started_at === null || faults.some(({ attempt }) => attempt === job.attempt)) return [];
  return [
    { attempt: job.attempt, outcome, startedAt: job.started_at, endedAt: job.finished_at, workerId: job.worker_id, fault: null },
  ];
}

function outcomeOf({ status }: Job): Attempt["outcome"] | null {
  switch (status) {
    case "RUNNING":
      return "running";
    case "COMPLETED":
      return "completed";
    case "CANCELLED":
      return "cancelled";
    case "FAILED":
      return "failed";
    case "QUEUED":
    case "SCHEDULED":
    case "RETRYING":
    case "BLOCKED":
      return null;
  }
}

function withGaps(attempts: readonly Attempt[], job: Job): readonly Step[] {
  const isWhole = job.errors !== undefined; // a row of a list does not tell them
  let next = 1;
  return attempts.flatMap((attempt): Step[] => {
    const gap = attempt.attempt - 1;
    const untold: Step[] = isWhole && gap >= next ? [{ kind: "untold", from: next, to: gap }] : [];
    next = attempt.attempt + 1;
    return [...untold, { kind: "attempt", ...attempt }];
  });
}

function ahead(job: Job, status: JobStatus): readonly Step[] {
  if (job.finished_at !== null) return [{ kind: "finished", at: job.finished_at, status: job.status }];
  if (status === "RETRYING") return [{ kind: "due", at: job.run_at, attempt: job.attempt + 1 }];
  if (status === "QUEUED" || status === "BLOCKED") return [{ kind: "waits", status }];
  return [];
}
