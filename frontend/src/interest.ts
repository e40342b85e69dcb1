/** What the pages on the screen want to be told, and the one subscription that says it for all of them. */

const MOST_NAMED = 100; // of each, as the API has it

/** Of one component, for as long as it is there. A new object is another interest. */
export interface Interest {
  /** Any change of any job, or of these. */
  readonly jobs?: "all" | readonly string[];
  /** Any change of a job in these queues, or of these types. */
  readonly queues?: readonly string[];
  readonly jobTypes?: readonly string[];
  /** How the whole system does, once a second. */
  readonly stats?: boolean;
  /** What these jobs log. */
  readonly logs?: readonly string[];
}

/** As it is sent. Statuses are not asked for: a list must also hear of a job that leaves its status. */
export interface Subscription {
  readonly batch: true;
  readonly jobs?: readonly string[];
  readonly queues?: readonly string[];
  readonly job_types?: readonly string[];
  readonly stats?: true;
  readonly logs?: readonly string[];
}

/** What every release of the API understands: all jobs. */
export const EVERYTHING: Subscription = { batch: true };

export function subscriptionTo(interests: Iterable<Interest>): Subscription {
  const all = [...interests];
  const logs = union(all, ({ logs: wanted }) => wanted).slice(0, MOST_NAMED);
  return {
    ...jobsOf(all),
    ...(all.some(({ stats }) => stats) && { stats: true as const }),
    ...(logs.length > 0 && { logs }),
  };
}

/** No jobs named: all of them. An empty list: none. */
function jobsOf(all: readonly Interest[]): Subscription {
  const jobs = union(all, ({ jobs: wanted }) => (wanted === "all" ? [] : wanted));
  const queues = union(all, ({ queues: wanted }) => wanted);
  const job_types = union(all, ({ jobTypes }) => jobTypes);
  if (all.some(({ jobs: wanted }) => wanted === "all")) return EVERYTHING;
  if ([jobs, queues, job_types].some(({ length }) => length > MOST_NAMED)) return EVERYTHING;
  return {
    batch: true,
    ...((jobs.length > 0 || (queues.length === 0 && job_types.length === 0)) && { jobs }),
    ...(queues.length > 0 && { queues }),
    ...(job_types.length > 0 && { job_types }),
  };
}

/** Sorted, so that the same interests make the same subscription. */
function union(all: readonly Interest[], names: (interest: Interest) => readonly string[] | undefined): readonly string[] {
  return [...new Set(all.flatMap((each) => names(each) ?? []))].sort();
}
