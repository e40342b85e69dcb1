/** A schedule as it is typed, and as the API takes it. */

import type { Fault } from "./http";
import type { Json } from "./jobs";
import { fieldOf, NO_OPTIONS, optionsOf, type OptionFields } from "./optionfields";
import type { Schedule } from "./schedules";
import { isZone, momentOf, wallText } from "./zones";

export type Kind = "cron" | "interval" | "once";

export const UNITS = { seconds: 1, minutes: 60, hours: 3_600, days: 86_400 } as const;
export type Unit = keyof typeof UNITS;

export interface ScheduleFields extends OptionFields {
  readonly name: string;
  readonly kind: Kind;
  readonly cron: string;
  readonly every: string;
  readonly unit: Unit;
  /** These three by the clock of `timezone`. */
  readonly at: string;
  readonly starts_at: string;
  readonly ends_at: string;
  readonly timezone: string;
  readonly misfire: Schedule["misfire"];
  readonly catch_up: string;
  readonly overlap: Schedule["overlap"];
  readonly job_type: string;
  /** JSON text. */
  readonly payload: string;
}

export function emptyFields(timezone: string): ScheduleFields {
  return {
    ...NO_OPTIONS,
    name: "",
    kind: "cron",
    cron: "0 9 * * mon-fri",
    every: "5",
    unit: "minutes",
    at: "",
    starts_at: "",
    ends_at: "",
    timezone,
    misfire: "run_once",
    catch_up: "10",
    overlap: "allow",
    job_type: "",
    payload: "",
  };
}

/** payload: as it was written. */
export function fieldsOf(schedule: Schedule, payload: string): ScheduleFields {
  const { cron, interval_seconds, at, starts_at, ends_at, timezone, job } = schedule;
  const wall = (time: string | null) => (time === null ? "" : wallText(Date.parse(time), timezone));
  const unit = unitOf(interval_seconds ?? 300);
  return {
    name: schedule.name,
    kind: cron !== null ? "cron" : interval_seconds !== null ? "interval" : "once",
    cron: cron ?? "",
    every: String((interval_seconds ?? 300) / UNITS[unit]),
    unit,
    at: wall(at),
    starts_at: wall(starts_at),
    ends_at: wall(ends_at),
    timezone,
    misfire: schedule.misfire,
    catch_up: String(schedule.catch_up),
    overlap: schedule.overlap,
    job_type: job.job_type,
    payload,
    queue: job.queue,
    priority: String(job.priority),
    max_attempts: String(job.max_attempts),
    timeout_seconds: String(job.timeout_seconds),
    tags: job.tags.join(", "),
    concurrency_key: job.concurrency_key ?? "",
  };
}

/** The largest that leaves a whole number. */
function unitOf(seconds: number): Unit {
  const names: readonly Unit[] = ["days", "hours", "minutes"];
  return names.find((name) => seconds % UNITS[name] === 0) ?? "seconds";
}

export interface Timing {
  readonly cron?: string;
  readonly interval_seconds?: number;
  readonly at?: string;
  readonly timezone: string;
  readonly starts_at?: string;
  readonly ends_at?: string;
}

/** known: what is edited; a time of it that was not touched stays to the instant, also where its clock shows it twice. */
export function timingOf(fields: ScheduleFields, known: Schedule | null = null): Timing {
  const time = (name: "at" | "starts_at" | "ends_at") => instant(fields, name, known);
  const starts_at = time("starts_at");
  const ends_at = time("ends_at");
  return {
    ...kindOf(fields, time("at")),
    timezone: fields.timezone.trim(),
    ...(starts_at && { starts_at }),
    ...(ends_at && { ends_at }),
  };
}

function kindOf({ kind, cron, every, unit }: ScheduleFields, at: string): Pick<Timing, "cron" | "interval_seconds" | "at"> {
  switch (kind) {
    case "cron":
      return { cron: cron.trim() };
    case "interval":
      return { interval_seconds: Math.round(Number(every.trim() || "NaN") * UNITS[unit] * 1_000) / 1_000 };
    case "once":
      return { at };
  }
}

function instant(fields: ScheduleFields, name: "at" | "starts_at" | "ends_at", known: Schedule | null): string {
  const before = known?.[name];
  if (before && known.timezone === fields.timezone && wallText(Date.parse(before), known.timezone) === fields[name]) return before;
  const moment = momentOf(fields[name], fields.timezone);
  return moment ? new Date(moment.at).toISOString() : fields[name];
}

/** The body of POST or PUT. The payload goes in as it was written: its numbers keep their digits. */
export function definitionOf(fields: ScheduleFields, known: Schedule | null = null): string {
  const job = members({ job_type: fields.job_type, ...optionsOf(fields), ...(known?.job.backoff && { backoff: known.job.backoff }) });
  const rules = members({
    ...(known === null && { name: fields.name.trim() }),
    ...timingOf(fields, known),
    misfire: fields.misfire,
    overlap: fields.overlap,
    catch_up: Number(fields.catch_up.trim() || "NaN"),
    ...(known && { paused: known.paused }),
  });
  return `{${rules}, "job": {${job}, "payload": ${fields.payload.trim() || "null"}}}`;
}

function members(values: object): string {
  const entries = Object.entries(values) as [string, Json][];
  return entries.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(", ");
}

/** What can be told before the API is asked: what is missing. The rest it says itself. */
export function missing(fields: ScheduleFields, known: Schedule | null): Faults {
  return {
    ...(known === null && fields.name.trim() === "" && { name: "a name is missing" }),
    ...(known === null && fields.name.trim() === "new" && { name: "this name is the address of this page; take another" }),
    ...(fields.kind === "once" && fields.at === "" && { at: "a time is missing" }),
    ...(!isZone(fields.timezone.trim()) && { timezone: "this browser knows no such time zone" }),
  };
}

export type FieldName = keyof ScheduleFields | "whole";
export type Faults = Partial<Record<FieldName, string>>;

const PLACES: Readonly<Record<string, FieldName>> = { interval_seconds: "every" };

/** What the API found, each at its field; what belongs to none, or to one that is not on the screen, to the whole. */
export function faultsAt(errors: readonly Fault[], fields: ScheduleFields): Faults {
  const faults: Partial<Record<FieldName, string>> = {};
  for (const { path, detail } of errors) {
    const place = placeOf(path, fields);
    const deeper = place === "payload" && path !== "$.job.payload" ? `${path.replace("$.job.payload", "$")}: ` : "";
    const elsewhere = place === "whole" && path !== "$" && path !== "" ? `${path}: ` : "";
    faults[place] = [faults[place], `${deeper}${elsewhere}${detail}`].filter(Boolean).join("; ");
  }
  return faults;
}

function placeOf(path: string, fields: ScheduleFields): FieldName {
  const name = fieldOf(path, "$.job") || fieldOf(path);
  const place = PLACES[name] ?? name;
  return place in fields ? (place as keyof ScheduleFields) : "whole";
}
