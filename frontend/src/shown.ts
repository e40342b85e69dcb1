/**
 * The rows on the screen while the list goes on changing under a reader's eyes.
 *
 * While they are held, rows that are there change in place, older ones are added below, and nothing else moves: what is new is
 * only counted, and what has left the filter stays, marked so, until the reader lets go.
 */

import type { JobList } from "./joblist";
import type { Job } from "./jobs";

export interface ShownJob extends Job {
  /** It no longer matches the filter, or is not there any more. */
  readonly hasLeft?: true;
}

export interface Shown {
  readonly rows: readonly ShownJob[];
  /** Jobs of the list that are held back. */
  readonly news: number;
}

export function allOf({ rows }: JobList): Shown {
  return { rows, news: 0 };
}

/** Both are sorted by id, the newest first: one walk down joins them. */
export function heldOf(shown: readonly ShownJob[], list: JobList): Shown {
  if (shown.length === 0) return allOf(list);
  const rows: ShownJob[] = [];
  let [at, news] = [0, 0];
  for (const row of shown) {
    while ((list.rows[at]?.id ?? "") > row.id) {
      at += 1;
      news += 1;
    }
    const current = list.rows[at];
    if (current?.id === row.id) at += 1;
    rows.push(current?.id === row.id ? current : left(row, list));
  }
  return { rows: [...rows, ...list.rows.slice(at)], news };
}

/** As it stands now, as far as anybody said. */
function left(row: ShownJob, list: JobList): ShownJob {
  const told = list.left.get(row.id);
  const isNews = told !== undefined && told.version > row.version;
  return row.hasLeft && !isNews ? row : { ...(isNews ? told : row), hasLeft: true };
}
