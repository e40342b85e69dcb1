/** Many jobs moved at once: what is ordered, and call after call until all of it is done. */

import type { Conditions } from "./jobfilter";
import type { JobStatus } from "./jobs";

export type BulkMove = "cancel" | "revive";

/** Some jobs by their ids, or all that meet the conditions. */
export type Order = ({ readonly ids: readonly string[] } | Conditions) & OrderRest;

interface OrderRest {
  readonly cursor?: string;
  readonly dry_run?: boolean;
}

/** cursor: where to go on; null: it is done. */
export interface BulkProgress {
  readonly count: number;
  readonly cursor: string | null;
}

const MOST_IDS = 1_000; // in one call, as the API has it

export function ordersFor(ids: Iterable<string>): readonly Order[] {
  const all = [...ids];
  const starts = Array.from({ length: Math.ceil(all.length / MOST_IDS) }, (_, n) => n * MOST_IDS);
  return starts.map((start) => ({ ids: all.slice(start, start + MOST_IDS) }));
}

/** Whoever counts jobs and then moves them means those that were counted: what is submitted later is left alone. */
export function orderBefore(conditions: Conditions, at: number): Order {
  return { created_before: new Date(at).toISOString(), ...conditions };
}

/** What all orders came to. onCount: the number so far, after each call. */
export async function workedThrough(
  orders: readonly Order[],
  call: (order: Order) => Promise<BulkProgress>,
  { onCount, signal }: { readonly onCount: (count: number) => void; readonly signal: AbortSignal },
): Promise<number> {
  let count = 0;
  for (const order of orders) {
    let cursor: string | null = null;
    do {
      signal.throwIfAborted();
      const progress: BulkProgress = await call(cursor === null ? order : { ...order, cursor });
      count += progress.count;
      cursor = progress.cursor;
      onCount(count);
    } while (cursor !== null);
  }
  return count;
}

const MOVABLE: Readonly<Record<BulkMove, readonly JobStatus[]>> = {
  cancel: ["QUEUED", "SCHEDULED", "RETRYING", "RUNNING", "BLOCKED"],
  revive: ["FAILED", "CANCELLED"],
};

/** Whether some of what has this status can be moved so; null: any status. */
export function applies(move: BulkMove, status: JobStatus | null): boolean {
  return status === null || MOVABLE[move].includes(status);
}
