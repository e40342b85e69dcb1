import { describe, expect, it } from "vitest";
import { suggestions } from "../src/completion";

const SCHEMA = {
  $ref: "#/$defs/Report",
  $defs: {
    Report: {
      type: "object",
      properties: {
        format: { enum: ["csv", "json"], default: "csv", description: "How it is written." },
        limit: { anyOf: [{ type: "integer" }, { type: "null" }] },
        urgent: { type: "boolean" },
        parts: { type: "array", items: { type: "object", properties: { kind: { enum: ["sum", "mean"] } } } },
      },
      additionalProperties: false,
    },
  },
};

/** The bar is the caret. */
function at(marked: string) {
  const offset = marked.indexOf("|");
  return suggestions(marked.replace("|", ""), offset, SCHEMA);
}

const labels = (marked: string) => at(marked)?.items.map(({ label }) => label) ?? null;

describe("keys", () => {
  it("are those that are not there yet", () => {
    expect(labels('{"limit": 1, "|"}')).toEqual(["format", "urgent", "parts"]);
    expect(labels("{|}")).toEqual(["format", "limit", "urgent", "parts"]);
  });

  it("say what they take", () => {
    const [format, limit] = at('{"|"}')?.items ?? [];
    expect(format).toMatchObject({ insert: '"format": ', detail: "one of 2", about: "How it is written." });
    expect(limit?.detail).toBe("integer");
  });

  it("replace what was typed, its quotes included, and keep a colon that is there", () => {
    expect(at('{"fo|"}')).toMatchObject({ from: 1, to: 5 });
    expect(at('{"fo|": 1}')?.items[0]?.insert).toBe('"format"');
  });

  it("are found within lists", () => {
    expect(labels('{"parts": [{"|"}]}')).toEqual(["kind"]);
  });
});

describe("values", () => {
  it("are the default and what else is allowed, once each", () => {
    expect(labels('{"format": |}')).toEqual(['"csv"', '"json"']);
    expect(labels('{"format": "c|"}')).toEqual(['"csv"', '"json"']);
  });

  it("are true and false, or null", () => {
    expect(labels('{"urgent": |}')).toEqual(["true", "false"]);
    expect(labels('{"limit": |}')).toEqual(["null"]);
  });

  it("are found within lists", () => {
    expect(labels('{"parts": [{"kind": |}]}')).toEqual(['"sum"', '"mean"']);
  });
});

it("has nothing to say where the schema says nothing", () => {
  expect(suggestions('{"a": }', 6, {})).toBeNull();
  expect(labels('{"unknown": |}')).toBeNull();
});
