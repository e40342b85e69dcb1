import { expect, it } from "vitest";
import type { LogLine } from "../src/joblog";
import { asText, cut, fromLevel, hitsIn } from "../src/logview";

function line(number: number, message: string, level = "INFO"): LogLine {
  return { attempt: 1, line: number, at: "2026-11-25T14:00:00.000Z", level, logger: "job", message };
}

const LINES = [line(1, "Opened a file", "DEBUG"), line(2, "read 10 rows"), line(3, "slow file", "WARNING"), line(4, "lost", "CRITICAL"), line(5, "odd", "TRACE")];

it("lines from a level up are shown, and those of a level that nobody knows", () => {
  expect(fromLevel(LINES, "DEBUG")).toBe(LINES);
  expect(fromLevel(LINES, "WARNING").map((each) => each.line)).toEqual([3, 4, 5]);
});

it("what is looked for is found whatever its case", () => {
  expect(hitsIn(LINES, "FILE")).toEqual([0, 2]);
  expect(hitsIn(LINES, "")).toEqual([]);
});

it("a message is cut where the text stands in it, and stays whole", () => {
  expect(cut("aXbxc", "x")).toEqual([
    { text: "a", isHit: false },
    { text: "X", isHit: true },
    { text: "b", isHit: false },
    { text: "x", isHit: true },
    { text: "c", isHit: false },
  ]);
  expect(cut("abc", "")).toEqual([{ text: "abc", isHit: false }]);
});

it("a log is copied a line for a line", () => {
  expect(asText([line(1, "one")])).toBe("2026-11-25T14:00:00.000Z [1] INFO job one\n");
});
