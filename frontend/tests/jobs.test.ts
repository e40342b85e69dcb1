import { describe, expect, it } from "vitest";
import { ALL_JOBS, applyUpdate, matches, movesOf, needsReading, statusAt } from "../src/jobs";
import { aJob } from "./job";

const DUE = "2026-11-23T09:31:00.000Z";

describe("a job that waits for its time", () => {
  it.each(["SCHEDULED", "RETRYING"] as const)("is %s until then, and queued from then on", (status) => {
    const job = aJob(1, { status, run_at: DUE });

    expect(statusAt(job, Date.parse(DUE) - 1)).toBe(status);
    expect(statusAt(job, Date.parse(DUE))).toBe("QUEUED");
  });
});

describe("a push about a job that was read", () => {
  it("keeps the payload and the errors that it leaves out", () => {
    const fault = { attempt: 1, at: DUE, type: "Boom", message: "boom", traceback: "" };
    const known = aJob(1, { payload: "large", errors: [fault] });

    const job = applyUpdate(known, aJob(1, { payload: null, omitted: ["payload"], status: "RUNNING", version: 2 }));

    expect(job).toMatchObject({ payload: "large", omitted: [], errors: [fault], status: "RUNNING" });
  });

  it("is ignored when it is not newer", () => {
    const known = aJob(1, { version: 3 });

    expect(applyUpdate(known, aJob(1, { version: 3, status: "RUNNING" }))).toBe(known);
  });

  it("leaves a large result to be read", () => {
    const known = aJob(1, { status: "COMPLETED", result: null });

    const job = applyUpdate(known, aJob(1, { status: "COMPLETED", omitted: ["result"], version: 4 }));

    expect(job.omitted).toEqual(["result"]);
    expect(needsReading(known, job)).toBe(true);
  });

  it.each([
    [{ status: "RETRYING" }, true],
    [{ attempt: 2 }, true],
    [{ error: "boom" }, true],
    [{ progress: { fraction: 0.5, message: "half" } }, false],
  ] as const)("tells all there is to know, or not: %o", (change, isToBeRead) => {
    const known = aJob(1, { status: "RUNNING", attempt: 1 });

    expect(needsReading(known, { ...known, ...change })).toBe(isToBeRead);
  });
});

describe("a filter", () => {
  const job = aJob(1, { queue: "slow", tags: ["nightly", "eu"] });

  it.each([{}, { queue: "slow" }, { tag: "eu" }, { queue: "slow", tag: "nightly", jobType: "echo" }])("lets a job through: %o", (filter) => {
    expect(matches({ ...ALL_JOBS, ...filter }, job)).toBe(true);
  });

  it.each([{ queue: "default" }, { tag: "e" }, { status: "FAILED" as const }, { jobType: "sleep" }])("keeps a job out: %o", (filter) => {
    expect(matches({ ...ALL_JOBS, ...filter }, job)).toBe(false);
  });
});

describe("what can be asked of a job", () => {
  it.each(["QUEUED", "RUNNING", "BLOCKED"] as const)("that is %s: to stop", (status) => {
    expect(movesOf(aJob(1, { status }))).toEqual(["copy", "cancel"]);
  });

  it("that is being stopped: not to stop twice", () => {
    expect(movesOf(aJob(1, { status: "RUNNING", cancel_requested_at: DUE }))).toEqual(["copy"]);
  });

  it.each(["FAILED", "CANCELLED"] as const)("that is %s: to go on", (status) => {
    expect(movesOf(aJob(1, { status }))).toEqual(["copy", "revive"]);
  });
});
