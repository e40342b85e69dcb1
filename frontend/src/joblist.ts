/**
 * The table's rows: what was read over HTTP, with every push applied.
 *
 * A job's `version` decides between two accounts of it, whichever way and in whichever order they came. Versions of jobs that
 * are not shown are kept as well, so that a late push cannot bring back a row that has left the filter. Rows are sorted by id:
 * a push finds its row by halving, so that a flood costs little however long the list is.
 */

import { matches, type Job, type JobFilter } from "./jobs";

export const MOST_ROWS = 20_000; // some 20 MB
const MOST_LEFT = 1_000;
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
  /** Of the jobs that were heard of last. */
  readonly versions: ReadonlyMap<string, number>;
  /** Rows that have left the filter, as they stand now. */
  readonly left: ReadonlyMap<string, Job>;
  /** When the newest read was begun, in ms since the epoch. */
  readonly readAt: number;
}

export function emptyList(filter: JobFilter): JobList {
  return { filter, rows: [], oldest: "", next: null, versions: new Map(), left: new Map(), readAt: 0 };
}

/** The list with pushed jobs applied. The same object when they told nothing new. */
export function applyUpdates(list: JobList, updates: readonly Job[]): JobList {
  const news = newestOfEach(updates).filter((job) => isNews(list, job));
  if (news.length === 0) return list;
  const gone = news.filter((job) => !belongs(list, job) && rowOf(list, job.id) !== undefined);
  const left = gone.length > 0 ? latest(list.left, gone.map((job) => [job.id, job]), MOST_LEFT) : list.left;
  return bounded({ ...list, left, versions: remembered(list.versions, news) }, placed(list, news));
}

/**
 * The list after its newest page was read again.
 *
 * heard: what was pushed while the answer was on its way. It can be newer than the answer, which may not remove or change it.
 */
export function afterRead(known: JobList, page: JobPage, heard: readonly Job[], readAt: number): JobList {
  const oldest = bottomOf(page);
  const list = { ...known, oldest, next: page.next, readAt };
  const told = newestOfEach(heard);
  const rows = [...newerOfBoth(known, page.jobs, told), ...missedBy(page, list, told)];
  return withRows(list, rows, remembered(known.versions, page.jobs));
}

/** The list with an older page below it. heard: as above; the rows that are shown have it already. */
export function afterMore(known: JobList, page: JobPage, heard: readonly Job[]): JobList {
  const list = { ...known, oldest: bottomOf(page), next: page.next };
  const told = newestOfEach(heard);
  const below = [...newerOfBoth(known, page.jobs, told), ...missedBy(page, list, told)];
  const added = below.filter(({ id }) => rowOf(known, id) === undefined);
  return withRows(list, [...known.rows, ...added], remembered(known.versions, page.jobs));
}

/** What was pushed and belongs to the list, though the answer is without it. */
function missedBy({ jobs }: JobPage, list: JobList, told: readonly Job[]): readonly Job[] {
  const answered = new Set(jobs.map(({ id }) => id));
  return told.filter((job) => !answered.has(job.id) && job.version >= versionOf(list, job.id) && belongs(list, job));
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
  return job.version > versionOf(list, job.id);
}

/** Nothing for what nobody has heard of. */
function versionOf({ rows, versions }: JobList, id: string): number {
  return Math.max(versions.get(id) ?? -1, rows[placeOf(rows, id)]?.version ?? -1);
}

export function rowOf({ rows }: JobList, id: string): Job | undefined {
  return rows[placeOf(rows, id)];
}

/** Where the row is; -1: nowhere. */
function placeOf(rows: readonly Job[], id: string): number {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((rows[middle]?.id ?? "") > id) from = middle + 1;
    else to = middle;
  }
  return rows[from]?.id === id ? from : -1;
}

function belongs({ filter, oldest }: JobList, job: Job): boolean {
  return job.id >= oldest && matches(filter, job);
}

function placed(list: JobList, news: readonly Job[]): readonly Job[] {
  const rows = [...list.rows];
  const gone = new Set<string>();
  const added: Job[] = [];
  for (const job of news) {
    const place = placeOf(rows, job.id);
    if (!belongs(list, job)) gone.add(job.id);
    else if (place < 0) added.push(job);
    else rows[place] = job;
  }
  const kept = gone.size > 0 ? rows.filter(({ id }) => !gone.has(id)) : rows;
  return added.length > 0 ? merged(kept, added.sort(newestFirst)) : kept;
}

/** Both sorted. What is new is mostly newer than all the rest. */
function merged(rows: readonly Job[], added: readonly Job[]): readonly Job[] {
  if ((rows[0]?.id ?? "") < (added.at(-1)?.id ?? "")) return [...added, ...rows];
  return [...rows, ...added].sort(newestFirst);
}

/** Ids are UUIDv7: their order is time's. */
function newestFirst(a: Job, b: Job): number {
  return a.id < b.id ? 1 : -1;
}

/**
 * Of each answered job the newest account; none when that said that it has left the filter. A push of a job that was further
 * down than the rows is in none of them: only its version is known.
 */
function newerOfBoth(known: JobList, answer: readonly Job[], told: readonly Job[]): readonly Job[] {
  const pushed = new Map(told.map((job) => [job.id, job]));
  return answer.flatMap((job) => {
    const push = pushed.get(job.id);
    const newest = push !== undefined && push.version > job.version ? push : job;
    if (newest.version < versionOf(known, job.id)) return rowOf(known, job.id) ?? [];
    return newest === job || matches(known.filter, newest) ? newest : [];
  });
}

function withRows(list: JobList, rows: readonly Job[], versions: ReadonlyMap<string, number>): JobList {
  return bounded({ ...list, versions }, rows.toSorted(newestFirst));
}

function bounded(list: JobList, sorted: readonly Job[]): JobList {
  if (sorted.length <= MOST_ROWS) return { ...list, rows: sorted };
  const most = sorted.slice(0, MOST_ROWS);
  // The next page would no longer begin where these rows end.
  return { ...list, rows: most, oldest: most.at(-1)?.id ?? "", next: null };
}

function remembered(versions: ReadonlyMap<string, number>, jobs: readonly Job[]): ReadonlyMap<string, number> {
  const newest = jobs.slice(-MOST_VERSIONS).map(({ id, version }) => [id, Math.max(version, versions.get(id) ?? -1)] as const);
  return latest(versions, newest, MOST_VERSIONS);
}

/** With these as the last ones: a Map keeps the order of insertion. The first of too many are forgotten. */
function latest<T>(known: ReadonlyMap<string, T>, told: readonly (readonly [string, T])[], most: number): ReadonlyMap<string, T> {
  const all = new Map(known);
  for (const [id, value] of told) {
    all.delete(id);
    all.set(id, value);
  }
  for (const id of all.keys()) {
    if (all.size <= most) break;
    all.delete(id);
  }
  return all;
}
