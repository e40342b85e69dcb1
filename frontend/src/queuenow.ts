/** Queues as they were read, with what was pushed since; and how fast they went lately. */

import type { QueueNow } from "./frames";
import type { QueueView } from "./limits";

const SAMPLE_EVERY_MS = 5_000;
const SAMPLES = 60; // five minutes

/** What changes by itself is as the later account has it; what people set is as it was read. */
export function withNow(queue: QueueView, now: QueueNow | undefined): QueueView {
  if (!now) return queue;
  const { oldest_age_seconds, in_per_minute, out_per_minute } = now;
  return { ...queue, depth: { ...queue.depth, ...now.depth }, oldest_age_seconds, in_per_minute, out_per_minute };
}

export function waitingIn(depth: QueueNow["depth"]): number {
  return Object.entries(depth).reduce((total, [status, count]) => total + (status === "RUNNING" ? 0 : count), 0);
}

/** Those with the most to do first, then those that do the most. */
export function busiest(queues: readonly QueueNow[], most: number): readonly QueueNow[] {
  const load = ({ depth }: QueueNow) => waitingIn(depth) + (depth.RUNNING ?? 0);
  return queues
    .toSorted((a, b) => load(b) - load(a) || b.out_per_minute - a.out_per_minute || a.name.localeCompare(b.name))
    .slice(0, most);
}

/** Rates at which queues let jobs go, a sample every few seconds, oldest first. */
export interface Rates {
  readonly at: number;
  readonly byQueue: ReadonlyMap<string, readonly number[]>;
}

export const NO_RATES: Rates = { at: 0, byQueue: new Map() };

/** The same object when it is too early for another sample. A queue that is new had none before. */
export function sampled(rates: Rates, queues: readonly Pick<QueueNow, "name" | "out_per_minute">[], at: number): Rates {
  if (at - rates.at < SAMPLE_EVERY_MS) return rates;
  const byQueue = queues.map(({ name, out_per_minute }) => {
    const before = rates.byQueue.get(name) ?? [];
    return [name, [...before, out_per_minute].slice(-SAMPLES)] as const;
  });
  return { at, byQueue: new Map(byQueue) };
}
