/** Reading everything again, for when nobody knows what was missed. */

import type { QueryClient } from "@tanstack/react-query";

const ANSWERS_WITHIN_MS = 5_000; // as the API promises

/**
 * All that is shown, by reads begun from now on; the rest is marked as old, and is read when it is shown next.
 *
 * A read that is under way began too early. It is still waited for where nothing is shown yet: the reader has something to look
 * at, and functions that are only just starting are not asked everything twice at once.
 */
export async function readAgain(queries: QueryClient): Promise<void> {
  await within(ANSWERS_WITHIN_MS, firstReads(queries));
  await queries.cancelQueries();
  await queries.invalidateQueries({ refetchType: "none" });
  await queries.refetchQueries({ type: "active" }, { throwOnError: true });
}

/** Until they have ended, one way or another. */
async function firstReads(queries: QueryClient): Promise<void> {
  const first = queries.getQueryCache().findAll({ fetchStatus: "fetching", predicate: ({ state }) => state.data === undefined });
  await Promise.allSettled(first.map(async ({ promise }) => promise));
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, ms); });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
