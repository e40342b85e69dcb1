/** Jobs as they stand on the wire, and the rules about one job. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export const STATUSES = [
  "QUEUED",
  "SCHEDULED",
  "RETRYING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
  "BLOCKED",
] as const;

export type JobStatus = (typeof STATUSES)[number];

export interface Progress {
  readonly fraction: number;
  readonly message: string;
}

export interface JobFault {
  readonly attempt: number;
  readonly at: string;
  /** Not told of attempts of long ago. */
  readonly started_at?: string;
  readonly worker_id?: string;
  readonly type: string;
  readonly message: string;
  /** Empty for viewers. */
  readonly traceback: string;
}

export interface Job {
  readonly id: string;
  readonly job_type: string;
  readonly payload: Json;
  readonly status: JobStatus;
  readonly result: Json;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly worker_id: string | null;
  readonly queue: string;
  readonly priority: number;
  readonly run_at: string;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly version: number;
  readonly error: string | null;
  readonly progress: Progress | null;
  readonly tags: readonly string[];
  readonly timeout_seconds: number;
  readonly cancel_requested_at?: string | null;
  readonly concurrency_key?: string | null;
  readonly schedule?: string | null;
  readonly scheduled_for?: string | null;
  readonly depends_on?: readonly string[];
  /** Failed attempts; only where one job is read by its id. */
  readonly errors?: readonly JobFault[];
  /** The answer itself, of a job that was read by its id: what is in it as it was written. */
  readonly source?: string;
  /** What was too large for a list or a push, and is null there. */
  readonly omitted?: readonly ("payload" | "result")[];
}

export interface JobType {
  readonly name: string;
  readonly description: string;
  readonly timeout_seconds: number;
  readonly max_attempts: number;
  readonly schema: JsonSchema;
}

export type JsonSchema = Readonly<Record<string, unknown>>;


export { ALL_JOBS, matches, type JobFilter } from "./jobfilter";

/** SCHEDULED and RETRYING mean "queued, but not due": when the time has come they are QUEUED, and nobody pushes that. */
export function statusAt(job: Job, now: number): JobStatus {
  const waits = job.status === "SCHEDULED" || job.status === "RETRYING";
  return waits && Date.parse(job.run_at) <= now ? "QUEUED" : job.status;
}

export function attemptOf({ attempt, max_attempts }: Job): string {
  return `${attempt} of ${max_attempts}`;
}

export type JobMove = "copy" | "cancel" | "revive";

/** What a reader may ask of a job as it stands. */
export function movesOf({ status, cancel_requested_at }: Job): readonly JobMove[] {
  switch (status) {
    case "FAILED":
    case "CANCELLED":
      return ["copy", "revive"];
    case "COMPLETED":
      return ["copy"];
    case "QUEUED":
    case "SCHEDULED":
    case "RETRYING":
    case "RUNNING":
    case "BLOCKED":
      return cancel_requested_at ? ["copy"] : ["copy", "cancel"];
  }
}

/** A job read by its id with a push applied. What the push leaves out is kept: a payload never changes. */
export function applyUpdate(known: Job, update: Job): Job {
  if (update.version <= known.version) return known;
  const keepsPayload = isOmitted(update, "payload") && !isOmitted(known, "payload");
  return {
    ...update,
    payload: keepsPayload ? known.payload : update.payload,
    omitted: (update.omitted ?? []).filter((field) => !(field === "payload" && keepsPayload)),
    ...(known.errors && { errors: known.errors }),
    ...(known.source !== undefined && { source: known.source }),
  };
}

/** Whether a push told only part of the story: something is left out, or `errors` may have grown. Mere progress tells all. */
export function needsReading(before: Job, after: Job): boolean {
  const hasMoved = after.status !== before.status || after.attempt !== before.attempt || after.error !== before.error;
  return hasMoved || (after.omitted ?? []).length > 0;
}

export function isOmitted(job: Job, field: "payload" | "result"): boolean {
  return job.omitted?.includes(field) ?? false;
}
