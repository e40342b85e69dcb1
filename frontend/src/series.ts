/** How it went, bucket by bucket: with those put back that `GET /stats` leaves out because nothing ended in them. */

import type { Schemas } from "./api/client";

const MINUTE_MS = 60_000;

export interface Range {
  readonly minutes: number;
  /** Minutes of a bucket. */
  readonly step: number;
  readonly words: string;
}

export const RANGES = {
  "15m": { minutes: 15, step: 1, words: "15 min" },
  "6h": { minutes: 6 * 60, step: 5, words: "6 hours" },
  "7d": { minutes: 7 * 24 * 60, step: 60, words: "7 days" },
} as const satisfies Readonly<Record<string, Range>>;

export type RangeName = keyof typeof RANGES;

export const RANGE_NAMES = Object.keys(RANGES) as readonly RangeName[];

/** Columns, as a chart takes them. Ends are per minute; durations in seconds, null where nothing ended or nothing is known yet. */
export interface History {
  /** When each bucket begins, in seconds since the epoch. */
  readonly times: readonly number[];
  readonly completed: readonly (number | null)[];
  readonly failed: readonly (number | null)[];
  readonly retried: readonly (number | null)[];
  readonly wait: Percentiles;
  readonly run: Percentiles;
}

export interface Percentiles {
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

type Told = Pick<Schemas["StatsView"], "at" | "step_minutes" | "series">;
type Bucket = Told["series"][number];

export function historyOf(told: Told, minutes: number): History {
  const step = told.step_minutes * MINUTE_MS;
  const at = Date.parse(told.at);
  const buckets = new Map(told.series.map((bucket) => [Date.parse(bucket.minute), bucket]));
  const starts = bucketsBetween(at - minutes * MINUTE_MS, Math.max(at, ...buckets.keys()), step);
  const rates = (count: (bucket: Bucket) => number) => {
    const all = starts.map((start) => count(buckets.get(start) ?? EMPTY) / minutesOver(start, at, told.step_minutes));
    return withoutFall(all, at - (starts.at(-1) ?? 0) < MINUTE_MS);
  };
  const lengths = (length: (bucket: Bucket) => number | null) => starts.map((start) => length(buckets.get(start) ?? EMPTY));
  return {
    times: starts.map((start) => start / 1_000),
    completed: rates(({ completed }) => completed),
    failed: rates(({ failed }) => failed),
    retried: rates(({ retried }) => retried),
    wait: { p50: lengths(({ wait_p50 }) => wait_p50), p95: lengths(({ wait_p95 }) => wait_p95), p99: lengths(({ wait_p99 }) => wait_p99) },
    run: { p50: lengths(({ run_p50 }) => run_p50), p95: lengths(({ run_p95 }) => run_p95), p99: lengths(({ run_p99 }) => run_p99) },
  };
}

/** Where they begin: at the multiples of the step, from the one that the first moment lies in. */
function bucketsBetween(from: number, to: number, step: number): readonly number[] {
  const first = Math.floor(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, index) => first + index * step);
}

/** In the first minute of a bucket there is only so much, and more may come: a rise is known, a fall is not. */
function withoutFall(rates: readonly number[], isYoung: boolean): readonly (number | null)[] {
  const [before = 0, last = 0] = rates.slice(-2);
  return isYoung && last < before ? [...rates.slice(0, -1), null] : rates;
}

/** The last bucket is not over: it is compared with the others by what there is of it. */
function minutesOver(start: number, at: number, step: number): number {
  return Math.min(step, Math.max(1, (at - start) / MINUTE_MS));
}

const EMPTY: Bucket = {
  minute: "",
  completed: 0,
  failed: 0,
  retried: 0,
  cancelled: 0,
  wait_p50: null,
  wait_p95: null,
  wait_p99: null,
  run_p50: null,
  run_p95: null,
  run_p99: null,
};
