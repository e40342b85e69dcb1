import { expect, it } from "vitest";
import { afterAll, afterClick } from "../src/choosing";

const IDS = ["a", "b", "c", "d", "e"];

function clicked(chosen: readonly string[], id: string, anchor: string | null, isStretch: boolean): readonly string[] {
  return [...afterClick(IDS, new Set(chosen), { id, anchor, isStretch })].sort();
}

it("a row is chosen, and let go by the next click", () => {
  expect(clicked(["a"], "c", "a", false)).toEqual(["a", "c"]);
  expect(clicked(["a", "c"], "c", "a", false)).toEqual(["a"]);
});

it.each([
  ["b", "d"],
  ["d", "b"],
])("a stretch goes from %s to %s", (anchor, id) => {
  expect(clicked([anchor], id, anchor, true)).toEqual(["b", "c", "d"]);
});

it("a stretch from a chosen row to a chosen one is let go", () => {
  expect(clicked(["a", "b", "c", "d"], "d", "b", true)).toEqual(["a"]);
});

it("without a beginning, or with one that has gone, there is no stretch", () => {
  expect(clicked([], "d", null, true)).toEqual(["d"]);
  expect(clicked([], "d", "gone", true)).toEqual(["d"]);
});

it("all are chosen at once, and let go at once", () => {
  expect(afterAll(["a", "b"], new Set(["x"])).size).toBe(3);
  expect(afterAll(["a", "b"], new Set(["a", "b"])).size).toBe(0);
});
