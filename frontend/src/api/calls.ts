/** Requests about jobs that say more than the typed client can: pages that are gathered, payloads as they were written. */

import { Refused, send, type Problem } from "../http";
import type { Job, JobFilter, JobType } from "../jobs";
import type { JobPage } from "../joblist";
import type { LogPage } from "../joblog";
import { gathered } from "../shortpages";

const LOG_LINES = 1_000; // the most that one answer holds

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
  readonly unique?: Unique;
}

/** That there is to be one such job. */
export interface Unique {
  readonly for?: "queued" | "unfinished" | number;
  readonly key?: string;
  readonly on_conflict?: "return" | "replace" | "replace_payload" | "replace_run_at";
}

export async function readJobs(filter: JobFilter, wanted: number, signal: AbortSignal): Promise<JobPage> {
  return gathered(`?${jobsQuery(filter, wanted)}`, wanted, (query) => readPage(query, signal));
}

/** next: the query that a page's Link header named. */
export async function readOlderJobs(next: string, wanted: number, signal: AbortSignal): Promise<JobPage> {
  return gathered(next, wanted, (query) => readPage(query, signal));
}

async function readPage(query: string, signal: AbortSignal): Promise<JobPage> {
  const response = await send(`api/jobs${query}`, { signal });
  return { jobs: (await response.json()) as Job[], next: nextQuery(response.headers.get("Link")) };
}

export function jobsQuery(filter: JobFilter, limit: number): URLSearchParams {
  const query = new URLSearchParams({ limit: String(limit) });
  if (filter.status) query.set("status", filter.status);
  if (filter.jobType) query.set("job_type", filter.jobType);
  if (filter.queue) query.set("queue", filter.queue);
  if (filter.tag) query.set("tag", filter.tag);
  return query;
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
