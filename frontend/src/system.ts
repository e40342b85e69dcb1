/** Hooks: how the whole system does now. */

import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { readNow } from "./api/now";
import type { StatsNow } from "./frames";
import type { Interest } from "./interest";
import { useInterest, useSources } from "./sources";

const KEY = ["now"] as const;
const PUSHED_WITHIN_MS = 3_000; // statistics come once a second, where they come at all
const POLL_MS = 5_000;

/** Also whether a push said so. */
export type SystemNow = StatsNow & { readonly isPushed: boolean };

/**
 * How the whole system does: pushed once a second, and polled where nobody pushes. Each account sets the clock anew by which
 * the next is asked for, so that nothing is polled while pushes arrive.
 */
export function useStats(): UseQueryResult<SystemNow> {
  const client = useQueryClient();
  const { feed } = useSources();
  useInterest(STATS);
  useEffect(
    () => feed.stats.listen((stats) => {
      client.setQueryData<SystemNow>(KEY, (known) => newer(known, { ...stats, isPushed: true }));
    }),
    [client, feed],
  );
  return useQuery<SystemNow>({
    queryKey: KEY,
    queryFn: async ({ signal }) => newer(client.getQueryData<SystemNow>(KEY), await readNow(signal)),
    gcTime: 0,
    refetchInterval: ({ state: { data } }) => (data?.isPushed ? PUSHED_WITHIN_MS : POLL_MS),
  });
}

const STATS: Interest = { stats: true };

/** Of two accounts the later one: an answer may come after a push that was younger. */
export function newer(known: SystemNow | undefined, told: SystemNow): SystemNow {
  return known && Date.parse(known.at) > Date.parse(told.at) ? known : told;
}
