import { expect, it } from "vitest";
import type { JobPage } from "../src/joblist";
import { gathered, MOST_REQUESTS } from "../src/shortpages";
import { aJob } from "./job";

/** Pages "?0", "?1" and so on, with so many jobs each; and what was asked for. */
function history(counts: readonly number[]) {
  const asked: string[] = [];
  const read = (query: string): Promise<JobPage> => {
    asked.push(query);
    const at = Number(query.slice(1));
    const jobs = Array.from({ length: counts[at] ?? 0 }, (_, n) => aJob(1_000 * at + n));
    return Promise.resolve({ jobs, next: at + 1 < counts.length ? `?${at + 1}` : null });
  };
  return { asked, read };
}

it("empty pages are followed to where the jobs are", async () => {
  const { read, asked } = history([0, 0, 2, 0, 1, 5]);

  const page = await gathered("?0", 3, read);

  expect(page.jobs).toHaveLength(3);
  expect(page.next).toBe("?5");
  expect(asked).toHaveLength(5);
});

it("a full page is enough", async () => {
  const { read, asked } = history([3, 3]);

  await gathered("?0", 3, read);

  expect(asked).toEqual(["?0"]);
});

it("the end is where no link is", async () => {
  const { read } = history([0, 1]);

  expect(await gathered("?0", 3, read)).toEqual({ jobs: [aJob(1_000)], next: null });
});

it("a long history without a match is left for the reader to go on with", async () => {
  const { read, asked } = history(Array.from({ length: 99 }, () => 0));

  const page = await gathered("?0", 3, read);

  expect(asked).toHaveLength(MOST_REQUESTS);
  expect(page).toEqual({ jobs: [], next: `?${MOST_REQUESTS}` });
});
