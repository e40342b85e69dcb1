/** Carries what is pushed into what was read: jobs into the lists and those read one by one, log lines, the state of it all. */

import type { QueryClient } from "@tanstack/react-query";
import type { JobLogs, StatsNow } from "./frames";
import { taken, type JobLog } from "./joblog";
import { applyUpdate, needsReading, type Job, type JobFilter } from "./jobs";
import { applyUpdates, type JobList } from "./joblist";

export const jobsKey = (filter: JobFilter) => ["jobs", filter] as const;
export const jobKey = (id: string) => ["job", id] as const;
/** isGrowing: while lines may be added, they are followed; after that it is read once more. */
export const logKey = (id: string, isGrowing: boolean) => ["log", id, isGrowing] as const;
export const nowKey = ["now"] as const;

/** How the whole system does, and whether a push said so. */
export type SystemNow = StatsNow & { readonly isPushed: boolean };

/** Of two accounts the later one: an answer may come after a push that was younger. */
export function newer(known: SystemNow | undefined, told: SystemNow): SystemNow {
  return known && Date.parse(known.at) > Date.parse(told.at) ? known : told;
}

export class Feed {
  private readonly listeners = new Set<(jobs: readonly Job[]) => void>();

  constructor(private readonly client: QueryClient) {}

  /** Every push from now on, until the returned function is called. */
  listen(listener: (jobs: readonly Job[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  readonly take = (jobs: readonly Job[]): void => {
    for (const listener of this.listeners) listener(jobs);
    this.client.setQueriesData<JobList>({ queryKey: ["jobs"] }, (list) => list && applyUpdates(list, jobs));
    for (const job of jobs) this.takeOne(job);
  };

  readonly takeStats = (stats: StatsNow): void => {
    if (this.client.getQueryState(nowKey) === undefined) return; // nobody looks any more
    this.client.setQueryData<SystemNow>(nowKey, (known) => newer(known, { ...stats, isPushed: true }));
  };

  readonly takeLogs = (logs: JobLogs): void => {
    const key = logKey(logs.job_id, true);
    const known = this.client.getQueryData<JobLog>(key);
    if (known === undefined) return; // it is being read, or nobody looks
    const told = taken(known, logs);
    if (told === "gap") void this.client.invalidateQueries({ queryKey: key });
    else this.client.setQueryData<JobLog>(key, told);
  };

  private takeOne(update: Job): void {
    const key = jobKey(update.id);
    const known = this.client.getQueryData<Job | null>(key);
    if (!known || update.version <= known.version) return;
    const told = applyUpdate(known, update);
    this.client.setQueryData<Job | null>(key, told);
    if (needsReading(known, told)) void this.client.invalidateQueries({ queryKey: key });
  }
}
