/** What comes over the WebSocket. Older workers send the first two, Resync and Pong alone. */

import type { Job, JobStatus } from "./jobs";
import type { LogLine } from "./joblog";

export interface QueueNow {
  readonly name: string;
  readonly paused: boolean;
  readonly depth: Readonly<Partial<Record<JobStatus, number>>>;
  readonly oldest_age_seconds: number | null;
  readonly in_per_minute: number;
  readonly out_per_minute: number;
}

/** How the whole system does at a moment. */
export interface StatsNow {
  readonly at: string;
  readonly counts: Readonly<Partial<Record<JobStatus, number>>>;
  readonly in_per_minute: number;
  readonly out_per_minute: number;
  readonly oldest_age_seconds: number | null;
  readonly workers: number;
  /** null: not known, as it was polled. */
  readonly connections: number | null;
  /** At most fifty where they were pushed. */
  readonly queues: readonly QueueNow[];
}

/** Lines after a cursor, up to another. Without lines, but with a later cursor: there are too many to push. */
export interface JobLogs {
  readonly job_id: string;
  readonly after: string;
  readonly data: readonly LogLine[];
  readonly cursor: string;
}

export type Frame = (
  | { readonly type: "JobStatusUpdate"; readonly data: Job }
  | { readonly type: "JobStatusUpdates"; readonly data: readonly Job[] }
  | { readonly type: "Subscribed" }
  | { readonly type: "Resync" }
  | { readonly type: "Stats"; readonly data: StatsNow }
  | ({ readonly type: "JobLogs" } & JobLogs)
  | { readonly type: "Error"; readonly code: string; readonly detail: string }
  | { readonly type: "Pong" }
) & {
  /** Of the newest change told so far: where to go on after a lost connection. */
  readonly event_id?: string;
};
