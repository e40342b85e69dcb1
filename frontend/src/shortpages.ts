/** Pages may be short, even empty, though more come: only a missing link is the end. */

import type { JobPage } from "./joblist";

export const MOST_REQUESTS = 20; // then the reader is asked whether to go on

/** Follows links until there are as many jobs as wanted, or no more. The last page can make it more than that. */
export async function gathered(
  query: string,
  wanted: number,
  read: (query: string) => Promise<JobPage>,
): Promise<JobPage> {
  let page = await read(query);
  for (let requests = 1; requests < MOST_REQUESTS && page.next !== null && page.jobs.length < wanted; requests += 1) {
    const { jobs, next } = await read(page.next);
    page = { jobs: [...page.jobs, ...jobs], next };
  }
  return page;
}
