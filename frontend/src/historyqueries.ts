/** Hooks: how it went, and what failed last. */

import { keepPreviousData, useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { client, dataOf, type Schemas } from "./api/client";
import { historyOf, RANGES, type History, type RangeName } from "./series";

const READ_AGAIN_MS = 10_000;
const MOST_FAILURES = 10;

/** Of one queue, or of all. Read again and again while the page is visible. */
export function useHistory(range: RangeName, queue?: string): UseQueryResult<History> {
  const { minutes, step } = RANGES[range];
  return useQuery({
    queryKey: ["history", queue ?? null, range],
    queryFn: async ({ signal }) => {
      const query = { minutes, step_minutes: step, ...(queue !== undefined && { queue }) };
      return historyOf(await dataOf(client.GET("/stats", { params: { query }, signal })), minutes);
    },
    placeholderData: keepPreviousData,
    refetchInterval: READ_AGAIN_MS,
  });
}

export type Failure = Pick<Schemas["JobView"], "id" | "job_type" | "queue" | "attempt" | "finished_at" | "error">;

/**
 * The newest jobs that failed. failed: how many there are, as far as is known; another number means another list. So nobody
 * has to be told every change of every job for these ten.
 */
export function useFailures(failed: number | undefined): UseQueryResult<readonly Failure[]> {
  const queries = useQueryClient();
  useEffect(() => { void queries.invalidateQueries({ queryKey: FAILURES }, { cancelRefetch: false }); }, [queries, failed]);
  return useQuery({
    queryKey: FAILURES,
    queryFn: async ({ signal }) => {
      const query = { status: "FAILED", limit: MOST_FAILURES, exclude: "payload,result" } as const;
      const jobs = await dataOf(client.GET("/jobs", { params: { query }, signal }));
      return jobs.toSorted((a, b) => (b.finished_at ?? "").localeCompare(a.finished_at ?? ""));
    },
    refetchInterval: READ_AGAIN_MS,
  });
}

const FAILURES = ["failures"] as const;
