/** The hooks that fetch. Components draw what these give them. */

import {
  keepPreviousData,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseQueryResult,
} from "@tanstack/react-query";
import { createContext, use, useEffect, useMemo, useSyncExternalStore } from "react";
import {
  cancelJob,
  copyJob,
  findJob,
  readJobs,
  readJobTypes,
  readLogs,
  readMe,
  readOlderJobs,
  reviveJob,
  submitJob,
} from "./api/calls";
import { readNow } from "./api/now";
import { jobKey, jobsKey, logKey, newer, nowKey, type Feed, type SystemNow } from "./feed";
import { applyUpdate, needsReading, type Job, type JobFilter, type JobMove } from "./jobs";
import { afterMore, afterRead, applyUpdates, emptyList, MOST_ROWS, narrowed, type JobList } from "./joblist";
import { isLater, NO_LINES, readOn, type JobLog } from "./joblog";
import type { Interest } from "./interest";
import type { Connection, Live } from "./live";
import { includes, type Me, type Role } from "./me";
import { session } from "./session";

const PAGE_ROWS = 100;
const READ_AGAIN_LIVE_MS = 60_000; // a push is a courtesy: one that got lost is made up for within this time
const READ_LOG_MS = 1_000;
const PUSHED_WITHIN_MS = 3_000; // statistics come once a second, where they come at all
const POLL_MS = 5_000;
const READ_AGAIN_MS = 10_000; // while nothing is pushed, or a read has failed

export interface Sources {
  readonly feed: Feed;
  readonly live: Live;
}

export const SourcesContext = createContext<Sources | null>(null);

function useSources(): Sources {
  const sources = use(SourcesContext);
  if (!sources) throw new Error("there is no SourcesContext around this component");
  return sources;
}

export function useConnection(): Connection {
  const { live } = useSources();
  return useSyncExternalStore(live.subscribe, live.current);
}

export function useRetryNow(): () => void {
  return useSources().live.retryNow;
}

/**
 * Has this told over the WebSocket for as long as the component is there. The same object from one drawing to the next, or the
 * subscription changes with each of them; null: nothing.
 */
export function useInterest(interest: Interest | null): void {
  const { live } = useSources();
  useEffect(() => (interest ? live.want(interest) : undefined), [live, interest]);
}

export interface Jobs {
  readonly query: UseQueryResult<JobList>;
  readonly more: { readonly read: () => void; readonly isReading: boolean; readonly hasFailed: boolean };
}

export function useJobs(filter: JobFilter): Jobs {
  const { queue, jobType } = filter;
  const client = useQueryClient();
  const { feed } = useSources();
  const { state } = useConnection();
  useInterest(useMemo(() => interestIn(queue, jobType), [queue, jobType]));
  const query = useQuery({
    queryKey: jobsKey(filter),
    queryFn: ({ signal }) => readList(client, feed, filter, signal),
    placeholderData: (previous) => previous && narrowed(previous, filter),
    gcTime: 0, // once it is off the screen nobody follows it
    refetchInterval: ({ state: { status } }) =>
      state === "live" && status === "success" ? READ_AGAIN_LIVE_MS : READ_AGAIN_MS,
  });
  const more = useMutation({ mutationFn: () => readMore(client, filter) });
  return {
    query,
    more: { read: () => { more.mutate(); }, isReading: more.isPending, hasFailed: more.isError },
  };
}

/** All that may enter or leave a list. */
function interestIn(queue: string | null, jobType: string | null): Interest {
  if (queue !== null) return { queues: [queue] };
  return jobType === null ? { jobs: "all" } : { jobTypes: [jobType] };
}

/** Pushes heard while the answer was on its way are newer than it, or may be: they stay. */
async function readList(client: QueryClient, feed: Feed, filter: JobFilter, signal: AbortSignal): Promise<JobList> {
  const heard: Job[] = [];
  const stop = feed.listen((jobs) => heard.push(...jobs));
  try {
    const readAt = Date.now();
    const page = await readJobs(filter, rowsToRead(client, filter), signal);
    const known = knownList(client, filter) ?? applyUpdates(emptyList(filter), heard);
    return afterRead(known, page, new Set(heard.map((job) => job.id)), readAt);
  } finally {
    stop();
  }
}

async function readMore(client: QueryClient, filter: JobFilter): Promise<void> {
  const next = knownList(client, filter)?.next;
  if (!next) return;
  const page = await readOlderJobs(next, PAGE_ROWS, new AbortController().signal);
  client.setQueryData<JobList>(jobsKey(filter), (list) => (list?.next === next ? afterMore(list, page) : list));
}

/** As many as are shown, so that one answer brings all of them up to date. */
function rowsToRead(client: QueryClient, filter: JobFilter): number {
  const shown = knownList(client, filter)?.rows.length ?? 0;
  return Math.min(MOST_ROWS, Math.ceil(Math.max(shown, 1) / PAGE_ROWS) * PAGE_ROWS);
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
  return useQuery<Job | null>({
    queryKey: jobKey(id),
    queryFn: ({ signal }) => readJob(client, feed, id, signal),
    placeholderData: () => listedJob(client, id),
    gcTime: 0,
    refetchInterval: ({ state: { status } }) => (state === "live" && status === "success" ? false : READ_AGAIN_MS),
  });
}

class OldAnswer extends Error {}

/** The job as answered, or as a push told it while the answer was on its way. */
async function readJob(client: QueryClient, feed: Feed, id: string, signal: AbortSignal): Promise<Job | null> {
  const heard: Job[] = [];
  const stop = feed.listen((jobs) => heard.push(...jobs.filter((job) => job.id === id)));
  try {
    const answer = await findJob(id, signal);
    const known = client.getQueryData<Job | null>(jobKey(id));
    return answer && newest(answer, known ? [...heard, known] : heard);
  } finally {
    stop();
  }
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
    refetchInterval: ({ state: { status } }) => (status === "error" ? READ_AGAIN_MS : false),
  });
}

export function useSubmit() {
  const { feed } = useSources();
  return useMutation({
    mutationFn: submitJob,
    onSuccess: (job) => { feed.take([job]); },
  });
}

const MOVES: Record<JobMove, (id: string) => Promise<Job>> = { copy: copyJob, cancel: cancelJob, revive: reviveJob };

export function useMove(id: string) {
  const { feed } = useSources();
  return useMutation({
    mutationFn: (move: JobMove) => MOVES[move](id),
    onSuccess: (job) => { feed.take([job]); },
  });
}

/** Followed while it may grow, by looking every second where nobody pushes; and read once more from the beginning after that. */
export function useJobLog(id: string, isGrowing: boolean): UseQueryResult<JobLog> {
  const client = useQueryClient();
  useInterest(useMemo(() => (isGrowing ? { logs: [id] } : null), [id, isGrowing]));
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

/** From where it ended. What was pushed while the answer was on its way may go further than that. */
async function readLog(client: QueryClient, id: string, isGrowing: boolean, signal: AbortSignal): Promise<JobLog> {
  const known = () => client.getQueryData<JobLog>(logKey(id, isGrowing)) ?? NO_LINES;
  const answer = await readOn(known(), (cursor) => readLogs(id, cursor, signal));
  const pushed = known();
  return pushed.cursor !== null && answer.cursor !== null && isLater(pushed.cursor, answer.cursor) ? pushed : answer;
}

/**
 * How the whole system does: pushed once a second, and polled where nobody pushes. Each account sets the clock anew by which
 * the next is asked for, so that nothing is polled while pushes arrive.
 */
export function useStats(): UseQueryResult<SystemNow> {
  const client = useQueryClient();
  useInterest(STATS);
  return useQuery<SystemNow>({
    queryKey: nowKey,
    queryFn: async ({ signal }) => newer(client.getQueryData<SystemNow>(nowKey), await readNow(signal)),
    gcTime: 0,
    refetchInterval: ({ state: { data } }) => (data?.isPushed ? PUSHED_WITHIN_MS : POLL_MS),
  });
}

const STATS: Interest = { stats: true };

const ME = ["me"] as const;

/** Whose key is used; undefined while that is not known. */
export function useMe(): Me | undefined {
  const { data } = useQuery({
    queryKey: ME,
    queryFn: ({ signal }) => readMe({ signal }),
    staleTime: 300_000, // a key keeps its role for life
    refetchInterval: ({ state: { status } }) => (status === "error" ? READ_AGAIN_MS : false),
  });
  return data;
}

/** Whether the reader's role takes in this one. null while nobody knows: then say neither. */
export function useMay(needed: Role): boolean | null {
  const me = useMe();
  return me === undefined ? null : includes(me.role, needed);
}

/** The key is tried before it is kept. */
export function useSignIn() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ key }: { readonly key: string; readonly isRemembered: boolean }) => readMe({ key }),
    onSuccess: (me, { key, isRemembered }) => {
      client.setQueryData(ME, me);
      session.signIn(key, isRemembered);
    },
  });
}
