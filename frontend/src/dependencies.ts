/** Which jobs a job waits for, and which wait for it. */

import type { Schemas } from "./api/client";
import type { Job } from "./jobs";

export type Dependencies = Schemas["DependenciesView"];
export type Relative = Schemas["RelativeView"];

const MOST_FOLLOWED = 50; // of the hundred that a subscription may name: the page asks for others too
const FINAL: ReadonlySet<string | null> = new Set(["COMPLETED", "FAILED", "CANCELLED", null]);

export function relativesOf(known: Dependencies | undefined): readonly Relative[] {
  return known ? [...known.depends_on, ...known.dependents] : [];
}

/** Those of which there is still something to hear. */
export function followed(known: Dependencies | undefined): readonly string[] {
  return relativesOf(known).filter(({ status }) => !FINAL.has(status)).map(({ id }) => id).slice(0, MOST_FOLLOWED);
}

/** Whether one of them stands elsewhere now than is shown: progress, say, is no news here. */
export function isAboutOne(known: Dependencies | undefined, told: readonly Pick<Job, "id" | "status">[]): boolean {
  const shown = new Map(relativesOf(known).map(({ id, status }) => [id, status]));
  return told.some(({ id, status }) => shown.has(id) && shown.get(id) !== status);
}
