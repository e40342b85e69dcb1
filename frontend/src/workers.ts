/** Worker processes, and whether they still show life. */

import type { Schemas } from "./api/client";

export type WorkerView = Schemas["WorkerView"];

export type Life = "alive" | "late" | "lost";

const LATE_AFTER_MS = 5_000; // it reports every second, and counts as alive for three
const LOST_AFTER_MS = 30_000; // its leases are over: others have its jobs

export function lifeOf({ seen_at }: WorkerView, now: number): Life {
  const silence = now - Date.parse(seen_at);
  if (silence < LATE_AFTER_MS) return "alive";
  return silence < LOST_AFTER_MS ? "late" : "lost";
}

export const LIVES: Readonly<Record<Life, string>> = { alive: "Alive", late: "Late", lost: "Lost" };

export interface WorkerCounts {
  readonly alive: number;
  /** Jobs that those who are alive run, and how many they could. */
  readonly running: number;
  readonly slots: number;
}

export function countsOf(workers: readonly WorkerView[], now: number): WorkerCounts {
  const alive = workers.filter((worker) => lifeOf(worker, now) === "alive");
  const sum = (of: (worker: WorkerView) => number) => alive.reduce((total, worker) => total + of(worker), 0);
  return { alive: alive.length, running: sum(({ running_count }) => running_count), slots: sum(({ concurrency }) => concurrency) };
}
