/** Hooks: schedules, their runs, their next times, and what is done with them. */

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { client, dataOf } from "./api/client";
import {
  backfillSchedule,
  deleteSchedule,
  findSchedule,
  pauseSchedule,
  previewTiming,
  readPage,
  readRuns,
  replaceSchedule,
  resumeSchedule,
  runSchedule,
  saveSchedule,
  type KnownSchedule,
  type Page,
} from "./api/schedules";
import { isFinal, Refused } from "./http";
import type { Timing } from "./scheduleform";
import type { Run, Schedule } from "./schedules";
import { written, type SchedulesSearch } from "./search";

const READ_AGAIN_MS = 5_000; // nobody pushes schedules
const ROWS = 100;
const RUNS = 50;
export const PREVIEWED = 10;

export type Pages<Row> = UseInfiniteQueryResult<InfiniteData<Page<Row>>>;

export function useSchedules(filter: SchedulesSearch): Pages<Schedule> {
  return useInfiniteQuery({
    queryKey: ["schedules", filter],
    queryFn: ({ pageParam, signal }) => readPage<Schedule>("schedules", pageParam, signal),
    initialPageParam: written({ ...filter, limit: String(ROWS) }),
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    refetchInterval: READ_AGAIN_MS,
  });
}

/** null: there is no such schedule. */
export function useSchedule(name: string, isFollowed = true): UseQueryResult<KnownSchedule | null> {
  return useQuery({
    queryKey: ["schedule", name],
    queryFn: ({ signal }) => findSchedule(name, signal),
    refetchInterval: ({ state: { data } }) => (isFollowed || data === undefined) && READ_AGAIN_MS,
    refetchOnWindowFocus: isFollowed,
  });
}

export function useRuns(name: string): Pages<Run> {
  return useInfiniteQuery({
    queryKey: ["schedule", name, "runs"],
    queryFn: ({ pageParam, signal }) => readRuns(name, pageParam, signal),
    initialPageParam: `?limit=${RUNS}`,
    getNextPageParam: ({ next }) => next,
    refetchInterval: READ_AGAIN_MS,
  });
}

/** Of a schedule that is there. */
export function useNextTimes({ name, version, next_run_at }: Schedule): UseQueryResult<readonly string[]> {
  return useQuery({
    queryKey: ["schedule", name, "next", version, next_run_at],
    queryFn: async ({ signal }) => {
      const preview = client.GET("/schedules/{name}/preview", { params: { path: { name }, query: { count: PREVIEWED } }, signal });
      return (await dataOf(preview)).times;
    },
    placeholderData: keepPreviousData,
  });
}

/** Of one that is being written; null: nothing can be asked yet. */
export function usePreview(timing: Timing | null): UseQueryResult<readonly string[]> {
  return useQuery({
    queryKey: ["schedule-preview", timing],
    queryFn: ({ signal }) => previewTiming(timing, PREVIEWED, signal),
    enabled: timing !== null,
    placeholderData: (previous) => previous,
    retry: (failures, error) => failures < 2 && !isFinal(error),
    gcTime: 10_000,
  });
}

interface Saving {
  /** What was edited, as it was read; null: it is a new one. */
  readonly known: { readonly name: string; readonly version: number } | null;
  readonly definition: string;
}

export function useSaveSchedule() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ known, definition }: Saving) => (known ? replaceSchedule(known.name, known.version, definition) : saveSchedule(null, definition)),
    onSuccess: async ({ name }) => {
      await queries.invalidateQueries({ queryKey: ["schedule", name] });
      void queries.invalidateQueries({ queryKey: ["schedules"] });
    },
  });
}

export type ScheduleDeed =
  | { readonly type: "run" | "resume" | "delete" }
  | { readonly type: "pause"; readonly note: string }
  | { readonly type: "backfill"; readonly from: string; readonly to: string };

/** id: of the job that was submitted; count: of those. */
export interface Done {
  readonly id?: string;
  readonly count?: number;
  readonly next?: string | null;
}

/** Something done with one schedule. What is shown of it is read again before it counts as done. */
export function useScheduleDeed(name: string) {
  const queries = useQueryClient();
  return useMutation<Done, Error, ScheduleDeed>({
    mutationFn: (deed) => perform(name, deed),
    onSuccess: async (_, { type }) => {
      if (type !== "delete") await queries.invalidateQueries({ queryKey: ["schedule", name] });
      await queries.invalidateQueries({ queryKey: ["schedules"] });
    },
  });
}

async function perform(name: string, deed: ScheduleDeed): Promise<Done> {
  switch (deed.type) {
    case "run":
      return { id: (await runSchedule(name)).id };
    case "pause":
      await pauseSchedule(name, deed.note);
      return {};
    case "resume":
      await resumeSchedule(name);
      return {};
    case "delete":
      await deleteSchedule(name);
      return {};
    case "backfill":
      return backfillSchedule(name, { from: deed.from, to: deed.to, dry_run: false });
  }
}

/** How many jobs a backfill would submit. null: no range is given. */
export function useBackfillCount(name: string, range: { readonly from: string; readonly to: string } | null) {
  return useQuery({
    queryKey: ["schedule", name, "backfill", range],
    queryFn: () => backfillSchedule(name, { ...(range ?? { from: "", to: "" }), dry_run: true }),
    enabled: range !== null,
    gcTime: 0,
  });
}

/** Said of what was asked for; without an answer nobody knows whether it was done. */
export function failureOf(error: Error): string {
  return error instanceof Refused ? error.message : "No answer came. It may or may not have been done: look again before you repeat it.";
}
