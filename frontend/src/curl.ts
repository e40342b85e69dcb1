/** Commands that do over HTTP what the page does. */

import { submissionBody, type Submission, type SubmitOptions } from "./api/calls";
import { exactly } from "./exact";
import type { Job, JobType } from "./jobs";

/** origin: where the dashboard is. hasKey: whether callers need one, which commands take from the environment. */
export interface Caller {
  readonly origin: string;
  readonly hasKey: boolean;
}

/** For whoever has submitted none yet. */
export const FIRST_JOB: Submission = { jobType: "process_data", payload: '{"user_id": 101}', options: {} };

export function curlSubmit(caller: Caller, submission: Submission): string {
  const json = [`-H ${quoted("Content-Type: application/json")}`, `-d ${quoted(submissionBody(submission))}`];
  return curl(caller, "api/jobs", ...json);
}

export function curlShow(caller: Caller, id: string): string {
  return curl(caller, `api/jobs/${encodeURIComponent(id)}`);
}

/** Submits the same job again. Defaults stay out of it. */
export function curlAgain(caller: Caller, job: Job, jobType: JobType | undefined): string {
  const options: SubmitOptions = {
    ...(job.queue !== "default" && { queue: job.queue }),
    ...(job.priority !== 0 && { priority: job.priority }),
    ...(job.max_attempts !== jobType?.max_attempts && { max_attempts: job.max_attempts }),
    ...(job.timeout_seconds !== jobType?.timeout_seconds && { timeout_seconds: job.timeout_seconds }),
    ...(job.tags.length > 0 && { tags: job.tags }),
  };
  return curlSubmit(caller, { jobType: job.job_type, payload: exactly(job, "payload"), options });
}

function curl({ origin, hasKey }: Caller, path: string, ...options: readonly string[]): string {
  const key = hasKey ? [`-H "Authorization: Bearer $JOBS_KEY"`] : [];
  return [`curl -sS ${quoted(new URL(path, origin).href)}`, ...key, ...options].join(" \\\n  ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
