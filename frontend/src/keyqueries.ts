/** Hooks: API keys, and what was changed by whom. */

import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { makeKey, readKeys, revokeKey, type ApiKey, type Entry } from "./api/keys";
import { readPage } from "./api/schedules";
import type { Pages } from "./schedulequeries";
import { written, type AuditSearch } from "./search";

const READ_AGAIN_MS = 15_000;
const ENTRIES = 100;
const KEYS = ["keys"] as const;

export function useKeyList(): UseQueryResult<readonly ApiKey[]> {
  return useQuery({ queryKey: KEYS, queryFn: ({ signal }) => readKeys(signal), refetchInterval: READ_AGAIN_MS });
}

/** gcTime: a secret that was told once is not kept. */
export function useMakeKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: makeKey,
    gcTime: 0,
    onSuccess: () => void queries.invalidateQueries({ queryKey: KEYS }),
  });
}

export function useRevokeKey() {
  const queries = useQueryClient();
  return useMutation({ mutationFn: revokeKey, onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }) });
}

/** Read again only while no more than the first page is shown: older ones do not change. */
export function useAudit(filter: AuditSearch): Pages<Entry> {
  return useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) => readPage<Entry>("audit", pageParam, signal),
    initialPageParam: written({ ...filter, limit: String(ENTRIES) }),
    getNextPageParam: ({ next }) => next,
    refetchInterval: ({ state: { data } }) => (data && data.pages.length > 1 ? false : READ_AGAIN_MS),
    refetchOnWindowFocus: false,
  });
}
