/** Requests about jobs that say more than the typed client can: pages that are gathered, payloads as they were written. */

import { Refused, send, type Problem } from "../http";
import { now } from "../clock";
import type { BulkMove, BulkProgress, Order } from "../bulk";
import { conditionsOf } from "../jobfilter";
import type { Job, JobFilter, JobType } from "../jobs";
import type { JobPage } from "../joblist";
import type { LogPage } from "../joblog";
import { gathered } from "../shortpages";

const LOG_LINES = 1_000; // the most that one answer holds
const PAGE_ROWS = 1_000; // the same of jobs

export interface Submission {
  readonly jobType: string;
  /** JSON text, sent as it was written: numbers keep their digits. */
  readonly payload: string;
  readonly options: SubmitOptions;
}

export interface SubmitOptions {
  readonly queue?: string;
  readonly priority?: number;
  readonly delay_seconds?: number;
  readonly run_at?: string;
  readonly max_attempts?: number;
  readonly timeout_seconds?: number;
  readonly tags?: readonly string[];
  readonly concurrency_key?: string;
  readonly depends_on?: readonly string[];
  readonly if_dependency_fails?: "fail" | "run";
  readonly unique?: Unique;
}

/** That there is to be one such job. */
export interface Unique {
  readonly for?: "queued" | "unfinished" | number;
  readonly key?: string;
  readonly on_conflict?: "return" | "replace" | "replace_payload" | "replace_run_at";
}

export async function readJobs(filter: JobFilter, wanted: number, signal: AbortSignal): Promise<JobPage> {
  return gathered(`?${jobsQuery(filter, Math.min(PAGE_ROWS, wanted))}`, wanted, (query) => readPage(query, signal));
}

/** next: the query that a page's Link header named. */
export async function readOlderJobs(next: string, wanted: number, signal: AbortSignal): Promise<JobPage> {
  const query = new URLSearchParams(next);
  query.set("limit", String(wanted));
  return gathered(`?${query}`, wanted, (page) => readPage(page, signal));
}

async function readPage(query: string, signal: AbortSignal): Promise<JobPage> {
  const response = await send(`api/jobs${query}`, { signal });
  const jobs = ((await response.json()) as Job[]).map(withoutPayload);
  return { jobs, next: nextQuery(response.headers.get("Link")) };
}

/** No list shows payloads, so none is asked for: that is not "null", but not known. */
function withoutPayload(job: Job): Job {
  return { ...job, omitted: [...(job.omitted ?? []), "payload"] };
}

export function jobsQuery(filter: JobFilter, limit: number): URLSearchParams {
  return new URLSearchParams({ limit: String(limit), exclude: "payload", ...conditionsOf(filter, now()) });
}

/** null: there is no such job. */
export async function findJob(id: string, signal: AbortSignal): Promise<Job | null> {
  try {
    const response = await send(`api/jobs/${encodeURIComponent(id)}`, { signal });
    const source = await response.text();
    return { ...(JSON.parse(source) as Job), source };
  } catch (error) {
    if (error instanceof Refused && isUnknownJob(error.problem)) return null;
    throw error;
  }
}

export async function readJobTypes(signal: AbortSignal): Promise<readonly JobType[]> {
  const response = await send("api/job-types", { signal });
  return (await response.json()) as JobType[];
}

export async function submitJob(submission: Submission): Promise<Job> {
  const response = await send("api/jobs", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: submissionBody(submission),
  });
  return (await response.json()) as Job;
}

export async function copyJob(id: string): Promise<Job> {
  return changed(id, "copy");
}

export async function cancelJob(id: string): Promise<Job> {
  return changed(id, "cancel");
}

export async function reviveJob(id: string): Promise<Job> {
  return changed(id, "revive");
}

async function changed(id: string, move: "copy" | "cancel" | "revive"): Promise<Job> {
  const response = await send(`api/jobs/${encodeURIComponent(id)}/${move}`, { method: "POST" });
  return (await response.json()) as Job;
}

/** Moves the jobs that the order names, or counts them: as many as fit into one call. */
export async function moveJobs(move: BulkMove, order: Order): Promise<BulkProgress> {
  const headers = { "Content-Type": "application/json" };
  const response = await send(`api/jobs/${move}`, { method: "POST", headers, body: JSON.stringify(order) });
  return (await response.json()) as BulkProgress;
}

/** What handlers logged after the cursor; from the beginning without one. */
export async function readLogs(id: string, cursor: string | null, signal: AbortSignal): Promise<LogPage> {
  const query = new URLSearchParams({ limit: String(LOG_LINES) });
  if (cursor) query.set("cursor", cursor);
  const response = await send(`api/jobs/${encodeURIComponent(id)}/logs?${query}`, { signal });
  return (await response.json()) as LogPage;
}

export function submissionBody({ jobType, payload, options }: Submission): string {
  const rest = Object.entries({ ...options }).map(([name, value]) => `, ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return `{"job_type": ${JSON.stringify(jobType)}, "payload": ${payload.trim()}${rest.join("")}}`;
}

/** The query of a Link header's next page. Only that: behind a proxy the path may be another. */
export function nextQuery(link: string | null): string | null {
  const address = /<([^>]*)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  return address?.match(/\?.*$/)?.[0] ?? null;
}

function isUnknownJob({ status, code }: Problem): boolean {
  return status === 404 || (status === 422 && code === "invalid_input");
}
