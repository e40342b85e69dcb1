import { describe, expect, it } from "vitest";
import { historyOf } from "../src/series";

const bucket = (minute: string, completed: number) => ({
  minute,
  completed,
  failed: 1,
  retried: 0,
  cancelled: 0,
  wait_p50: 0.1,
  wait_p95: 0.2,
  wait_p99: 0.3,
  run_p50: 1,
  run_p95: 2,
  run_p99: 3,
});

const time = (text: string) => Date.parse(text) / 1_000;

describe("a history", () => {
  const told = {
    at: "2026-11-25T14:03:20.000Z",
    step_minutes: 1,
    series: [bucket("2026-11-25T14:00:00.000Z", 4), bucket("2026-11-25T14:03:00.000Z", 6)],
  };
  const history = historyOf(told, 4);

  it("has a place for each bucket, from the one in which it begins to the present one", () => {
    expect(history.times).toEqual(["13:59", "14:00", "14:01", "14:02", "14:03"].map((minute) => time(`2026-11-25T${minute}:00Z`)));
  });

  it("has zeros where nothing ended, but gaps where nothing is known of lengths", () => {
    expect(history.completed).toEqual([0, 4, 0, 0, 6]);
    expect(history.failed).toEqual([0, 1, 0, 0, 1]);
    expect(history.wait.p95).toEqual([null, 0.2, null, null, 0.2]);
    expect(history.run.p99).toEqual([null, 3, null, null, 3]);
  });

  it("tells wider buckets per minute, and the last one by what is over of it", () => {
    const hours = { at: "2026-11-25T14:30:00Z", step_minutes: 60, series: [bucket("2026-11-25T13:00:00Z", 120), bucket("2026-11-25T14:00:00Z", 60)] };

    expect(historyOf(hours, 90).completed).toEqual([2, 2]);
  });

  it("does not say that it goes slower before the minute is over", () => {
    const young = { ...told, series: [bucket("2026-11-25T14:02:00.000Z", 9), bucket("2026-11-25T14:03:00.000Z", 6)] };

    expect(historyOf(young, 2).completed).toEqual([0, 9, null]);
    expect(historyOf({ ...young, at: "2026-11-25T14:04:00.000Z" }, 3).completed).toEqual([0, 9, 6, null]);
  });

  it("keeps a bucket that began after the answer's own time", () => {
    const late = { ...told, at: "2026-11-25T14:02:59.900Z" };

    expect(historyOf(late, 2).completed.at(-1)).toBe(6);
  });

  it("without any end is all zeros", () => {
    expect(historyOf({ ...told, series: [] }, 15).completed).toEqual(Array(16).fill(0));
  });
});
