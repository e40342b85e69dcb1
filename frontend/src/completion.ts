/** What may come next in JSON as it is typed, by a job type's schema: keys that are not there yet, and values. */

import { findNodeAtLocation, getLocation, parseTree, type JSONPath, type Node } from "jsonc-parser";
import type { JsonSchema } from "./jobs";

export interface Suggestion {
  /** As it is shown: a key without quotes, a value with them. */
  readonly label: string;
  readonly insert: string;
  /** "integer", "one of 9", "default". */
  readonly detail: string;
  readonly about: string;
  readonly isKey: boolean;
}

export interface Suggestions {
  readonly from: number;
  readonly to: number;
  readonly items: readonly Suggestion[];
}

const MOST_DEPTH = 8; // a schema may refer to itself

export function suggestions(text: string, offset: number, schema: JsonSchema): Suggestions | null {
  const { path, isAtPropertyKey, previousNode } = getLocation(text, offset);
  const { from, to } = rangeAt(text, offset, previousNode);
  const items = isAtPropertyKey
    ? keys(text, path, schema, from, to)
    : values(schemasAt(schema, path, schema));
  return items.length > 0 ? { from, to, items } : null;
}

/** What is being typed, and will be replaced. */
function rangeAt(text: string, offset: number, node: Node | undefined): { readonly from: number; readonly to: number } {
  if (node && node.offset < offset && offset <= node.offset + node.length) return { from: node.offset, to: node.offset + node.length };
  const word = /["\w.+-]*$/.exec(text.slice(0, offset))?.[0] ?? "";
  return { from: offset - word.length, to: offset };
}

function keys(text: string, path: JSONPath, schema: JsonSchema, from: number, to: number): readonly Suggestion[] {
  const object = path.slice(0, -1);
  const there = new Set(keysOf(text, object, from));
  const hasValue = /^\s*:/.test(text.slice(to));
  const found = new Map<string, Suggestion>();
  for (const each of schemasAt(schema, object, schema)) {
    for (const [name, property] of Object.entries(propertiesOf(each))) {
      if (there.has(name) || found.has(name)) continue;
      const insert = JSON.stringify(name) + (hasValue ? "" : ": ");
      found.set(name, { label: name, insert, detail: kindOf(property, schema), about: textOf(property["description"]), isKey: true });
    }
  }
  return [...found.values()];
}

/** Of the object, but the one that is being typed. */
function keysOf(text: string, path: JSONPath, typed: number): readonly string[] {
  const tree = parseTree(text);
  const object = tree && findNodeAtLocation(tree, path);
  const names = (object?.children ?? []).map((property) => property.children?.[0]);
  return names.flatMap((name) => (name && name.offset !== typed ? [String(name.value)] : []));
}

function values(schemas: readonly JsonSchema[]): readonly Suggestion[] {
  const found = new Map<string, Suggestion>();
  const add = (value: unknown, detail: string, about: string) => {
    const insert = JSON.stringify(value);
    if (!found.has(insert)) found.set(insert, { label: insert, insert, detail, about, isKey: false });
  };
  for (const schema of schemas) {
    const about = textOf(schema["description"]);
    if (schema["default"] !== undefined) add(schema["default"], "default", about);
    if (schema["const"] !== undefined) add(schema["const"], "", about);
    for (const value of listOf(schema["enum"])) add(value, "", about);
    for (const value of listOf(schema["examples"])) add(value, "example", about);
    const types = [schema["type"]].flat();
    if (types.includes("boolean")) for (const value of [true, false]) add(value, "", about);
    if (types.includes("null")) add(null, "", about);
  }
  return [...found.values()];
}

/** All that may describe what is at this path: every branch of a choice. */
function schemasAt(schema: JsonSchema, path: JSONPath, root: JsonSchema): readonly JsonSchema[] {
  let found = branches(schema, root, 0);
  for (const step of path) {
    found = found.flatMap((each) => below(each, step)).flatMap((each) => branches(each, root, 0));
  }
  return found;
}

function branches(schema: JsonSchema, root: JsonSchema, depth: number): readonly JsonSchema[] {
  if (depth > MOST_DEPTH) return [];
  const reference = schema["$ref"];
  const referred = typeof reference === "string" ? [at(root, reference)] : [];
  const choices = ["anyOf", "oneOf", "allOf"].flatMap((name) => listOf(schema[name]));
  return [schema, ...[...referred, ...choices].filter(isSchema).flatMap((each) => branches(each, root, depth + 1))];
}

function below(schema: JsonSchema, step: string | number): readonly JsonSchema[] {
  if (typeof step === "number") return [listOf(schema["prefixItems"])[step] ?? schema["items"]].filter(isSchema);
  return [propertiesOf(schema)[step] ?? schema["additionalProperties"]].filter(isSchema);
}

function at(root: JsonSchema, reference: string): unknown {
  const steps = reference.replace(/^#\/?/, "").split("/").filter(Boolean);
  return steps.reduce<unknown>((found, step) => (isSchema(found) ? found[step] : undefined), root);
}

function kindOf(property: JsonSchema, root: JsonSchema): string {
  const all = branches(property, root, 0);
  const allowed = all.flatMap((each) => listOf(each["enum"]));
  if (allowed.length > 0) return `one of ${allowed.length}`;
  const types = all.flatMap((each) => [each["type"]].flat()).filter((type) => typeof type === "string");
  return [...new Set(types)].filter((type) => type !== "null" || types.length === 1).join(" or ");
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const properties = schema["properties"];
  return isSchema(properties) ? (Object.fromEntries(Object.entries(properties).filter(([, each]) => isSchema(each))) as Record<string, JsonSchema>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
