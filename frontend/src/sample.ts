/** A payload to begin with, made from a job type's schema. */

import type { JobType, Json, JsonSchema } from "./jobs";

const MOST_DEPTH = 5; // a schema may refer to itself

/** What runs anywhere at once, for job types whose schema alone suggests nothing. */
const SAMPLES: Readonly<Record<string, Json>> = {
  csv_summary: { text: "city,visitors\nLisbon,120\nOslo,80\nKyoto,310\n" },
  http_request: { url: "https://example.com/" },
};

/** What the schema gives as its example; else the required properties, or the first one when none is required. */
export function samplePayload({ name, schema }: Pick<JobType, "name" | "schema">): Json {
  const known = SAMPLES[name];
  if (known !== undefined && !Array.isArray(schema["examples"])) return known;
  return Object.keys(schema).length === 0 ? { hello: "world" } : sample(schema, schema, 0);
}

function sample(schema: JsonSchema, root: JsonSchema, depth: number): Json {
  const told = given(schema);
  if (told !== undefined) return told;
  if (depth > MOST_DEPTH) return null;
  const inner = alternative(schema, root);
  if (inner) return sample(inner, root, depth + 1);
  switch (firstType(schema)) {
    case "object":
      return sampleObject(schema, root, depth);
    case "array":
      return isSchema(schema["items"]) ? [sample(schema["items"], root, depth + 1)] : [];
    case "string":
      return sampleString(schema);
    case "integer":
      return clamped(101, schema);
    case "number":
      return clamped(5, schema);
    case "boolean":
      return true;
    default:
      return null;
  }
}

function given(schema: JsonSchema): Json | undefined {
  const examples = schema["examples"];
  if (Array.isArray(examples) && examples.length > 0) return examples[0] as Json;
  if (schema["const"] !== undefined) return schema["const"] as Json;
  const allowed = schema["enum"];
  if (Array.isArray(allowed) && allowed.length > 0) return allowed[0] as Json;
  const preset = schema["default"];
  return preset === undefined || preset === null ? undefined : (preset as Json);
}

/** What a schema stands for: the one it refers to, or the first of several. */
function alternative(schema: JsonSchema, root: JsonSchema): JsonSchema | null {
  const reference = schema["$ref"];
  if (typeof reference === "string") return referred(reference, root);
  const choices = schema["anyOf"] ?? schema["oneOf"] ?? schema["allOf"];
  return Array.isArray(choices) && isSchema(choices[0]) ? choices[0] : null;
}

function referred(reference: string, root: JsonSchema): JsonSchema | null {
  const steps = reference.replace(/^#\/?/, "").split("/").filter(Boolean);
  let found: unknown = root;
  for (const step of steps) found = isSchema(found) ? found[step] : undefined;
  return isSchema(found) ? found : null;
}

function sampleObject(schema: JsonSchema, root: JsonSchema, depth: number): Json {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const names = Object.keys(properties);
  const required = Array.isArray(schema["required"]) ? (schema["required"] as string[]) : [];
  const shown = required.length > 0 ? names.filter((name) => required.includes(name)) : names.slice(0, 1);
  return Object.fromEntries(
    shown.map((name) => {
      const property = properties[name];
      return [name, isSchema(property) ? sample(property, root, depth + 1) : null];
    }),
  );
}

function sampleString({ format, minLength }: JsonSchema): string {
  if (format === "date-time") return "2030-01-01T00:00:00Z";
  if (format === "date") return "2030-01-01";
  if (format === "uri") return "https://example.com/";
  return typeof minLength === "number" && minLength > 0 ? "example".padEnd(minLength, "x") : "";
}

function clamped(value: number, { minimum, maximum }: JsonSchema): number {
  const atLeast = typeof minimum === "number" ? Math.max(value, minimum) : value;
  return typeof maximum === "number" ? Math.min(atLeast, maximum) : atLeast;
}

function firstType({ type }: JsonSchema): unknown {
  return Array.isArray(type) ? type[0] : type;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
