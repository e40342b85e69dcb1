/** JSON as it was written: `JSON.parse` rounds numbers beyond 2^53, and puts keys that look like numbers first. */

import { findNodeAtLocation, parseTree, type Node } from "jsonc-parser";
import type { Job } from "./jobs";

/** A job's payload or result. A push has parsed it; only of a job that was read by its id there is the text. */
export function exactly(job: Job, part: "payload" | "result"): string {
  return written(job, part) ?? JSON.stringify(job[part]);
}

function written({ source, version }: Job, part: "payload" | "result"): string | null {
  if (source === undefined) return null;
  const isCurrent = part === "payload" || partOf(source, ["version"]) === String(version); // a payload never changes
  return isCurrent ? partOf(source, [part]) : null;
}

/** null: the document has no such part. */
export function partOf(text: string, path: readonly (string | number)[]): string | null {
  const tree = parseTree(text);
  const node = tree && findNodeAtLocation(tree, [...path]);
  return node ? sourceOf(text, node) : null;
}

export function sourceOf(text: string, { offset, length }: Node): string {
  return text.slice(offset, offset + length);
}
