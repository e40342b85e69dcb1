import { expect, it } from "vitest";
import { duration, elapsed, relative } from "../src/times";

const NOW = Date.parse("2026-11-23T09:30:00.000Z");

it.each([
  [0, "now"],
  [-999, "now"],
  [-12_400, "12s ago"],
  [-180_000, "3m ago"],
  [-7_200_000, "2h ago"],
  [-172_800_000, "2d ago"],
  [8_000, "in 8s"],
])("%i ms from now reads as %s", (distance, words) => {
  expect(relative(NOW + distance, NOW)).toBe(words);
});

it.each([
  [34, "34ms"],
  [1_240, "1.24s"],
  [12_340, "12.3s"],
  [59_990, "59.9s"],
  [200_000, "3m 20s"],
  [7_500_000, "2h 5m"],
  [360_000, "6m"],
  [-5, "0ms"],
])("%i ms last %s", (length, words) => {
  expect(duration(length)).toBe(words);
});

it("something that goes on is told in whole seconds", () => {
  expect([-5, 3_999, 200_000].map(elapsed)).toEqual(["0s", "3s", "3m 20s"]);
});
