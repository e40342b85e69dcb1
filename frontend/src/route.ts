/** Addresses within the page, as text: for rows by the hundred, which need no more than an `href`. */

import type { JobFilter } from "./jobs";
import { written } from "./search";

export interface Route {
  readonly jobId: string | null;
  readonly filter: JobFilter;
}

export function hrefTo({ jobId, filter }: Route): string {
  const path = jobId ? `#/jobs/${encodeURIComponent(jobId)}` : "#/jobs";
  return path + written({ status: filter.status, job_type: filter.jobType, queue: filter.queue, tag: filter.tag });
}

export function goTo(route: Route): void {
  window.location.hash = hrefTo(route);
}

export function queueHref(name: string): string {
  return `#/queues/${encodeURIComponent(name)}`;
}
