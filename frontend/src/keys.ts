/**
 * The keyboard: whoever is on the screen says which keys it takes, and the help dialog lists just those.
 *
 * Keys are no commands while something is typed, or a dialog or a menu stands open; what needs Ctrl or the like is left to the browser.
 */

import { useEffect, useRef, useSyncExternalStore } from "react";
import { createKeybindingsHandler } from "tinykeys";

export interface Binding {
  /** As tinykeys reads it: "j", "g j", "Shift+?". */
  readonly keys: string;
  /** "Next row": as the help dialog says it. */
  readonly does: string;
  readonly group: string;
  readonly run: (event: KeyboardEvent) => void;
}

class Bindings {
  private bound: readonly (readonly Binding[])[] = [];
  private all: readonly Binding[] = [];
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
    for (const listener of this.listeners) listener();
  }
}

const bindings = new Bindings();

/** Takes these keys for as long as the component is there. What they do may change from one drawing to the next. */
export function useKeys(wanted: readonly Binding[]): void {
  const latest = useRef(wanted);
  useEffect(() => { latest.current = wanted; });
  const names = wanted.map(({ keys, does }) => `${keys} ${does}`).join("\n");
  useEffect(() => {
    const fixed = latest.current.map((binding, index) => ({
      ...binding,
      run: (event: KeyboardEvent) => { latest.current[index]?.run(event); },
    }));
    const handler = createKeybindingsHandler(Object.fromEntries(fixed.map(({ keys, run }) => [keys, unlessTyping(run)])));
    window.addEventListener("keydown", handler);
    const remove = bindings.add(fixed);
    return () => {
      window.removeEventListener("keydown", handler);
      remove();
    };
  }, [names]);
}

export function useBindings(): readonly Binding[] {
  return useSyncExternalStore(bindings.subscribe, bindings.current);
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
