import { expect, it } from "vitest";
import type { Job, JobFault } from "../src/jobs";
import { timelineOf, type Step } from "../src/timeline";
import { aJob } from "./job";

function fault(attempt: number, change: Partial<JobFault> = {}): JobFault {
  return { attempt, at: `2026-11-23T09:3${attempt}:02.000Z`, type: "ValueError", message: "no", traceback: "", ...change };
}

function words(job: Job): readonly string[] {
  return timelineOf(job, job.status).map(word);
}

function word(step: Step): string {
  switch (step.kind) {
    case "attempt":
      return `attempt ${step.attempt} ${step.outcome} on ${step.workerId ?? "?"}`;
    case "untold":
      return `untold ${step.from}-${step.to}`;
    case "finished":
      return step.status;
    case "due":
      return `due ${step.attempt}`;
    case "created":
    case "waits":
    case "cancelling":
    case "unstarted":
      return step.kind;
  }
}

it("a job waits, runs and completes", () => {
  const started = { attempt: 1, started_at: "2026-11-23T09:30:01.000Z", worker_id: "w1" };

  expect(words(aJob(1))).toEqual(["created", "waits"]);
  expect(words(aJob(1, { status: "RUNNING", ...started }))).toEqual(["created", "attempt 1 running on w1"]);
  expect(words(aJob(1, { status: "COMPLETED", ...started, finished_at: "2026-11-23T09:30:02.000Z" }))).toEqual([
    "created",
    "attempt 1 completed on w1",
    "COMPLETED",
  ]);
});

it("a job for later is due, then tries again and again, and fails", () => {
  const later = { run_at: "2026-11-23T10:00:00.000Z" };
  const failed = { started_at: "2026-11-23T09:32:00.000Z", worker_id: "w2", attempt: 2 };
  const errors = [fault(2, { worker_id: "w2" }), fault(1)]; // in whichever order

  expect(words(aJob(1, { status: "SCHEDULED", ...later }))).toEqual(["created", "due 1"]);
  expect(words(aJob(1, { status: "RETRYING", ...failed, ...later, errors }))).toEqual([
    "created",
    "attempt 1 failed on ?",
    "attempt 2 failed on w2",
    "due 3",
  ]);
  expect(words(aJob(1, { status: "FAILED", ...failed, errors, finished_at: "2026-11-23T09:33:00.000Z" }))).toEqual([
    "created",
    "attempt 1 failed on ?",
    "attempt 2 failed on w2",
    "FAILED",
  ]);
});

it("attempts of which nothing is kept are owned up to", () => {
  const job = aJob(1, { status: "RUNNING", attempt: 30, started_at: "2026-11-23T10:00:00.000Z", errors: [fault(6), fault(8)] });

  expect(words(job)).toEqual(["created", "untold 1-5", "attempt 6 failed on ?", "untold 7-7", "attempt 8 failed on ?", "untold 9-29", "attempt 30 running on ?"]);
});

it("a row of a list, which knows of no errors, claims nothing about them", () => {
  const job = aJob(1, { status: "RUNNING", attempt: 3, started_at: "2026-11-23T10:00:00.000Z" });

  expect(words(job)).toEqual(["created", "attempt 3 running on ?"]);
});

it("a job that is to end has been asked to", () => {
  const asked = { started_at: "2026-11-23T10:00:00.000Z", attempt: 1, cancel_requested_at: "2026-11-23T10:00:05.000Z" };

  expect(words(aJob(1, { status: "RUNNING", ...asked }))).toEqual(["created", "attempt 1 running on ?", "cancelling"]);
  expect(words(aJob(1, { status: "CANCELLED", finished_at: "2026-11-23T09:31:00.000Z" }))).toEqual(["created", "CANCELLED"]);
});

it("a job that fails with one that it depends on has made no attempt for it", () => {
  const other = fault(0, { type: "DependencyFailed", at: "2026-11-23T09:32:00.000Z" });
  const failed = { status: "FAILED", finished_at: "2026-11-23T09:31:00.000Z" } as const;

  expect(words(aJob(1, { ...failed, errors: [other] }))).toEqual(["created", "unstarted", "FAILED"]);
  expect(words(aJob(1, { ...failed, attempt: 1, started_at: "2026-11-23T09:30:30.000Z", errors: [other, fault(1)] }))).toEqual([
    "created",
    "attempt 1 failed on ?",
    "unstarted",
    "FAILED",
  ]);
});

it("what failed with another, was put back and ran is told in that order", () => {
  const other = fault(0, { type: "DependencyFailed", at: "2026-11-23T09:31:00.000Z" });
  const ran = { attempt: 1, started_at: "2026-11-23T10:00:01.000Z", finished_at: "2026-11-23T10:00:02.000Z" };

  expect(words(aJob(1, { status: "COMPLETED", ...ran, errors: [other] }))).toEqual(["created", "unstarted", "attempt 1 completed on ?", "COMPLETED"]);
});

it("a handler's own error may have any name", () => {
  const own = fault(1, { type: "DependencyFailed", started_at: "2026-11-23T09:30:30.000Z" });

  expect(words(aJob(1, { status: "RETRYING", attempt: 1, errors: [own] }))).toContain("attempt 1 failed on ?");
});
