/** The HTTP seam: every request the dashboard makes, and what it may answer. Addresses are relative to the page. */

import type { Job, JobFilter, JobType, Json } from "./jobs";
import type { JobPage } from "./joblist";
import { setClock } from "./clock";

const ANSWERS_WITHIN_MS = 15_000; // the API promises 5 s; a half-open network would never answer

export interface Fault {
  readonly path: string;
  readonly detail: string;
}

/** RFC 9457. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors: readonly Fault[];
}

/** The API refused, and said why. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** No answer came. */
export class Unreachable extends Error {
  constructor() {
    super("The API cannot be reached.");
  }
}

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
  readonly max_attempts?: number;
  readonly timeout_seconds?: number;
  readonly tags?: readonly string[];
}

export async function readJobs(filter: JobFilter, limit: number, signal: AbortSignal): Promise<JobPage> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (filter.status) query.set("status", filter.status);
  if (filter.jobType) query.set("job_type", filter.jobType);
  return readPage(`?${query}`, signal);
}

/** next: the query that a page's Link header named. */
export async function readPage(next: string, signal: AbortSignal): Promise<JobPage> {
  const response = await send(`api/jobs${next}`, { signal });
  return { jobs: (await response.json()) as Job[], next: nextQuery(response.headers.get("Link")) };
}

/** null: there is no such job. */
export async function findJob(id: string, signal: AbortSignal): Promise<Job | null> {
  try {
    const response = await send(`api/jobs/${encodeURIComponent(id)}`, { signal });
    return (await response.json()) as Job;
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

async function send(address: string, { signal, ...init }: RequestInit): Promise<Response> {
  const deadline = AbortSignal.timeout(ANSWERS_WITHIN_MS);
  const response = await answered(address, { ...init, signal: signal ? AbortSignal.any([signal, deadline]) : deadline }, signal);
  setClock(response.headers.get("Date"));
  if (!response.ok) throw new Refused(await problemOf(response));
  return response;
}

async function answered(address: string, init: RequestInit, signal: AbortSignal | null | undefined): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** Whatever stands between us and the API may refuse too, and in other words. */
async function problemOf(response: Response): Promise<Problem> {
  const said = (await response.json().catch(() => ({}))) as Partial<Problem> & { readonly message?: Json };
  const title = said.title ?? (response.statusText || "Refused");
  return {
    title,
    status: response.status,
    detail: said.detail ?? (typeof said.message === "string" ? said.message : `${title} (HTTP ${response.status})`),
    code: said.code ?? "",
    errors: said.errors ?? [],
  };
}
