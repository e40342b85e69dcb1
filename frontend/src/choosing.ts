/** Rows that a reader chooses, one by one or a stretch of them. */

/** The rows chosen after one was clicked. anchor: the row that was clicked before; a stretch goes from there, and gets what this row gets. */
export function afterClick(
  ids: readonly string[],
  chosen: ReadonlySet<string>,
  { id, anchor, isStretch }: { readonly id: string; readonly anchor: string | null; readonly isStretch: boolean },
): ReadonlySet<string> {
  const isOn = !chosen.has(id);
  const after = new Set(chosen);
  for (const each of isStretch && anchor !== null ? between(ids, anchor, id) : [id]) {
    if (isOn) after.add(each);
    else after.delete(each);
  }
  return after;
}

/** All of them; none, where all were chosen already. */
export function afterAll(ids: readonly string[], chosen: ReadonlySet<string>): ReadonlySet<string> {
  return ids.every((id) => chosen.has(id)) ? new Set() : new Set([...chosen, ...ids]);
}

/** Both included, whichever stands above. A row that has gone is no end of anything. */
function between(ids: readonly string[], one: string, other: string): readonly string[] {
  const places = [ids.indexOf(one), ids.indexOf(other)];
  const [from, to] = [Math.min(...places), Math.max(...places)];
  return from < 0 ? [other] : ids.slice(from, to + 1);
}
