import { expect, it } from "vitest";
import { count, moment, RATES, SECONDS, seconds } from "../src/axes";

it.each([
  [0, "0"],
  [0.0005, "0.5ms"],
  [0.005, "5ms"],
  [0.25, "250ms"],
  [1, "1s"],
  [1.5, "1.5s"],
  [12.34, "12.3s"],
  [30, "30s"],
  [60, "1m"],
  [90, "1m 30s"],
  [5_400, "1h 30m"],
  [172_800, "2d"],
])("%s seconds are read as %s", (value, words) => {
  expect(seconds(value)).toBe(words);
});

it("marks rise, and are short", () => {
  for (const marks of [SECONDS, RATES]) expect(marks).toEqual(marks.toSorted((a, b) => a - b));
  expect(SECONDS.filter((mark) => seconds(mark).length > 5)).toEqual([]);
  expect(RATES.filter((mark) => count(mark).length > 4)).toEqual([]);
});

it.each([
  [0.02, "0.02"],
  [900, "900"],
  [1_200, "1.2k"],
  [35_000, "35k"],
  [2_000_000, "2M"],
])("%s is counted as %s", (value, words) => {
  expect(count(value)).toBe(words);
});

it("marks say the day where hours do not matter, and at midnight", () => {
  const at = (hour: number) => new Date(2026, 10, 25, hour).getTime() / 1_000;

  expect(moment(at(14), 3_600)).toBe("14:00");
  expect(moment(at(0), 3_600)).toBe("25 Nov");
  expect(moment(at(14), 86_400)).toBe("25 Nov");
  expect(moment(at(0), 300)).toBe("00:00");
  expect(moment(at(14) + 5, 5)).toBe("14:00:05");
});
