import { describe, expect, it } from "vitest";
import { defaultsOf, limitsOf, rateOf } from "../src/limits";
import { changeOf, fieldOf, formOf, plainly } from "../src/queueform";
import { busiest, NO_RATES, sampled, waitingIn, withNow } from "../src/queuenow";
import { FREE } from "./queue";

describe("in words", () => {
  it("a queue that nobody set has no limits and no defaults", () => {
    expect([limitsOf(FREE), defaultsOf(FREE)]).toEqual([[], []]);
  });

  it("limits and defaults are said one by one", () => {
    const rate = { jobs: 100, per_seconds: 60, burst: 20 };
    const set = { ...FREE, max_running: 4_000, rate_limit: rate, max_running_per_key: 0, weight: 2.5 };

    expect(limitsOf(set)).toEqual(["4,000 at a time", "100 a minute, 20 after a pause", "none at a time per key", "weight 2.5"]);
    expect(defaultsOf({ ...FREE, default_priority: 0, default_max_attempts: 1, default_timeout_seconds: 30 })).toEqual([
      "priority 0",
      "1 attempt",
      "30s at most",
    ]);
  });

  it.each([
    [1, "5 a second"],
    [60, "5 a minute"],
    [3_600, "5 an hour"],
    [86_400, "5 a day"],
    [30, "5 every 30s"],
    [0.5, "5 every 500ms"],
    [7_200, "5 every 2h"],
  ])("five jobs in %s seconds", (per_seconds, words) => {
    expect(rateOf({ jobs: 5, per_seconds, burst: null })).toBe(words);
  });
});

describe("the form", () => {
  const before = formOf({ ...FREE, max_running: 4, rate_limit: { jobs: 5, per_seconds: 60, burst: null } });

  it("that nobody changed says nothing", () => {
    expect(changeOf(before, before)).toEqual({});
  });

  it("says only what is different, and null for what was emptied", () => {
    const form = { ...before, max_running: "", weight: " 2 ", default_priority: "-5" };

    expect(changeOf(form, before)).toEqual({ max_running: null, weight: 2, default_priority: -5 });
  });

  it("says a rate as a whole, and null when it is emptied", () => {
    expect(changeOf({ ...before, rate_limit: { jobs: "5", per_seconds: "1", burst: "9" } }, before)).toEqual({
      rate_limit: { jobs: 5, per_seconds: 1, burst: 9 },
    });
    expect(changeOf({ ...before, rate_limit: { jobs: "", per_seconds: "60", burst: "" } }, before)).toEqual({ rate_limit: null });
  });

  it("leaves it to the API to refuse what is no number, or half a rate", () => {
    const form = { ...before, max_running: "many", rate_limit_per_key: { jobs: "", per_seconds: "1", burst: "3" } };

    expect(changeOf(form, before)).toEqual({ max_running: "many", rate_limit_per_key: { per_seconds: 1, burst: 3 } });
  });

  it("shows a fault at its field", () => {
    expect([fieldOf("$.max_running"), fieldOf("$.rate_limit.burst"), fieldOf("$.rate_limit"), fieldOf("$.name")]).toEqual([
      "max_running",
      "rate_limit.burst",
      "rate_limit.jobs",
      null,
    ]);
  });

  it.each([
    ["Expected `int` >= 0", "Must be at least 0."],
    ["Expected `float` >= 1.0", "Must be at least 1."],
    ["Expected `int` <= 100000", "Must be at most 100,000."],
    ["Expected `float` > 0.0", "Must be more than 0."],
    ["Expected `int | null`, got `float`", "Must be a whole number."],
    ["Expected `float`, got `str`", "Must be a number."],
    ["no queue can be named so", "no queue can be named so"],
  ])("says %s plainly", (detail, words) => {
    expect(plainly(detail)).toBe(words);
  });
});

describe("now", () => {
  const now = { name: "mail", paused: true, depth: { QUEUED: 7, RUNNING: 0 }, oldest_age_seconds: null, in_per_minute: 9, out_per_minute: 8 };

  it("a push tells what goes on, and not what people set", () => {
    expect(withNow(FREE, now)).toEqual({ ...FREE, depth: { QUEUED: 7, RUNNING: 0 }, oldest_age_seconds: null, in_per_minute: 9, out_per_minute: 8 });
    expect(withNow(FREE, undefined)).toBe(FREE);
  });

  it("what runs does not wait", () => {
    expect(waitingIn({ QUEUED: 3, RETRYING: 1, BLOCKED: 1, RUNNING: 5 })).toBe(5);
  });

  it("the busiest queues have the most to do, then do the most", () => {
    const queue = (name: string, QUEUED: number, out_per_minute: number) => ({ ...now, name, depth: { QUEUED }, out_per_minute });
    const queues = [queue("a", 0, 0), queue("b", 0, 9), queue("c", 5, 0), queue("d", 0, 0)];

    expect(busiest(queues, 3).map(({ name }) => name)).toEqual(["c", "b", "a"]);
  });

  it("rates are sampled every few seconds, and the oldest are let go", () => {
    const first = sampled(NO_RATES, [now], 10_000);
    const many = Array.from({ length: 100 }, (_, at) => at).reduce((rates, at) => sampled(rates, [now], 20_000 + at * 5_000), first);

    expect(first.byQueue.get("mail")).toEqual([8]);
    expect(sampled(first, [now], 14_999)).toBe(first);
    expect(many.byQueue.get("mail")).toHaveLength(60);
  });
});
