/** Where the reader is, as the address says it: #/jobs, #/jobs/<id>, either with ?status=…&job_type=…&queue=…&tag=… */

import { STATUSES, type JobFilter, type JobStatus } from "./jobs";

export interface Route {
  readonly jobId: string | null;
  readonly filter: JobFilter;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [page, jobId] = path.split("/");
  const asked = new URLSearchParams(query);
  return {
    jobId: page === "jobs" && jobId ? decoded(jobId) : null,
    filter: {
      status: knownStatus(asked.get("status")),
      jobType: asked.get("job_type"),
      queue: asked.get("queue"),
      tag: asked.get("tag"),
    },
  };
}

export function hrefTo({ jobId, filter }: Route): string {
  const query = new URLSearchParams();
  if (filter.status) query.set("status", filter.status);
  if (filter.jobType) query.set("job_type", filter.jobType);
  if (filter.queue) query.set("queue", filter.queue);
  if (filter.tag) query.set("tag", filter.tag);
  const path = jobId ? `#/jobs/${encodeURIComponent(jobId)}` : "#/jobs";
  return query.size > 0 ? `${path}?${query}` : path;
}

export function goTo(route: Route): void {
  window.location.hash = hrefTo(route);
}

function knownStatus(asked: string | null): JobStatus | null {
  return STATUSES.find((status) => status === asked) ?? null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not an id, and will not be found
  }
}
