import { describe, expect, it } from "vitest";
import { afterMore, afterRead, applyUpdates, emptyList, type JobList } from "../src/joblist";
import { ALL_JOBS, type Job, type JobFilter } from "../src/jobs";
import { allOf, heldOf, type Shown } from "../src/shown";
import { aJob } from "./job";

const RUNNING: JobFilter = { ...ALL_JOBS, status: "RUNNING" };

function listed(jobs: readonly Job[], { filter = ALL_JOBS, next = null }: { filter?: JobFilter; next?: string | null } = {}): JobList {
  return afterRead(emptyList(filter), { jobs, next }, [], 0);
}

function seen({ rows, news }: Shown): readonly string[] {
  return [...rows.map((row) => `${Number(row.id.slice(-12))} ${row.status}${row.hasLeft ? " left" : ""}`), `${news} new`];
}

function running(n: number, change: Partial<Job> = {}): Job {
  return aJob(n, { status: "RUNNING", version: 2, ...change });
}

describe("rows that are held", () => {
  it("change in place", () => {
    const list = listed([aJob(2), aJob(1)]);

    const held = heldOf(list.rows, applyUpdates(list, [running(1)]));

    expect(seen(held)).toEqual(["2 QUEUED", "1 RUNNING", "0 new"]);
  });

  it("are not pushed down by new ones, which are counted", () => {
    const list = listed([aJob(2), aJob(1)]);

    const held = heldOf(list.rows, applyUpdates(list, [aJob(3), aJob(4)]));

    expect(seen(held)).toEqual(["2 QUEUED", "1 QUEUED", "2 new"]);
  });

  it("are not pushed apart by an old job that comes to match", () => {
    const list = listed([running(5), running(1)], { filter: RUNNING });

    const held = heldOf(list.rows, applyUpdates(list, [running(3)]));

    expect(seen(held)).toEqual(["5 RUNNING", "1 RUNNING", "1 new"]);
  });

  it("stay where they are when they leave the filter, and go on changing", () => {
    const list = listed([running(2), running(1)], { filter: RUNNING });

    const retried = applyUpdates(list, [running(1, { status: "RETRYING", version: 3 })]);
    const first = heldOf(list.rows, retried);
    const back = heldOf(first.rows, applyUpdates(retried, [running(1, { version: 4 })]));

    expect(seen(first)).toEqual(["2 RUNNING", "1 RETRYING left", "0 new"]);
    expect(seen(back)).toEqual(["2 RUNNING", "1 RUNNING", "0 new"]);
  });

  it("that a read does not find any more stay too, and are said to have left", () => {
    const list = listed([aJob(2), aJob(1)]);

    const held = heldOf(list.rows, listed([aJob(1)]));

    expect(seen(held)).toEqual(["2 QUEUED left", "1 QUEUED", "0 new"]);
    expect(heldOf(held.rows, listed([aJob(1)])).rows[0]).toBe(held.rows[0]);
  });

  it("are followed by older ones", () => {
    const list = listed([aJob(4)], { next: "?cursor=4" });

    const held = heldOf(list.rows, afterMore(applyUpdates(list, [aJob(9)]), { jobs: [aJob(3), aJob(2)], next: null }, []));

    expect(seen(held)).toEqual(["4 QUEUED", "3 QUEUED", "2 QUEUED", "1 new"]);
  });

  it("are let go all at once", () => {
    const list = applyUpdates(listed([aJob(1)]), [aJob(2)]);

    expect(seen(allOf(list))).toEqual(["2 QUEUED", "1 QUEUED", "0 new"]);
  });
});

it("what comes into an empty list is shown", () => {
  expect(seen(heldOf([], listed([aJob(1)])))).toEqual(["1 QUEUED", "0 new"]);
});

it("a flood over ten thousand rows is merged well within a frame", () => {
  let list = listed(Array.from({ length: 10_000 }, (_, n) => aJob(n)));
  const began = performance.now();
  for (let push = 0; push < 100; push += 1) {
    const old = Array.from({ length: 50 }, (_, n) => running(n * 200 + (push % 7), { version: push + 2 }));
    const young = Array.from({ length: 50 }, (_, n) => aJob(10_000 + push * 50 + n));
    const before = list.rows;
    list = applyUpdates(list, [...old, ...young]);
    heldOf(before, list);
  }
  const each = (performance.now() - began) / 100;

  expect(list.rows).toHaveLength(15_000);
  expect(each).toBeLessThan(16); // ms
});
