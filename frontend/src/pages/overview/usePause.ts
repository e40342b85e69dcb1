import { useState } from "react";
import { now } from "../../clock";

export interface Pause<T> {
  /** When it began, by the server's clock; null: what is shown is current. */
  readonly at: number | null;
  readonly shown: T;
  readonly toggle: () => void;
}

/** Holds still what is shown. */
export function usePause<T>(current: T): Pause<T> {
  const [held, hold] = useState<{ readonly at: number; readonly shown: T } | null>(null);
  return {
    at: held?.at ?? null,
    shown: held?.shown ?? current,
    toggle: () => { hold(held ? null : { at: now(), shown: current }); },
  };
}
