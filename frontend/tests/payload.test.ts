import { describe, expect, it } from "vitest";
import { payloadFaults } from "../src/payload";
import { samplePayload } from "../src/sample";

const PROCESSING = {
  $ref: "#/$defs/Processing",
  $defs: {
    Processing: {
      type: "object",
      properties: {
        user_id: { anyOf: [{ type: "integer" }, { type: "string" }, { type: "null" }], default: null },
        steps: { type: "integer", minimum: 1, maximum: 100, default: 5 },
        seconds: { anyOf: [{ type: "number", minimum: 1, maximum: 10 }, { type: "null" }], default: null },
      },
      required: [],
    },
  },
};

const SLEEP = {
  type: "object",
  properties: { seconds: { type: "number", minimum: 0, maximum: 600 }, tags: { type: "array", items: { type: "string" } } },
  required: ["seconds"],
  additionalProperties: false,
};

function faults(text: string, schema: Record<string, unknown>): readonly string[] {
  return payloadFaults(text, schema).map(({ path, detail, line, column }) => `${line}:${column} ${path} ${detail}`);
}

describe("text that is not JSON", () => {
  it.each([
    ['{\n  "a": \n}', "3:1  value expected"],
    ['{"a": 1,}', "1:9  property name expected"],
    ["", "1:1  value expected"],
    ["{'a': 1}", "1:2  invalid symbol"],
    ['{"a": 1} // why', "1:10  invalid comment token"],
  ])("is refused with its place: %s", (text, fault) => {
    expect(faults(text, {})).toEqual([fault]);
  });
});

describe("JSON that does not fit the schema", () => {
  it.each([
    ['{"user_id": 1.5}', "1:13 $.user_id expected integer, string or null, got number"],
    ['{"steps": 0}', "1:11 $.steps 0 is less than 1"],
    ['{\n "seconds": 20}', "2:13 $.seconds 20 is greater than 10"],
    ["[]", "1:1 $ expected object, got array"],
  ])("is refused with its path: %s", (text, fault) => {
    expect(faults(text, PROCESSING)).toEqual([fault]);
  });

  it.each([
    ["{}", '1:1 $ "seconds" is missing'],
    ['{"seconds": 1, "secnods": 2}', "1:27 $.secnods unknown property"],
    ['{"seconds": 1, "tags": ["a", 2]}', "1:30 $.tags[1] expected string, got number"],
  ])("says each fault once: %s", (text, fault) => {
    expect(faults(text, SLEEP)).toEqual([fault]);
  });
});

describe("a payload to begin with", () => {
  it.each([
    ["process_data", PROCESSING, { user_id: 101 }],
    ["sleep", SLEEP, { seconds: 5 }],
    ["echo", {}, { hello: "world" }],
    ["mail", { ...SLEEP, examples: [{ seconds: 2 }] }, { seconds: 2 }],
  ])("is made for %s, and fits its schema", (name, schema, payload) => {
    expect(samplePayload({ name, schema })).toEqual(payload);
    expect(faults(JSON.stringify(payload), schema)).toEqual([]);
  });
});
