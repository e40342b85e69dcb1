/**
 * The keyboard: whoever is on the screen says which keys it takes, and the help dialog lists just those.
 *
 * Keys are no commands while something is typed, or a dialog or a menu stands open; what needs Ctrl or the like is left to the browser.
 */

import { useEffect, useRef, useSyncExternalStore } from "react";
import { createKeybindingsHandler } from "tinykeys";

export interface Binding {
  /** As tinykeys reads it: "j", "g j", "?". */
  readonly keys: string;
  /** "Next row": as the help dialog says it. */
  readonly does: string;
  readonly group: string;
  readonly run: (event: KeyboardEvent) => void;
}

class Bindings {
  private bound: readonly (readonly Binding[])[] = [];
  private all: readonly Binding[] = [];
  private handle: ((event: KeyboardEvent) => void) | null = null;
  private readonly listeners = new Set<() => void>();

  readonly current = (): readonly Binding[] => this.all;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  add(bindings: readonly Binding[]): () => void {
    this.change([...this.bound, bindings]);
    return () => { this.change(this.bound.filter((each) => each !== bindings)); };
  }

  private change(bound: readonly (readonly Binding[])[]): void {
    this.bound = bound;
    this.all = bound.flat();
    if (this.handle === null) window.addEventListener("keydown", (event) => this.handle?.(event));
    this.handle = createKeybindingsHandler(handlers(this.all));
    for (const listener of this.listeners) listener();
  }
}

const bindings = new Bindings();

/** Takes these keys for as long as the component is there. What they do may change from one drawing to the next. */
export function useKeys(wanted: readonly Binding[]): void {
  const latest = useRef(wanted);
  useEffect(() => { latest.current = wanted; });
  const names = wanted.map(({ keys, does }) => `${keys} ${does}`).join("\n");
  useEffect(
    () =>
      bindings.add(
        latest.current.map((binding, index) => ({
          ...binding,
          run: (event: KeyboardEvent) => { latest.current[index]?.run(event); },
        })),
      ),
    [names],
  );
}

export function useBindings(): readonly Binding[] {
  return useSyncExternalStore(bindings.subscribe, bindings.current);
}

/** "g j" before "j", so that its end is not taken for that; of the same keys the last one, who is on top. */
export function handlers(all: readonly Binding[]): Record<string, (event: KeyboardEvent) => void> {
  const presses = all.flatMap(({ keys, run }) => written(keys).map((press) => [press, unlessTyping(run)] as const));
  return Object.fromEntries(presses.toSorted(([a], [b]) => b.split(" ").length - a.split(" ").length));
}

/** Whether a sign takes Shift is the keyboard's affair. */
function written(keys: string): readonly string[] {
  return /^[^\w\s]$/.test(keys) ? [keys, `Shift+${keys}`] : [keys];
}

function unlessTyping(run: (event: KeyboardEvent) => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    run(event);
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}
