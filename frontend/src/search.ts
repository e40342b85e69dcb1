/** What stands behind the `?` of an address. All of it is text, and what nobody knows is dropped. */

import { STATUSES, type JobFilter, type JobStatus } from "./jobs";

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

/** The filter bar, in the words of `GET /jobs`. */
export interface JobsSearch {
  readonly status?: JobStatus;
  readonly queue?: string;
  readonly job_type?: string;
  readonly tag?: string;
  readonly created_after?: string;
  readonly created_before?: string;
}

export function jobsSearch(raw: Raw): JobsSearch {
  return given({
    status: oneOf(raw, "status", STATUSES),
    queue: text(raw, "queue"),
    job_type: text(raw, "job_type"),
    tag: text(raw, "tag"),
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

function moment(raw: Raw, name: string): string | undefined {
  const value = text(raw, name);
  return value !== undefined && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

export function filterOf({ status, job_type, queue, tag }: JobsSearch): JobFilter {
  return { status: status ?? null, jobType: job_type ?? null, queue: queue ?? null, tag: tag ?? null };
}
