/** Addresses within the page, as text: for rows by the hundred, which need no more than an `href`. */

import type { JobFilter } from "./jobs";
import { searchOf, written } from "./search";

export interface Route {
  readonly jobId: string | null;
  readonly filter: JobFilter;
}

export function hrefTo({ jobId, filter }: Route): string {
  const path = jobId ? `#/jobs/${encodeURIComponent(jobId)}` : "#/jobs";
  return path + written({ ...searchOf(filter) });
}

/** isStep: whether Back leads to where the reader was. */
export function goTo(route: Route, isStep = true): void {
  if (isStep) window.location.hash = hrefTo(route);
  else window.location.replace(hrefTo(route));
}

export function queueHref(name: string): string {
  return `#/queues/${encodeURIComponent(name)}`;
}
