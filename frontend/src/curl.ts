/** Commands that do over HTTP what the page does. */

import { submissionBody, type Submission, type SubmitOptions } from "./api/calls";
import { exactly } from "./exact";
import type { Job, JobType } from "./jobs";

/** withKey: where callers need one, which the command takes from the environment. */
export function curlSubmit(origin: string, submission: Submission, withKey = false): string {
  return [
    `curl -sS ${quoted(new URL("api/jobs", origin).href)}`,
    ...(withKey ? [`  -H "Authorization: Bearer $JOBS_KEY"`] : []),
    `  -H ${quoted("Content-Type: application/json")}`,
    `  -d ${quoted(submissionBody(submission))}`,
  ].join(" \\\n");
}

export function curlShow(origin: string, id: string): string {
  return `curl -sS ${quoted(new URL(`api/jobs/${encodeURIComponent(id)}`, origin).href)}`;
}

/** Submits the same job again. Defaults stay out of it. */
export function curlAgain(origin: string, job: Job, jobType: JobType | undefined): string {
  const options: SubmitOptions = {
    ...(job.queue !== "default" && { queue: job.queue }),
    ...(job.priority !== 0 && { priority: job.priority }),
    ...(job.max_attempts !== jobType?.max_attempts && { max_attempts: job.max_attempts }),
    ...(job.timeout_seconds !== jobType?.timeout_seconds && { timeout_seconds: job.timeout_seconds }),
    ...(job.tags.length > 0 && { tags: job.tags }),
  };
  return curlSubmit(origin, { jobType: job.job_type, payload: exactly(job, "payload"), options });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
