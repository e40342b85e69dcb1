import { describe, expect, it } from "vitest";
import { ALL_JOBS, conditionsOf, isEverything, isIdPrefix, madeAt, matches, type JobFilter } from "../src/jobfilter";
import { aJob } from "./job";

const JOB = aJob(1, { id: "019ac000-1234-7abc-8def-0123456789ab", tags: ["nightly"], concurrency_key: "user:7", queue: "mail" });
const MADE = 0x019ac0001234;

function filtered(change: Partial<JobFilter>): JobFilter {
  return { ...ALL_JOBS, ...change };
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

it.each<Partial<JobFilter>>([
  {},
  { status: "QUEUED", jobType: "echo", queue: "mail", tag: "nightly", key: "user:7" },
  { id: "019AC000-12" },
  { id: "019ac00012" },
  { after: at(MADE) },
  { before: at(MADE + 1) },
  { within: "15m" },
])("a job is among those that are asked for: %o", (change) => {
  expect(matches(filtered(change), JOB, MADE + 60_000)).toBe(true);
});

it.each<Partial<JobFilter>>([
  { status: "FAILED" },
  { queue: "default" },
  { tag: "night" },
  { key: "user" },
  { id: "19ac" },
  { after: at(MADE + 1) },
  { before: at(MADE) },
])("a job is not among those that are asked for: %o", (change) => {
  expect(matches(filtered(change), JOB, MADE + 60_000)).toBe(false);
});

it("a span moves along with the clock", () => {
  expect(matches(filtered({ within: "15m" }), JOB, MADE + 900_001)).toBe(false);
  expect(conditionsOf(filtered({ within: "15m" }), MADE)).toEqual({ created_after: at(MADE - 900_000) });
});

it("the API is asked for just what was filled in", () => {
  expect(conditionsOf(ALL_JOBS, 0)).toEqual({});
  expect(conditionsOf(filtered({ key: "k", before: at(5) }), 0)).toEqual({ concurrency_key: "k", created_before: at(5) });
  expect(isEverything(ALL_JOBS)).toBe(true);
  expect(isEverything(filtered({ id: "0" }))).toBe(false);
});

describe("the beginning of an id", () => {
  it.each(["0", "019a", "019AC000-12", "019ac000-1234-7abc-8def-0123456789ab"])("is %s", (text) => {
    expect(isIdPrefix(text)).toBe(true);
  });

  it.each(["", "-", "job", "0--1", "019ac000-1234-7abc-8def-0123456789abc"])("is not %j", (text) => {
    expect(isIdPrefix(text)).toBe(false);
  });
});

it("an id tells when it was made, if it is whole and of that kind", () => {
  expect(madeAt(JOB.id)).toBe(MADE);
  expect(madeAt("019ac000")).toBeNull();
  expect(madeAt("019ac000-1234-4abc-8def-0123456789ab")).toBeNull();
});
