/** Which columns of a table a reader wants to see; kept on this computer, by the table's name. */

import { useCallback, useState } from "react";

/** Columns that were hidden or shown by hand. The others are as the table has them. */
export type Choice = Readonly<Record<string, boolean>>;

export function useColumnChoice(table: string): readonly [Choice, (choice: Choice) => void] {
  const name = `columns:${table}`;
  const [choice, setChoice] = useState(() => saved(name));
  const choose = useCallback(
    (chosen: Choice) => {
      localStorage.setItem(name, JSON.stringify(chosen));
      setChoice(chosen);
    },
    [name],
  );
  return [choice, choose];
}

function saved(name: string): Choice {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(name) ?? "{}");
    return typeof kept === "object" && kept !== null ? (kept as Choice) : {};
  } catch {
    return {};
  }
}
