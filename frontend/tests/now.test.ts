import { expect, it } from "vitest";
import { together } from "../src/api/now";
import { newer } from "../src/system";
import { FREE } from "./queue";

const QUEUES = [
  { ...FREE, name: "a", oldest_age_seconds: 3, in_per_minute: 1.5, out_per_minute: 1 },
  { ...FREE, name: "b", oldest_age_seconds: null, in_per_minute: 0.5, out_per_minute: 2 },
];
const STATS = { at: "2026-11-25T14:00:00Z", counts: { QUEUED: 2 }, series: [], step_minutes: 1 };

it("what was polled is told as it is pushed", () => {
  expect(together(STATS, QUEUES, 3)).toMatchObject({
    at: STATS.at,
    in_per_minute: 2,
    out_per_minute: 3,
    oldest_age_seconds: 3,
    workers: 3,
    connections: null,
    isPushed: false,
  });
  expect(together(STATS, [], 0).oldest_age_seconds).toBeNull();
});

it("an answer that is older than a push does not replace it", () => {
  const pushed = { ...together({ ...STATS, at: "2026-11-25T14:00:02Z" }, QUEUES, 3), isPushed: true };

  expect(newer(pushed, together(STATS, QUEUES, 3))).toBe(pushed);
  expect(newer(undefined, pushed)).toBe(pushed);
});
