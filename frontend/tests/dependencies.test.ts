import { expect, it } from "vitest";
import { followed, isAboutOne, type Dependencies, type Relative } from "../src/dependencies";

function relative(id: string, status: Relative["status"]): Relative {
  return { id, job_type: status && "echo", status };
}

const KNOWN: Dependencies = {
  depends_on: [relative("a", "COMPLETED"), relative("b", "RUNNING"), relative("c", null)],
  dependents: [relative("d", "BLOCKED"), relative("e", "FAILED")],
  more: false,
};

it("those that can still change are followed, and no more than a subscription has room for", () => {
  const many = Array.from({ length: 200 }, (_, n) => relative(String(n), "BLOCKED"));

  expect(followed(undefined)).toEqual([]);
  expect(followed(KNOWN)).toEqual(["b", "d"]);
  expect(followed({ ...KNOWN, dependents: many })).toHaveLength(50);
});

it("news are what changes the picture", () => {
  expect(isAboutOne(KNOWN, [{ id: "b", status: "COMPLETED" }])).toBe(true);
  expect(isAboutOne(KNOWN, [{ id: "b", status: "RUNNING" }])).toBe(false);
  expect(isAboutOne(KNOWN, [{ id: "x", status: "RUNNING" }])).toBe(false);
  expect(isAboutOne(undefined, [{ id: "b", status: "COMPLETED" }])).toBe(false);
});
