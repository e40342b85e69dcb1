import { expect, it } from "vitest";
import { duration, relative } from "../src/times";

const NOW = Date.parse("2026-11-23T09:30:00.000Z");

it.each([
  [0, "now"],
  [-999, "now"],
  [-12_400, "12 s ago"],
  [-180_000, "3 min ago"],
  [-7_200_000, "2 h ago"],
  [-172_800_000, "2 d ago"],
  [8_000, "in 8 s"],
])("%i ms from now reads as %s", (distance, words) => {
  expect(relative(NOW + distance, NOW)).toBe(words);
});

it.each([
  [34, "34 ms"],
  [1_240, "1.24 s"],
  [12_340, "12.3 s"],
  [59_990, "59.9 s"],
  [200_000, "3 min 20 s"],
  [7_500_000, "2 h 5 min"],
  [360_000, "6 min"],
  [-5, "0 ms"],
])("%i ms last %s", (length, words) => {
  expect(duration(length)).toBe(words);
});
