/** Commands that do over HTTP what the page does. */

import { submissionBody, type Submission } from "./api";

export function curlSubmit(origin: string, submission: Submission): string {
  return [
    `curl -sS ${quoted(new URL("api/jobs", origin).href)}`,
    `  -H ${quoted("Content-Type: application/json")}`,
    `  -d ${quoted(submissionBody(submission))}`,
  ].join(" \\\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
