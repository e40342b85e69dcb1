/** A payload as it is typed: is it JSON, and does it fit the job type's schema? No `eval`, so any content security policy will do. */

import { Validator, type OutputUnit } from "@cfworker/json-schema";
import {
  findNodeAtLocation,
  parseTree,
  printParseErrorCode,
  type Node,
  type ParseError,
} from "jsonc-parser";
import type { JsonSchema } from "./jobs";

export interface PayloadFault {
  /** Where in the value, as in $.steps; empty for a fault of the text itself. */
  readonly path: string;
  readonly detail: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The same in characters, and where it ends. */
  readonly from: number;
  readonly to: number;
}

const STRICT = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };

export function payloadFaults(text: string, schema: JsonSchema): readonly PayloadFault[] {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, STRICT);
  const first = errors[0]; // those that follow mostly follow from it
  if (first) return [syntaxFault(text, first)];
  return tree ? schemaFaults(text, tree, schema) : [];
}

function syntaxFault(text: string, { error, offset, length }: ParseError): PayloadFault {
  const words = printParseErrorCode(error).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return { path: "", detail: words, ...position(text, offset), from: offset, to: offset + length };
}

function schemaFaults(text: string, tree: Node, schema: JsonSchema): readonly PayloadFault[] {
  const { errors } = new Validator(schema, "2020-12", false).validate(JSON.parse(text));
  return reasons(errors).map(({ instanceLocation, keyword, error }) => {
    const steps = stepsOf(instanceLocation);
    const { offset, length } = nodeAt(tree, steps) ?? tree;
    return { path: pathOf(steps), detail: inWords(keyword, error), ...position(text, offset), from: offset, to: offset + length };
  });
}

const CONTAINERS = new Set(["$ref", "properties", "patternProperties", "additionalProperties", "items", "prefixItems", "allOf"]);

/** The faults themselves, without "a subschema had errors" of everything around them. */
function reasons(errors: readonly OutputUnit[]): readonly OutputUnit[] {
  const choices = errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf");
  const isWithin = (unit: OutputUnit, choice: OutputUnit) => unit.keywordLocation.startsWith(`${choice.keywordLocation}/`);
  return errors.flatMap((unit) => {
    if (CONTAINERS.has(unit.keyword) || choices.some((choice) => isWithin(unit, choice))) return [];
    if (!choices.includes(unit)) return [unit];
    return chosen(unit, errors.filter((branch) => isWithin(branch, unit)));
  });
}

/** Of several shapes none fitted. Where one had the right type, its fault is meant; else any of their types will do. */
function chosen(choice: OutputUnit, branches: readonly OutputUnit[]): readonly OutputUnit[] {
  const leaves = branches.filter(({ keyword }) => !CONTAINERS.has(keyword));
  const closest = leaves.filter(({ keyword }) => keyword !== "type" && keyword !== "anyOf" && keyword !== "oneOf");
  if (closest.length > 0) return closest;
  const types = leaves.flatMap(({ keyword, error }) => (keyword === "type" ? expectedTypes(error) : []));
  return [{ ...choice, keyword: "type", error: `${wrongType(leaves)} Expected "${types.join('", "')}".` }];
}

function wrongType(leaves: readonly OutputUnit[]): string {
  return leaves.find(({ keyword }) => keyword === "type")?.error.replace(/ Expected .*$/, "") ?? "";
}

function expectedTypes(error: string): readonly string[] {
  return [...(/Expected (.*)\.$/.exec(error)?.[1] ?? "").matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
}

function inWords(keyword: string, error: string): string {
  switch (keyword) {
    case "type":
      return `expected ${listed(expectedTypes(error))}, got ${/type "([^"]+)"/.exec(error)?.[1] ?? "something else"}`;
    case "required":
      return `${/property ("[^"]+")/.exec(error)?.[1] ?? "a property"} is missing`;
    case "false":
      return "unknown property";
    default:
      return lowerFirst(error.replace(/\.$/, ""));
  }
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1) ?? ""}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** "#/list/0" as ["list", "0"]. */
function stepsOf(pointer: string): readonly string[] {
  const steps = pointer.replace(/^#\/?/, "").split("/").filter(Boolean);
  return steps.map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
}

function pathOf(steps: readonly string[]): string {
  return steps.reduce((path, step) => (/^\d+$/.test(step) ? `${path}[${step}]` : `${path}.${step}`), "$");
}

function nodeAt(tree: Node, steps: readonly string[]): Node | undefined {
  return findNodeAtLocation(
    tree,
    steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step)),
  );
}

function position(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}
