import { expect, it, vi } from "vitest";
import { handlers, type Binding } from "../src/keys";

function binding(keys: string): Binding {
  return { keys, does: keys, group: "Test", run: vi.fn() };
}

it("a sequence comes before what it ends with", () => {
  expect(Object.keys(handlers([binding("j"), binding("g j"), binding("Escape")]))).toEqual(["g j", "j", "Escape"]);
});

it("a sign is taken with Shift and without it", () => {
  expect(Object.keys(handlers([binding("?"), binding("/")]))).toEqual(["?", "Shift+?", "/", "Shift+/"]);
});
