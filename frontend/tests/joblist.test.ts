import { describe, expect, it } from "vitest";
import { ALL_JOBS, type Job, type JobFilter } from "../src/jobs";
import { afterMore, afterRead, applyUpdates, emptyList, MOST_ROWS, narrowed, type JobList } from "../src/joblist";
import { aJob } from "./job";

const ALL = ALL_JOBS;
const FAILED: JobFilter = { ...ALL_JOBS, status: "FAILED" };
const NOTHING_HEARD: readonly Job[] = [];

function listed(jobs: readonly Job[], { filter = ALL, next = null }: { filter?: JobFilter; next?: string | null } = {}): JobList {
  return afterRead(emptyList(filter), { jobs, next }, NOTHING_HEARD, 0);
}

function shown(list: JobList): readonly string[] {
  return list.rows.map((job) => `${Number(job.id.slice(-12))} ${job.status} v${job.version}`);
}

describe("a push", () => {
  it("changes the row of its job", () => {
    const list = applyUpdates(listed([aJob(1)]), [aJob(1, { status: "RUNNING", version: 2 })]);

    expect(shown(list)).toEqual(["1 RUNNING v2"]);
  });

  it.each([1, 2])("that is not newer is ignored: version %i after 2", (version) => {
    const list = listed([aJob(1, { status: "RUNNING", version: 2 })]);

    expect(applyUpdates(list, [aJob(1, { version })])).toBe(list);
  });

  it("of a new job puts it on top", () => {
    const list = applyUpdates(listed([aJob(1)]), [aJob(2)]);

    expect(shown(list)).toEqual(["2 QUEUED v1", "1 QUEUED v1"]);
  });

  it("counts by version when one frame tells of a job twice, in the wrong order", () => {
    const list = applyUpdates(listed([]), [aJob(1, { status: "COMPLETED", version: 3 }), aJob(1, { version: 2 })]);

    expect(shown(list)).toEqual(["1 COMPLETED v3"]);
  });

  it("of a job older than the last row does not leave a gap below that row", () => {
    const list = listed([aJob(5), aJob(4)], { next: "?cursor=4" });

    expect(shown(applyUpdates(list, [aJob(2, { version: 7 })]))).toEqual(["5 QUEUED v1", "4 QUEUED v1"]);
  });

  it("takes a job out of a filter that it has left, and a late one does not bring it back", () => {
    const list = listed([aJob(1, { status: "FAILED", version: 4 })], { filter: FAILED });

    const left = applyUpdates(list, [aJob(1, { status: "QUEUED", version: 5 })]);
    const late = applyUpdates(left, [aJob(1, { status: "FAILED", version: 4 })]);

    expect(shown(left)).toEqual([]);
    expect(shown(late)).toEqual([]);
  });

  it("never makes more rows than there may be", () => {
    const jobs = Array.from({ length: MOST_ROWS + 20 }, (_, n) => aJob(n));

    const list = applyUpdates(listed([], { next: "?cursor=0" }), jobs);

    expect(list.rows).toHaveLength(MOST_ROWS);
    expect(list.rows[0]?.id).toBe(aJob(MOST_ROWS + 19).id);
    expect(list.next).toBeNull();
    expect(list.oldest).toBe(aJob(20).id);
  });
});

describe("a read", () => {
  it("brings what was missed", () => {
    const list = afterRead(
      listed([aJob(1), aJob(2)]),
      { jobs: [aJob(3), aJob(2, { status: "COMPLETED", version: 3 }), aJob(1)], next: null },
      NOTHING_HEARD,
      1,
    );

    expect(shown(list)).toEqual(["3 QUEUED v1", "2 COMPLETED v3", "1 QUEUED v1"]);
  });

  it("older than a push does not undo it", () => {
    const known = applyUpdates(listed([aJob(1)]), [aJob(1, { status: "COMPLETED", version: 3 })]);

    const list = afterRead(known, { jobs: [aJob(1, { status: "RUNNING", version: 2 })], next: null }, NOTHING_HEARD, 1);

    expect(shown(list)).toEqual(["1 COMPLETED v3"]);
  });

  it("without a job that was pushed meanwhile keeps that job", () => {
    const known = applyUpdates(listed([aJob(1)]), [aJob(2)]);

    const list = afterRead(known, { jobs: [aJob(1)], next: null }, [aJob(2)], 1);

    expect(shown(list)).toEqual(["2 QUEUED v1", "1 QUEUED v1"]);
  });

  it("without a job that nobody spoke of removes it", () => {
    const list = afterRead(listed([aJob(2), aJob(1)]), { jobs: [aJob(1)], next: null }, NOTHING_HEARD, 1);

    expect(shown(list)).toEqual(["1 QUEUED v1"]);
  });

  it("does not bring back a job that has left the filter since", () => {
    const known = applyUpdates(listed([aJob(1, { status: "FAILED", version: 4 })], { filter: FAILED }), [
      aJob(1, { version: 5 }),
    ]);

    const list = afterRead(known, { jobs: [aJob(1, { status: "FAILED", version: 4 })], next: null }, NOTHING_HEARD, 1);

    expect(shown(list)).toEqual([]);
  });

  it("with the same version is believed: labels change as time passes", () => {
    const list = afterRead(listed([aJob(1, { status: "SCHEDULED" })]), { jobs: [aJob(1)], next: null }, NOTHING_HEARD, 1);

    expect(shown(list)).toEqual(["1 QUEUED v1"]);
  });
});

describe("a short page", () => {
  const cursor = aJob(3).id;

  it("is whole down to its cursor, and not only to its last job", () => {
    const list = listed([aJob(9)], { next: `?limit=100&cursor=${cursor}` });

    expect(shown(applyUpdates(list, [aJob(5, { version: 2 }), aJob(2, { version: 2 })]))).toEqual(["9 QUEUED v1", "5 QUEUED v2"]);
  });

  it("without any job still takes new ones, and is not the end", () => {
    const list = listed([], { next: `?limit=100&cursor=${cursor}` });

    expect(shown(applyUpdates(list, [aJob(9), aJob(2, { version: 2 })]))).toEqual(["9 QUEUED v1"]);
    expect(list.next).not.toBeNull();
  });
});

describe("more rows", () => {
  it("go below, each once", () => {
    const list = afterMore(listed([aJob(4), aJob(3)], { next: "?cursor=3" }), { jobs: [aJob(3), aJob(2)], next: "?cursor=2" }, NOTHING_HEARD);

    expect(shown(list)).toEqual(["4 QUEUED v1", "3 QUEUED v1", "2 QUEUED v1"]);
    expect(list.next).toBe("?cursor=2");
  });

  it("take pushes from then on", () => {
    const list = afterMore(listed([aJob(4)], { next: "?cursor=4" }), { jobs: [aJob(2)], next: null }, NOTHING_HEARD);

    expect(shown(applyUpdates(list, [aJob(1, { version: 9 })]))).toContain("1 QUEUED v9");
  });
});

describe("a push of a job that is further down, while the rows there are being read,", () => {
  const list = listed([aJob(4)], { next: `?cursor=${aJob(4).id}` });
  const push = aJob(2, { status: "RUNNING", version: 3 });

  it("is in its row, though the answer is older", () => {
    const more = afterMore(applyUpdates(list, [push]), { jobs: [aJob(2), aJob(1)], next: null }, [push]);

    expect(shown(more)).toEqual(["4 QUEUED v1", "2 RUNNING v3", "1 QUEUED v1"]);
  });

  it("is in its row when the newest page reaches further than before", () => {
    const read = afterRead(applyUpdates(list, [push]), { jobs: [aJob(4), aJob(2)], next: null }, [push], 1);

    expect(shown(read)).toEqual(["4 QUEUED v1", "2 RUNNING v3"]);
  });

  it("makes a row where the answer came too early to have it", () => {
    const more = afterMore(applyUpdates(list, [push]), { jobs: [aJob(1)], next: null }, [push]);

    expect(shown(more)).toEqual(["4 QUEUED v1", "2 RUNNING v3", "1 QUEUED v1"]);
  });

  it("keeps it out of a filter that it has left", () => {
    const failed = listed([], { filter: FAILED, next: `?cursor=${aJob(4).id}` });
    const answer = aJob(2, { status: "FAILED", version: 2 });

    const more = afterMore(applyUpdates(failed, [push]), { jobs: [answer], next: null }, [push]);

    expect(shown(more)).toEqual([]);
  });
});

it("another filter begins with the rows that are known to match it", () => {
  const list = listed([aJob(2, { status: "FAILED" }), aJob(1)]);

  expect(shown(narrowed(list, FAILED))).toEqual(["2 FAILED v1"]);
});
