/** Hooks: jobs, their lists, their logs, and what is done with them. */

import {
  keepPreviousData,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";
import { useCallback, useEffect, useMemo } from "react";
import { cancelJob, copyJob, findJob, readJobs, readJobTypes, readLogs, readOlderJobs, reviveJob, submitJob } from "./api/calls";
import type { Feed } from "./feed";
import type { JobLogs } from "./frames";
import type { Interest } from "./interest";
import { afterMore, afterRead, applyUpdates, emptyList, MOST_ROWS, narrowed, type JobList } from "./joblist";
import { isLater, NO_LINES, readOn, taken, type JobLog } from "./joblog";
import { applyUpdate, needsReading, type Job, type JobFilter, type JobMove } from "./jobs";
import { useConnection, useInterest, useSources } from "./sources";

const FIRST_ROWS = 100;
const PAGE_ROWS = 1_000;
const READ_AGAIN_MS_A_ROW = 6; // twenty thousand rows take a while, and are asked for more seldom
const READ_AGAIN_LIVE_MS = 60_000; // a push is a courtesy: one that got lost is made up for within this time
const READ_AGAIN_BY_CLOCK_MS = 10_000; // that a job has come due, or has grown too old for the list, nobody pushes
const READ_LOG_MS = 1_000;
const READ_AGAIN_MS = 10_000; // while nothing is pushed, or a read has failed

const jobsKey = (filter: JobFilter) => ["jobs", filter] as const;
const jobKey = (id: string) => ["job", id] as const;
/** isGrowing: while lines may be added, they are followed; after that it is read once more. */
const logKey = (id: string, isGrowing: boolean) => ["log", id, isGrowing] as const;

export interface Jobs {
  readonly query: UseQueryResult<JobList>;
  readonly more: { readonly read: () => void; readonly isReading: boolean; readonly hasFailed: boolean };
}

export function useJobs(filter: JobFilter): Jobs {
  const { queue, jobType } = filter;
  const client = useQueryClient();
  const { feed } = useSources();
  const { state } = useConnection();
  useCarried(filter);
  useInterest(useMemo(() => interestIn(queue, jobType), [queue, jobType]));
  // Another function would make another list with each drawing.
  const narrowedTo = useCallback((previous: JobList | undefined) => previous && narrowed(previous, filter), [filter]);
  const query = useQuery<JobList>({
    queryKey: jobsKey(filter),
    queryFn: ({ signal }) => readList(client, feed, filter, signal),
    placeholderData: narrowedTo,
    gcTime: 0, // once it is off the screen nobody follows it
    structuralSharing: false, // lists share what has not changed by themselves, and comparing long ones takes its time
    refetchInterval: ({ state: { status, data } }) =>
      Math.max(
        state === "live" && status === "success" ? liveInterval(filter) : READ_AGAIN_MS,
        (data?.rows.length ?? 0) * READ_AGAIN_MS_A_ROW,
      ),
  });
  const more = useMutation({ mutationFn: () => readMore(client, feed, filter) });
  return {
    query,
    more: { read: () => { more.mutate(); }, isReading: more.isPending, hasFailed: more.isError },
  };
}

function liveInterval({ status, within }: JobFilter): number {
  const changesByItself = within !== null || status === "QUEUED" || status === "SCHEDULED" || status === "RETRYING";
  return changesByItself ? READ_AGAIN_BY_CLOCK_MS : READ_AGAIN_LIVE_MS;
}

/** Brings what is pushed into the list. */
function useCarried(filter: JobFilter): void {
  const client = useQueryClient();
  const { feed } = useSources();
  useEffect(() => {
    const key = jobsKey(filter);
    return feed.jobs.listen((jobs) => { client.setQueryData<JobList>(key, (list) => list && applyUpdates(list, jobs)); });
  }, [client, feed, filter]);
}

/** All that may enter or leave a list. */
function interestIn(queue: string | null, jobType: string | null): Interest {
  if (queue !== null) return { queues: [queue] };
  return jobType === null ? { jobs: "all" } : { jobTypes: [jobType] };
}

async function readList(client: QueryClient, feed: Feed, filter: JobFilter, signal: AbortSignal): Promise<JobList> {
  const readAt = Date.now();
  const [page, heard] = await withPushes(feed, () => readJobs(filter, rowsToRead(client, filter), signal));
  return afterRead(knownList(client, filter) ?? emptyList(filter), page, heard, readAt);
}

async function readMore(client: QueryClient, feed: Feed, filter: JobFilter): Promise<void> {
  const next = knownList(client, filter)?.next;
  if (!next) return;
  const shown = knownList(client, filter)?.rows.length ?? 0;
  const wanted = Math.min(PAGE_ROWS, Math.max(FIRST_ROWS, shown));
  const [page, heard] = await withPushes(feed, () => readOlderJobs(next, wanted, new AbortController().signal));
  client.setQueryData<JobList>(jobsKey(filter), (list) => (list?.next === next ? afterMore(list, page, heard) : list));
}

/** An answer, and what was pushed while it was on its way: that is newer than it, or may be. */
async function withPushes<T>(feed: Feed, read: () => Promise<T>): Promise<readonly [T, readonly Job[]]> {
  const heard: Job[] = [];
  const stop = feed.jobs.listen((jobs) => heard.push(...jobs));
  try {
    return [await read(), heard];
  } finally {
    stop();
  }
}

/** As many as are shown, so that one answer brings all of them up to date. */
function rowsToRead(client: QueryClient, filter: JobFilter): number {
  const shown = knownList(client, filter)?.rows.length ?? 0;
  return Math.min(MOST_ROWS, Math.ceil(Math.max(shown, 1) / FIRST_ROWS) * FIRST_ROWS);
}

function knownList(client: QueryClient, filter: JobFilter): JobList | undefined {
  return client.getQueryData<JobList>(jobsKey(filter));
}

/** null: there is no such job. */
export function useJob(id: string): UseQueryResult<Job | null> {
  const client = useQueryClient();
  const { feed } = useSources();
  const { state } = useConnection();
  useInterest(useMemo(() => ({ jobs: [id] }), [id]));
  useEffect(
    () => feed.jobs.listen((jobs) => { for (const job of jobs) if (job.id === id) tellOne(client, job); }),
    [client, feed, id],
  );
  return useQuery<Job | null>({
    queryKey: jobKey(id),
    queryFn: ({ signal }) => readJob(client, feed, id, signal),
    placeholderData: () => listedJob(client, id),
    gcTime: 0,
    refetchInterval: ({ state: { status } }) => (state === "live" && status === "success" ? READ_AGAIN_LIVE_MS : READ_AGAIN_MS),
  });
}

function tellOne(client: QueryClient, update: Job): void {
  const key = jobKey(update.id);
  const known = client.getQueryData<Job | null>(key);
  if (!known || update.version <= known.version) return;
  const told = applyUpdate(known, update);
  client.setQueryData<Job | null>(key, told);
  if (needsReading(known, told)) void client.invalidateQueries({ queryKey: key });
}

class OldAnswer extends Error {}

/** The job as answered, or as a push told it while the answer was on its way. */
async function readJob(client: QueryClient, feed: Feed, id: string, signal: AbortSignal): Promise<Job | null> {
  const [answer, heard] = await withPushes(feed, () => findJob(id, signal));
  const known = client.getQueryData<Job | null>(jobKey(id));
  const told = heard.filter((job) => job.id === id);
  return answer && newest(answer, known ? [...told, known] : told);
}

/** An answer that is older than a move we know of is asked for again: a push does not tell all of it. */
function newest(answer: Job, told: readonly Job[]): Job {
  const job = told.reduce(applyUpdate, answer);
  if (needsReading(answer, { ...job, omitted: [] })) throw new OldAnswer("The answer was older than what is known already.");
  return job;
}

function listedJob(client: QueryClient, id: string): Job | undefined {
  const lists = client.getQueriesData<JobList>({ queryKey: ["jobs"] });
  return lists.flatMap(([, list]) => list?.rows ?? []).find((job) => job.id === id);
}

export function useJobTypes() {
  return useQuery({
    queryKey: ["job-types"],
    queryFn: ({ signal }) => readJobTypes(signal),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    // A first read may be cut short when everything is read again.
    refetchInterval: ({ state: { status } }) => (status === "success" ? false : READ_AGAIN_MS),
  });
}

export function useSubmit() {
  const { feed } = useSources();
  return useMutation({
    mutationFn: submitJob,
    onSuccess: (job) => { feed.jobs.tell([job]); },
  });
}

const MOVES: Record<JobMove, (id: string) => Promise<Job>> = { copy: copyJob, cancel: cancelJob, revive: reviveJob };

export function useMove(id: string) {
  const { feed } = useSources();
  return useMutation({
    mutationFn: (move: JobMove) => MOVES[move](id),
    onSuccess: (job) => { feed.jobs.tell([job]); },
  });
}

/**
 * moment: where the job stands. When that changes, an attempt may have ended, whose last lines nobody pushed.
 *
 * Followed while it may grow, by looking every second where nobody pushes; and read once more from the
 * beginning after that.
 */
export function useJobLog(id: string, isGrowing: boolean, moment: string): UseQueryResult<JobLog> {
  const client = useQueryClient();
  const { feed } = useSources();
  useInterest(useMemo(() => (isGrowing ? { logs: [id] } : null), [id, isGrowing]));
  useEffect(
    () => feed.logs.listen((logs) => { if (logs.job_id === id) tellLines(client, logs); }),
    [client, feed, id],
  );
  useEffect(() => { void client.invalidateQueries({ queryKey: ["log", id] }); }, [client, id, moment]);
  // Lines that were logged while nobody listened are told by no frame.
  useEffect(
    () => feed.subscribed.listen(() => { void client.invalidateQueries({ queryKey: ["log", id] }); }),
    [client, feed, id],
  );
  return useQuery<JobLog>({
    queryKey: logKey(id, isGrowing),
    queryFn: ({ signal }) => readLog(client, id, isGrowing, signal),
    placeholderData: keepPreviousData,
    gcTime: 0,
    refetchInterval: ({ state: { status, data } }) => {
      if (status === "error") return READ_AGAIN_MS;
      return isGrowing && (data?.isPushed ? READ_AGAIN_MS : READ_LOG_MS);
    },
  });
}

function tellLines(client: QueryClient, logs: JobLogs): void {
  const key = logKey(logs.job_id, true);
  const known = client.getQueryData<JobLog>(key);
  if (known === undefined) return; // it is being read
  const told = taken(known, logs);
  if (told === "gap") void client.invalidateQueries({ queryKey: key });
  else client.setQueryData<JobLog>(key, told);
}

/** From where it ended. What was pushed while the answer was on its way may go further than that. */
async function readLog(client: QueryClient, id: string, isGrowing: boolean, signal: AbortSignal): Promise<JobLog> {
  const known = () => client.getQueryData<JobLog>(logKey(id, isGrowing)) ?? NO_LINES;
  const answer = await readOn(known(), (cursor) => readLogs(id, cursor, signal));
  const pushed = known();
  return pushed.cursor !== null && answer.cursor !== null && isLater(pushed.cursor, answer.cursor) ? pushed : answer;
}
