/** Short words on what has just been done, wherever the reader has gone meanwhile. */

import { useSyncExternalStore, type ReactNode } from "react";

export interface Notice {
  readonly id: number;
  readonly tone: "ok" | "bad";
  readonly text: ReactNode;
}

const SHOWN_FOR_MS = 6_000; // bad news stays until it is closed

let notices: readonly Notice[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

export function tell(tone: Notice["tone"], text: ReactNode): void {
  const notice = { id: nextId, tone, text };
  nextId += 1;
  change([...notices, notice]);
  if (tone === "ok") setTimeout(() => { close(notice.id); }, SHOWN_FOR_MS);
}

export function close(id: number): void {
  change(notices.filter((notice) => notice.id !== id));
}

export function useNotices(): readonly Notice[] {
  return useSyncExternalStore(subscribe, () => notices);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(changed: readonly Notice[]): void {
  notices = changed;
  for (const listener of listeners) listener();
}
