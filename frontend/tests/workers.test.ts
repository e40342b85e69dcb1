import { expect, it } from "vitest";
import { countsOf, lifeOf, type WorkerView } from "../src/workers";

const SEEN = "2026-11-25T14:00:00.000Z";
const after = (seconds: number) => Date.parse(SEEN) + seconds * 1_000;

const aWorker = (running_count: number, seen_at = SEEN): WorkerView => ({
  id: "vm-1-a",
  form: "container",
  host: "vm",
  pid: 1,
  version: "0.1.0",
  concurrency: 16,
  started_at: SEEN,
  seen_at,
  running: [],
  running_count,
  queues: [],
});

it.each([
  [0, "alive"],
  [4.9, "alive"],
  [5, "late"],
  [29.9, "late"],
  [30, "lost"],
])("a worker that has been silent for %s s is %s", (silence, life) => {
  expect(lifeOf(aWorker(0), after(silence))).toBe(life);
});

it("only workers that are alive have slots", () => {
  const workers = [aWorker(3, new Date(after(60)).toISOString()), aWorker(5)];

  expect(countsOf(workers, after(60))).toEqual({ alive: 1, running: 3, slots: 16 });
});
