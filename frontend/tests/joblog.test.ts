import { describe, expect, it } from "vitest";
import { extended, mayGrow, MOST_LINES, NO_LINES, readOn, taken, type LogLine, type LogPage } from "../src/joblog";
import { aJob } from "./job";

function line(number: number): LogLine {
  return { attempt: 1, line: number, at: "2026-11-25T14:00:00.000Z", level: "INFO", logger: "job", message: `line ${number}` };
}

describe("a log", () => {
  it("is read on from where it ended", async () => {
    const known: LogPage = { lines: [line(1)], cursor: "1" };
    const pages: Record<string, LogPage> = {
      "1": { lines: [line(2), line(3)], cursor: "3" },
      "3": { lines: [], cursor: "3" },
    };

    const asked: unknown[] = [];
    const log = await readOn(known, (cursor) => {
      asked.push(cursor);
      return Promise.resolve(pages[cursor ?? ""] ?? NO_LINES);
    });

    expect(asked).toEqual(["1", "3"]);
    expect(log).toEqual({ lines: [line(1), line(2), line(3)], cursor: "3" });
  });

  it("to which nothing was added stays the same", () => {
    const log: LogPage = { lines: [line(1)], cursor: "1" };

    expect(extended(log, { lines: [], cursor: "1" }).lines).toBe(log.lines);
  });

  it("that grows too long loses its oldest lines", () => {
    const long = Array.from({ length: MOST_LINES }, (_, n) => line(n));

    const log = extended({ lines: long, cursor: "a" }, { lines: [line(MOST_LINES)], cursor: "b" });

    expect(log.lines).toHaveLength(MOST_LINES);
    expect(log.lines[0]).toEqual(line(1));
  });
});

it.each([
  [aJob(1, { status: "RUNNING" }), true],
  [aJob(1, { status: "COMPLETED", finished_at: "2026-11-25T14:00:00.000Z" }), true],
  [aJob(1, { status: "COMPLETED", finished_at: "2026-11-25T13:00:00.000Z" }), false],
  [aJob(1, { status: "RETRYING" }), false],
])("a log grows while its job runs, and a moment longer: %#", (job, grows) => {
  expect(mayGrow(job, Date.parse("2026-11-25T14:00:02.000Z"))).toBe(grows);
});

describe("pushed lines", () => {
  const log: LogPage = { lines: [line(1)], cursor: "1-1" };
  const frame = { job_id: "a", after: "1-1", data: [line(2)], cursor: "1-2" };

  it("go below those that are known", () => {
    expect(taken(log, frame)).toEqual({ lines: [line(1), line(2)], cursor: "1-2", isPushed: true });
    expect(taken({ lines: [], cursor: null }, { ...frame, after: "0-0", data: [line(1), line(2)] })).toMatchObject({ cursor: "1-2" });
  });

  it("that are known already change nothing", () => {
    expect(taken({ ...log, cursor: "1-10" }, { ...frame, cursor: "1-9" })).toMatchObject({ lines: log.lines, cursor: "1-10" });
  });

  it.each([
    ["begin further down", { ...frame, after: "1-5", cursor: "1-6" }],
    ["begin above the last one that is known", { ...frame, after: "0-0" }],
    ["are too many to push", { ...frame, data: [] }],
  ])("are read when they %s", (_, told) => {
    expect(taken(log, told)).toBe("gap");
  });
});
