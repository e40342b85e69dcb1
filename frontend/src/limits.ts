/** What is set of a queue, in words. */

import type { Schemas } from "./api/client";
import { duration } from "./times";

export type QueueView = Schemas["QueueView"];
type Rate = Schemas["Rate"];
type Limits = Omit<QueueView, "name" | "paused" | "paused_at" | "paused_by" | "depth" | "oldest_age_seconds" | "in_per_minute" | "out_per_minute" | "keys">;

/** What keeps jobs from starting; none: nothing does. */
export function limitsOf(queue: Limits): readonly string[] {
  return [
    queue.max_running !== null && atOnce(queue.max_running),
    queue.rate_limit !== null && rateOf(queue.rate_limit),
    queue.max_running_per_key !== null && `${atOnce(queue.max_running_per_key)} per key`,
    queue.rate_limit_per_key !== null && `${rateOf(queue.rate_limit_per_key)} per key`,
    queue.weight !== 1 && `weight ${queue.weight}`,
  ].filter((words) => words !== false);
}

/** What its jobs get that do not say otherwise. */
export function defaultsOf(queue: Limits): readonly string[] {
  const { default_priority, default_max_attempts, default_timeout_seconds } = queue;
  return [
    default_priority !== null && `priority ${default_priority}`,
    default_max_attempts !== null && (default_max_attempts === 1 ? "1 attempt" : `${default_max_attempts} attempts`),
    default_timeout_seconds !== null && `${shortly(default_timeout_seconds)} at most`,
  ].filter((words) => words !== false);
}

function atOnce(most: number): string {
  return most === 0 ? "none at a time" : `${grouped(most)} at a time`;
}

export function rateOf({ jobs, per_seconds, burst }: Rate): string {
  const rate = `${grouped(jobs)} ${PERIODS.get(per_seconds) ?? `every ${shortly(per_seconds)}`}`;
  return burst === null ? rate : `${rate}, ${grouped(burst)} after a pause`;
}

const PERIODS: ReadonlyMap<number, string> = new Map([
  [1, "a second"],
  [60, "a minute"],
  [3_600, "an hour"],
  [86_400, "a day"],
]);

/** 30 s, not 30.0 s. */
function shortly(seconds: number): string {
  return seconds >= 1 && seconds < 60 ? `${Number(seconds.toFixed(2))}s` : duration(seconds * 1_000);
}

function grouped(number: number): string {
  return number.toLocaleString("en");
}
