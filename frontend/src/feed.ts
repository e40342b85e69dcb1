/** Carries pushed jobs into what was read: the lists, and the jobs read one by one. */

import type { QueryClient } from "@tanstack/react-query";
import { applyUpdate, needsReading, type Job, type JobFilter } from "./jobs";
import { applyUpdates, type JobList } from "./joblist";

export const jobsKey = (filter: JobFilter) => ["jobs", filter] as const;
export const jobKey = (id: string) => ["job", id] as const;

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

  private takeOne(update: Job): void {
    const key = jobKey(update.id);
    const known = this.client.getQueryData<Job | null>(key);
    if (!known || update.version <= known.version) return;
    const told = applyUpdate(known, update);
    this.client.setQueryData<Job | null>(key, told);
    if (needsReading(known, told)) void this.client.invalidateQueries({ queryKey: key });
  }
}
