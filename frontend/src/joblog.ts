/** What a job's handlers logged, gathered as it comes. */

import type { JobLogs } from "./frames";
import type { Job } from "./jobs";

const LATE_MS = 5_000; // lines may be written a moment after the outcome
const MOST_REQUESTS = 30; // an attempt logs at most a thousand lines, which fit into an answer

export interface LogLine {
  readonly attempt: number;
  readonly line: number;
  readonly at: string;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
}

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Where later lines will be. */
  readonly cursor: string | null;
}

/** A log in the making, and whether its last lines were pushed. */
export type JobLog = LogPage & { readonly isPushed?: boolean };

export const MOST_LINES = 5_000; // the oldest of more are dropped

export const NO_LINES: LogPage = { lines: [], cursor: null };

/** Whether lines may be added from now on. */
export function mayGrow({ status, finished_at }: Job, now: number): boolean {
  return status === "RUNNING" || (finished_at !== null && now - Date.parse(finished_at) < LATE_MS);
}

/** The log with all that was added since. A page without lines is the end, for now. */
export async function readOn(log: LogPage, read: (cursor: string | null) => Promise<LogPage>): Promise<LogPage> {
  let whole = log;
  for (let requests = 0; requests < MOST_REQUESTS; requests += 1) {
    const page = await read(whole.cursor);
    whole = extended(whole, page);
    if (page.lines.length === 0 || page.cursor === null) break;
  }
  return whole;
}

/** The log with a later page below it. The same lines when there was none. */
export function extended(log: LogPage, { lines, cursor }: LogPage): LogPage {
  if (lines.length === 0) return { lines: log.lines, cursor: cursor ?? log.cursor };
  return { lines: [...log.lines, ...lines].slice(-MOST_LINES), cursor: cursor ?? log.cursor };
}

/** The log with pushed lines below it. "gap": lines are missing between them, and must be read. */
export function taken(log: JobLog, { after, data, cursor }: JobLogs): JobLog | "gap" {
  const own = log.cursor ?? START;
  if (!isLater(cursor, own)) return log;
  if (after !== own || data.length === 0) return "gap";
  return { ...extended(log, { lines: data, cursor }), isPushed: true };
}

const START = "0-0";

/** Cursors are attempt and line. */
export function isLater(a: string, b: string): boolean {
  const [attempt = 0, line = 0] = a.split("-").map(Number);
  const [otherAttempt = 0, otherLine = 0] = b.split("-").map(Number);
  return attempt === otherAttempt ? line > otherLine : attempt > otherAttempt;
}
