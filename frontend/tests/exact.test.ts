import { describe, expect, it } from "vitest";
import { exactly } from "../src/exact";
import { applyUpdate, type Job } from "../src/jobs";
import { aJob } from "./job";

const PAYLOAD = '{"n": 12345678901234567890, "b": 1.0, "10": 1, "2": 2}';

function read(result: string, change: Partial<Job> = {}): Job {
  const source = JSON.stringify(aJob(1, change)).replace(/"payload":\{[^}]*\}/, `"payload": ${PAYLOAD}`).replace('"result":null', `"result": ${result}`);
  return { ...(JSON.parse(source) as Job), source };
}

describe("what a job holds", () => {
  it("is shown as it was written", () => {
    expect(exactly(read("1e400"), "payload")).toBe(PAYLOAD);
    expect(exactly(read("1e400"), "result")).toBe("1e400");
  });

  it("keeps its digits when a push comes, but not a result that is no more", () => {
    const told = applyUpdate(read("null"), aJob(1, { version: 2, result: { ok: true } }));

    expect(exactly(told, "payload")).toBe(PAYLOAD);
    expect(exactly(told, "result")).toBe('{"ok":true}');
  });

  it("is what was parsed where there is nothing better", () => {
    expect(exactly(aJob(7), "payload")).toBe('{"n":7}');
  });
});
