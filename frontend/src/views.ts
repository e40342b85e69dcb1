/** Filters that a reader has named, kept on this computer. */

import { useSyncExternalStore } from "react";

export interface View {
  readonly name: string;
  /** As in the address: "?status=FAILED". */
  readonly query: string;
}

const KEPT_AS = "views:jobs";
const listeners = new Set<() => void>();
let views: readonly View[] | null = null;

export function useViews(): readonly View[] {
  return useSyncExternalStore(subscribe, current);
}

/** Another view of the same name gives way. */
export function saveView(view: View): void {
  keep(withView(current(), view));
}

export function removeView(name: string): void {
  keep(current().filter((view) => view.name !== name));
}

export function withView(known: readonly View[], view: View): readonly View[] {
  return [...known.filter(({ name }) => name !== view.name), view].sort((a, b) => a.name.localeCompare(b.name));
}

/** What was kept, as far as it can be read. */
export function viewsIn(text: string | null): readonly View[] {
  try {
    const kept: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(kept) ? kept.filter(isView) : [];
  } catch {
    return [];
  }
}

function isView(kept: unknown): kept is View {
  if (typeof kept !== "object" || kept === null) return false;
  return "name" in kept && typeof kept.name === "string" && "query" in kept && typeof kept.query === "string";
}

function current(): readonly View[] {
  views ??= viewsIn(localStorage.getItem(KEPT_AS));
  return views;
}

function keep(changed: readonly View[]): void {
  localStorage.setItem(KEPT_AS, JSON.stringify(changed));
  views = changed;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
