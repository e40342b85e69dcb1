import { describe, expect, it } from "vitest";
import { applyUpdate, needsReading, statusAt } from "../src/jobs";
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
