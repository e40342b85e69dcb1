/** How a request is made: with the reader's key, within a time, again when the API asks for patience; and how it may be refused. */

import { setClock } from "./clock";
import type { Json } from "./jobs";
import { session } from "./session";

const ANSWERS_WITHIN_MS = 15_000; // the API promises 5 s; a half-open network would never answer
const MOST_WAITS = 3;
const LONGEST_WAIT_MS = 60_000; // the API counts calls by the minute

export interface Fault {
  readonly path: string;
  readonly detail: string;
}

/** RFC 9457. */
export interface Problem {
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors: readonly Fault[];
}

/** The API refused, and said why. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** No answer came. */
export class Unreachable extends Error {
  constructor() {
    super("The API cannot be reached.");
  }
}

/** Whether asking the same again would be answered the same. */
export function isFinal(error: Error): boolean {
  return error instanceof Refused && error.problem.status < 500;
}

/** Said by the API of a key; a gateway answers 403 to other things as well. */
export function isForbidden({ status, code }: Problem): boolean {
  return status === 403 && code === "forbidden";
}

/** key: instead of the one that the reader signed in with. */
export interface Options extends RequestInit {
  readonly key?: string;
}

/** Throws Refused or Unreachable. A key that is refused is not used again. */
export async function send(
  target: string | Request,
  { key = session.current().key ?? "", ...options }: Options = {},
): Promise<Response> {
  const init = target instanceof Request ? { method: target.method, signal: target.signal, ...options } : options;
  const headers = new Headers(target instanceof Request ? target.headers : init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await patiently(target, { ...init, headers });
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) session.refuse(key || null);
  throw new Refused(problem);
}

/** A read that came too early is made again when the API says; what changes something is left to whoever asked for it. */
async function patiently(target: string | Request, init: RequestInit): Promise<Response> {
  for (let waits = 0; ; waits += 1) {
    const response = await once(target, init);
    const isRead = (init.method ?? "GET") === "GET";
    if (response.status !== 429 || !isRead || waits === MOST_WAITS) return response;
    await pause(waitAsked(response.headers.get("Retry-After"), Date.now()), init.signal);
  }
}

/** ms to wait, of a Retry-After header: seconds, or a date. */
export function waitAsked(retryAfter: string | null, now: number): number {
  const seconds = Number(retryAfter ?? NaN);
  const ms = Number.isNaN(seconds) ? Date.parse(retryAfter ?? "") - now : seconds * 1_000;
  return Number.isNaN(ms) ? 1_000 : Math.min(LONGEST_WAIT_MS, Math.max(0, ms));
}

async function once(target: string | Request, { signal, ...init }: RequestInit): Promise<Response> {
  const deadline = AbortSignal.timeout(ANSWERS_WITHIN_MS);
  const response = await answered(target, { ...init, signal: signal ? AbortSignal.any([signal, deadline]) : deadline }, signal);
  setClock(response.headers.get("Date"));
  return response;
}

function pause(ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

async function answered(target: string | Request, init: RequestInit, signal: AbortSignal | null | undefined): Promise<Response> {
  try {
    return await fetch(target, init);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** Whatever stands between us and the API may refuse too, and in other words. */
async function problemOf(response: Response): Promise<Problem> {
  const said = (await response.json().catch(() => ({}))) as Partial<Problem> & { readonly message?: Json };
  const title = said.title ?? (response.statusText || "Refused");
  return {
    title,
    status: response.status,
    detail: said.detail ?? (typeof said.message === "string" ? said.message : `${title} (HTTP ${response.status})`),
    code: said.code ?? "",
    errors: said.errors ?? [],
  };
}
