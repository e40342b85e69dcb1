/** What stands behind the `?` of an address. All of it is text, and what nobody knows is dropped. */

import { ALL_JOBS, isIdPrefix, namesOf, SPANS, type JobFilter, type Within } from "./jobfilter";
import { STATUSES, type JobStatus } from "./jobs";
import { RANGE_NAMES, type RangeName } from "./series";

export type Raw = Readonly<Record<string, unknown>>;

/** Texts stay texts: a tag "123" is no number, and old links have no quotes. */
export function parsed(query: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

export function written(search: Raw): string {
  const given = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string" && entry[1] !== "");
  const query = new URLSearchParams(given).toString();
  return query && `?${query}`;
}

/** A text that was given; undefined for none, so that it can be left out. */
export function text(raw: Raw, name: string): string | undefined {
  const value = raw[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** One of the words that are known. */
export function oneOf<T extends string>(raw: Raw, name: string, words: readonly T[]): T | undefined {
  return words.find((word) => word === raw[name]);
}

/** The filter bar, in the words of `GET /jobs`; and `within`, which the API does not know. */
export interface JobsSearch {
  readonly status?: JobStatus;
  readonly queue?: string;
  readonly job_type?: string;
  readonly tag?: string;
  readonly concurrency_key?: string;
  readonly id?: string;
  readonly within?: Within;
  readonly created_after?: string;
  readonly created_before?: string;
}

export function jobsSearch(raw: Raw): JobsSearch {
  return given({
    status: oneOf(raw, "status", STATUSES),
    queue: text(raw, "queue"),
    job_type: text(raw, "job_type"),
    tag: text(raw, "tag"),
    concurrency_key: text(raw, "concurrency_key"),
    id: [text(raw, "id") ?? ""].find(isIdPrefix),
    within: oneOf(raw, "within", Object.keys(SPANS) as Within[]),
    created_after: moment(raw, "created_after"),
    created_before: moment(raw, "created_before"),
  });
}

/** In the words of `GET /schedules`. */
export interface SchedulesSearch {
  readonly state?: "active" | "paused" | "ended";
  readonly job_type?: string;
  readonly queue?: string;
}

export function schedulesSearch(raw: Raw): SchedulesSearch {
  return given({
    state: oneOf(raw, "state", ["active", "paused", "ended"] as const),
    job_type: text(raw, "job_type"),
    queue: text(raw, "queue"),
  });
}

/** In the words of `GET /audit`. */
export interface AuditSearch {
  readonly action?: string;
  readonly actor?: string;
  readonly since?: string;
  readonly until?: string;
}

export function auditSearch(raw: Raw): AuditSearch {
  return given({
    action: text(raw, "action"),
    actor: text(raw, "actor"),
    since: moment(raw, "since"),
    until: moment(raw, "until"),
  });
}

/** With only what is there. */
function given<T extends object>(values: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}

/** As the API takes it, also where a day alone was written. */
function moment(raw: Raw, name: string): string | undefined {
  const value = text(raw, name);
  const at = value !== undefined && /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

export function filterOf(search: JobsSearch): JobFilter {
  return {
    ...ALL_JOBS,
    status: search.status ?? null,
    jobType: search.job_type ?? null,
    queue: search.queue ?? null,
    tag: search.tag ?? null,
    key: search.concurrency_key ?? null,
    id: search.id ?? null,
    within: search.within ?? null,
    after: search.created_after ?? null,
    before: search.created_before ?? null,
  };
}

export function searchOf(filter: JobFilter): JobsSearch {
  return {
    ...namesOf(filter),
    ...(filter.within && { within: filter.within }),
    ...(filter.after && { created_after: filter.after }),
    ...(filter.before && { created_before: filter.before }),
  };
}

/** How far back a page looks; without one, fifteen minutes. */
export interface RangeSearch {
  readonly range?: RangeName;
}

export function rangeSearch(raw: Raw): RangeSearch {
  return given({ range: oneOf(raw, "range", RANGE_NAMES) });
}
