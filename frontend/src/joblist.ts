/**
 * The table's rows: what was read over HTTP, with every push applied.
 *
 * A job's `version` decides between two accounts of it, whichever way and in whichever order they came. Versions of jobs that
 * are not shown are kept as well, so that a late push cannot bring back a row that has left the filter.
 */

import { matches, type Job, type JobFilter } from "./jobs";

export const MOST_ROWS = 500;
const MOST_VERSIONS = 5_000; // some 400 KB; the longest unheard-of are forgotten first

const JOB_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Where the next page is; null on the last. */
  readonly next: string | null;
}

export interface JobList {
  readonly filter: JobFilter;
  /** Newest first, without gaps from the newest down to `oldest`. */
  readonly rows: readonly Job[];
  /** The id down to which rows are complete; empty when they go back to the very first job. */
  readonly oldest: string;
  /** Where the rows below are; null when there are none, or when no more are to be shown. */
  readonly next: string | null;
  readonly versions: ReadonlyMap<string, number>;
  /** When the newest read was begun, in ms since the epoch. */
  readonly readAt: number;
}

export function emptyList(filter: JobFilter): JobList {
  return { filter, rows: [], oldest: "", next: null, versions: new Map(), readAt: 0 };
}

/** The list with pushed jobs applied. The same object when they told nothing new. */
export function applyUpdates(list: JobList, updates: readonly Job[]): JobList {
  const news = newestOfEach(updates).filter((job) => isNews(list, job));
  if (news.length === 0) return list;
  return withRows(list, placed(list, news), remembered(list.versions, news));
}

/**
 * The list after its newest page was read again.
 *
 * heard: ids that were pushed while the answer was on its way. They are the only rows that an answer without them may not
 * remove: they can be newer than it is.
 */
export function afterRead(known: JobList, page: JobPage, heard: ReadonlySet<string>, readAt: number): JobList {
  const answered = new Set(page.jobs.map((job) => job.id));
  const oldest = bottomOf(page);
  const kept = known.rows.filter((row) => heard.has(row.id) && !answered.has(row.id) && row.id > oldest);
  const rows = [...kept, ...newerOfBoth(known, page.jobs)];
  return withRows({ ...known, oldest, next: page.next, readAt }, rows, remembered(known.versions, page.jobs));
}

/** The list with an older page below it. */
export function afterMore(known: JobList, page: JobPage): JobList {
  const oldest = bottomOf(page);
  const shown = new Set(known.rows.map((row) => row.id));
  const added = newerOfBoth(known, page.jobs).filter((job) => !shown.has(job.id));
  return withRows(
    { ...known, oldest, next: page.next },
    [...known.rows, ...added],
    remembered(known.versions, page.jobs),
  );
}

/** A short page may have looked further down than its last job: its cursor is the id that it came to. */
function bottomOf({ jobs, next }: JobPage): string {
  if (next === null) return "";
  const cursor = new URLSearchParams(next).get("cursor") ?? "";
  return JOB_ID.test(cursor) ? cursor : (jobs.at(-1)?.id ?? "");
}

/** What is known already of another filter's rows: something to look at while they are being read. */
export function narrowed(list: JobList, filter: JobFilter): JobList {
  return { ...list, filter, rows: list.rows.filter((job) => matches(filter, job)) };
}

function newestOfEach(updates: readonly Job[]): readonly Job[] {
  const newest = new Map<string, Job>();
  for (const job of updates) {
    if (job.version > (newest.get(job.id)?.version ?? -1)) newest.set(job.id, job);
  }
  return [...newest.values()];
}

function isNews(list: JobList, job: Job): boolean {
  return job.version > (list.versions.get(job.id) ?? -1);
}

function placed(list: JobList, news: readonly Job[]): readonly Job[] {
  const rows = new Map(list.rows.map((row) => [row.id, row]));
  for (const job of news) {
    if (matches(list.filter, job) && job.id >= list.oldest) rows.set(job.id, job);
    else rows.delete(job.id);
  }
  return [...rows.values()];
}

/** Of each answered job the newer account; none when the newer one said that it has left the filter. */
function newerOfBoth(known: JobList, answer: readonly Job[]): readonly Job[] {
  const rows = new Map(known.rows.map((row) => [row.id, row]));
  return answer.flatMap((job) => {
    const isOlder = job.version < (known.versions.get(job.id) ?? -1);
    return isOlder ? (rows.get(job.id) ?? []) : job;
  });
}

function withRows(list: JobList, rows: readonly Job[], versions: ReadonlyMap<string, number>): JobList {
  const sorted = rows.toSorted((a, b) => (a.id < b.id ? 1 : -1)); // ids are UUIDv7: their order is time's
  if (sorted.length <= MOST_ROWS) return { ...list, rows: sorted, versions };
  const most = sorted.slice(0, MOST_ROWS);
  // The next page would no longer begin where these rows end.
  return { ...list, rows: most, versions, oldest: most.at(-1)?.id ?? "", next: null };
}

function remembered(versions: ReadonlyMap<string, number>, jobs: readonly Job[]): ReadonlyMap<string, number> {
  const all = new Map(versions);
  for (const job of jobs) {
    const newest = Math.max(job.version, all.get(job.id) ?? -1);
    all.delete(job.id); // to the end: a Map keeps the order of insertion
    all.set(job.id, newest);
  }
  for (const id of all.keys()) {
    if (all.size <= MOST_VERSIONS) break;
    all.delete(id);
  }
  return all;
}
