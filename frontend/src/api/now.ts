/** The state of the whole system by plain reads, in the shape in which it is pushed. */

import type { SystemNow } from "../system";
import { client, dataOf, type Schemas } from "./client";

export async function readNow(signal: AbortSignal): Promise<SystemNow> {
  const [stats, queues, workers] = await Promise.all([
    dataOf(client.GET("/stats", { params: { query: { minutes: 1 } }, signal })),
    dataOf(client.GET("/queues", { signal })),
    dataOf(client.GET("/workers", { signal })),
  ]);
  return together(stats, queues, workers.length);
}

export function together(stats: Schemas["StatsView"], queues: readonly Schemas["QueueView"][], workers: number): SystemNow {
  const ages = queues.flatMap(({ oldest_age_seconds }) => oldest_age_seconds ?? []);
  return {
    at: stats.at,
    counts: stats.counts,
    in_per_minute: sum(queues.map(({ in_per_minute }) => in_per_minute)),
    out_per_minute: sum(queues.map(({ out_per_minute }) => out_per_minute)),
    oldest_age_seconds: ages.length > 0 ? Math.max(...ages) : null,
    workers,
    connections: null,
    queues,
    isPushed: false,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
