/** Schedules as they stand on the wire, and in words. */

import type { Schemas } from "./api/client";
import { cronWords, intervalWords } from "./cronwords";
import { STATUSES, type JobStatus } from "./jobs";
import { inZone } from "./zones";

export type Schedule = Schemas["ScheduleView"];
export type Run = Schemas["RunView"];

export const STATES = ["active", "paused", "ended"] as const;
export type State = (typeof STATES)[number];

export const STATE_NAMES: Readonly<Record<State, string>> = { active: "Active", paused: "Paused", ended: "Ended" };

export interface When {
  readonly words: string;
  /** As it was written, where that says more; else null. */
  readonly exact: string | null;
}

export function whenOf({ cron, interval_seconds, at, timezone }: Pick<Schedule, "cron" | "interval_seconds" | "at" | "timezone">): When {
  if (cron !== null) return { words: cronWords(cron) ?? cron, exact: `${cron} · ${timezone}` };
  if (interval_seconds !== null) return { words: upperFirst(intervalWords(interval_seconds)), exact: null };
  return { words: at === null ? "Never" : `Once, at ${inZone(Date.parse(at), timezone)}`, exact: at === null ? null : timezone };
}

export const SOURCES: Readonly<Record<Schedule["source"], string>> = { api: "API", code: "Code", file: "File" };

/** A declared one is changed where it is declared, by the next deploy. */
export function isDeclared({ source }: Pick<Schedule, "source">): boolean {
  return source !== "api";
}

export function declaredWhere({ source, job: { job_type } }: Pick<Schedule, "source" | "job">): string {
  return source === "code"
    ? `in code, as @schedule beside the handler of ${job_type}`
    : "in chalicelib/schedules.toml";
}

export const KINDS: Readonly<Record<Run["kind"], string>> = { time: "On time", hand: "By hand", backfill: "Backfill" };

/** null: the job's row is gone, or its status is a word of another release. */
export function statusOf(word: string | null): JobStatus | null {
  return STATUSES.find((status) => status === word) ?? null;
}

/** Of the last runs, for who cannot see the marks: "3 completed, 1 failed". */
export function outcomesInWords(outcomes: readonly (string | null)[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const word = outcome?.toLowerCase() ?? "gone";
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(", ");
}

export const MISFIRES = {
  run_once: "Run once: one run makes up for all times that passed while nothing ran. Right for what only looks at how things stand now.",
  run_all: "Run all: each missed time gets its own run, the oldest first. Right where every run has work of its own, such as the report of a day.",
  skip: "Skip: a missed time is lost, and the next one comes as planned. Right for what is worthless when it is late.",
} as const satisfies Readonly<Record<Schedule["misfire"], string>>;

export const OVERLAPS = {
  allow: "Allow: runs may go on beside each other. Choose it where a slow run harms no other.",
  skip: "Skip: while a run is not finished, times pass without one. A run that hangs holds up all that follow, until its timeout.",
  queue_one: "Queue one: one run waits for the one that is going on; further times pass. The last state is always looked at, a little later.",
  cancel_previous: "Cancel previous: the run that is going on is cancelled for the new one. If runs take longer than the gap between them, none ever ends.",
} as const satisfies Readonly<Record<Schedule["overlap"], string>>;

function upperFirst(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
