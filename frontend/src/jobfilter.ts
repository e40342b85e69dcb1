/** Which jobs a list shows, and the same in the API's words. */

import { now } from "./clock";
import type { Job, JobStatus } from "./jobs";

const MINUTE = 60_000;

/** How far back a list goes, in ms: it moves along with the clock. */
export const SPANS = { "15m": 15 * MINUTE, "1h": 60 * MINUTE, "24h": 1_440 * MINUTE, "7d": 10_080 * MINUTE } as const;

export type Within = keyof typeof SPANS;

export interface JobFilter {
  readonly status: JobStatus | null;
  readonly jobType: string | null;
  readonly queue: string | null;
  readonly tag: string | null;
  /** A concurrency key. */
  readonly key: string | null;
  /** The first digits of ids. */
  readonly id: string | null;
  readonly within: Within | null;
  /** Since then, inclusive; and before that. They give way to `within`. */
  readonly after: string | null;
  readonly before: string | null;
}

export const ALL_JOBS: JobFilter = {
  status: null,
  jobType: null,
  queue: null,
  tag: null,
  key: null,
  id: null,
  within: null,
  after: null,
  before: null,
};

/** As `GET /jobs` and the bulk calls take them. */
export interface Conditions {
  readonly status?: JobStatus;
  readonly job_type?: string;
  readonly queue?: string;
  readonly tag?: string;
  readonly concurrency_key?: string;
  readonly id?: string;
  readonly created_after?: string;
  readonly created_before?: string;
}

/** All that it says but times, as the API and addresses call it. */
export function namesOf(filter: JobFilter) {
  return {
    ...(filter.status && { status: filter.status }),
    ...(filter.jobType && { job_type: filter.jobType }),
    ...(filter.queue && { queue: filter.queue }),
    ...(filter.tag && { tag: filter.tag }),
    ...(filter.key && { concurrency_key: filter.key }),
    ...(filter.id && { id: filter.id }),
  };
}

/** at: ms since the epoch, from which `within` is reckoned back. */
export function conditionsOf(filter: JobFilter, at: number): Conditions {
  const { after, before } = timesOf(filter, at);
  return {
    ...namesOf(filter),
    ...(after && { created_after: after }),
    ...(before && { created_before: before }),
  };
}

export function matches(filter: JobFilter, job: Job, at: number = now()): boolean {
  return (
    (filter.status === null || filter.status === job.status) &&
    (filter.jobType === null || filter.jobType === job.job_type) &&
    (filter.queue === null || filter.queue === job.queue) &&
    (filter.tag === null || job.tags.includes(filter.tag)) &&
    (filter.key === null || filter.key === job.concurrency_key) &&
    (filter.id === null || digits(job.id).startsWith(digits(filter.id))) &&
    isWithin(filter, job.id, at)
  );
}

export function isEverything(filter: JobFilter): boolean {
  return Object.values(filter).every((value) => value === null);
}

/** Whether it can be the beginning of an id. */
export function isIdPrefix(text: string): boolean {
  return /^[0-9a-f](-?[0-9a-f]){0,31}-?$/i.test(text);
}

/** When an id was made, in ms since the epoch; null: it is no UUIDv7. */
export function madeAt(id: string): number | null {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(id) ? parseInt(digits(id).slice(0, 12), 16) : null;
}

function isWithin(filter: JobFilter, id: string, at: number): boolean {
  const { after, before } = timesOf(filter, at);
  if (after === null && before === null) return true;
  const made = parseInt(digits(id).slice(0, 12), 16);
  return (after === null || made >= Date.parse(after)) && (before === null || made < Date.parse(before));
}

function timesOf({ within, after, before }: JobFilter, at: number): Pick<JobFilter, "after" | "before"> {
  return within ? { after: new Date(at - SPANS[within]).toISOString(), before: null } : { after, before };
}

function digits(id: string): string {
  return id.replaceAll("-", "").toLowerCase();
}
