/** Hooks: queues, and what is done with them. */

import { useMutation, useQuery, useQueryClient, type QueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { client, dataOf, type Schemas } from "./api/client";
import type { QueueNow } from "./frames";
import { Refused } from "./http";
import type { QueueView } from "./limits";
import type { QueueChange } from "./queueform";
import { NO_RATES, sampled, withNow, type Rates } from "./queuenow";
import { useStats } from "./system";

const READ_AGAIN_MS = 5_000;

const QUEUES = ["queues"] as const;
const queueKey = (name: string) => ["queue", name] as const;

/** All, as they were read and with what is pushed. */
export function useQueues(): UseQueryResult<readonly QueueView[]> {
  const queries = useQueryClient();
  const now = useStats().data?.queues;
  const query = useQuery<readonly QueueView[]>({
    queryKey: QUEUES,
    queryFn: ({ signal }) => dataOf(client.GET("/queues", { signal })),
    refetchInterval: READ_AGAIN_MS,
  });
  const { data } = query;
  useReadWhenWrong(queries, QUEUES, now?.some((each) => isOther(each, data?.find(({ name }) => name === each.name))) ?? false);
  const told = useMemo(() => {
    const byName = new Map(now?.map((queue) => [queue.name, queue]));
    return data?.map((queue) => withNow(queue, byName.get(queue.name)));
  }, [data, now]);
  return { ...query, data: told } as UseQueryResult<readonly QueueView[]>;
}

/** null: there is no such queue. */
export function useQueue(name: string): UseQueryResult<QueueView | null> {
  const queries = useQueryClient();
  const now = useStats().data?.queues.find((queue) => queue.name === name);
  const query = useQuery<QueueView | null>({
    queryKey: queueKey(name),
    queryFn: ({ signal }) => readQueue(name, signal),
    placeholderData: () => queries.getQueryData<readonly QueueView[]>(QUEUES)?.find((queue) => queue.name === name),
    refetchInterval: READ_AGAIN_MS,
  });
  const { data } = query;
  useReadWhenWrong(queries, queueKey(name), now !== undefined && isOther(now, data ?? undefined));
  const told = useMemo(() => data && withNow(data, now), [data, now]);
  return { ...query, data: told } as UseQueryResult<QueueView | null>;
}

/** Whether a push knows of what was not read: a queue that is new, or that somebody paused. */
function isOther(now: QueueNow, read: QueueView | undefined): boolean {
  return read?.paused !== now.paused;
}

function useReadWhenWrong(queries: QueryClient, key: readonly string[], isWrong: boolean): void {
  useEffect(() => { if (isWrong) void queries.invalidateQueries({ queryKey: key }, { cancelRefetch: false }); }, [queries, key, isWrong]);
}

async function readQueue(name: string, signal: AbortSignal): Promise<QueueView | null> {
  try {
    return await dataOf(client.GET("/queues/{name}", { params: { path: { name } }, signal }));
  } catch (error) {
    if (error instanceof Refused && [404, 422].includes(error.problem.status)) return null;
    throw error;
  }
}

/** Samples of each queue's rate, for as long as the component is there. */
export function useRates(queues: readonly QueueView[] | undefined, at: number): Rates {
  const [rates, setRates] = useState(NO_RATES);
  const next = queues ? sampled(rates, queues, at) : rates;
  if (next !== rates) setRates(next);
  return next;
}

export function useChangeQueue(name: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: QueueChange) => dataOf(client.PUT("/queues/{name}", { params: { path: { name } }, body })),
    onSuccess: async (queue) => {
      await queries.cancelQueries({ queryKey: QUEUES }); // it may have been answered before the change
      await queries.cancelQueries({ queryKey: queueKey(name) });
      queries.setQueryData(queueKey(name), queue);
      queries.setQueryData<readonly QueueView[]>(QUEUES, (all) => all?.map((each) => (each.name === name ? queue : each)));
    },
  });
}

/** What waits in a queue: cancelled, or put into another. */
export type Clearance = { readonly kind: "purge" } | { readonly kind: "move"; readonly to: string };

/** How many jobs it would be; null: there is nothing to ask yet. */
export function useCount(queue: string, clearance: Clearance | null): UseQueryResult<number> {
  return useQuery({
    queryKey: ["count", queue, clearance],
    queryFn: () => (clearance ? cleared(queue, clearance, true, () => undefined) : 0),
    enabled: clearance !== null,
    gcTime: 0,
  });
}

/** onProgress: is told how many it were so far. Gives how many it were in all. */
export function useClear(queue: string, onProgress: (count: number) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (clearance: Clearance) => cleared(queue, clearance, false, onProgress),
    onSettled: () => queries.invalidateQueries(),
  });
}

/** A call changes a bounded number of jobs, and says where to go on. */
async function cleared(queue: string, clearance: Clearance, dry_run: boolean, onProgress: (count: number) => void): Promise<number> {
  let count = 0;
  for (let cursor: string | null = null; ; ) {
    const on: { readonly cursor?: string } = cursor === null ? {} : { cursor };
    const progress: Schemas["Progress"] = await step(queue, clearance, { dry_run, ...on });
    count += progress.count;
    onProgress(count);
    if (progress.cursor === null) return count;
    cursor = progress.cursor;
  }
}

function step(queue: string, clearance: Clearance, how: { readonly dry_run: boolean; readonly cursor?: string }) {
  if (clearance.kind === "move") return dataOf(client.POST("/jobs/move", { body: { queue, to: clearance.to, ...how } }));
  return dataOf(client.POST("/queues/{name}/purge", { params: { path: { name: queue } }, body: { confirm: queue, ...how } }));
}
