/** Hooks: whether a reader has hold of the list, and what is shown of it meanwhile. */

import { useCallback, useState, useSyncExternalStore, type FocusEvent, type PointerEvent } from "react";
import type { JobList } from "../../joblist";
import { allOf, heldOf, type Shown } from "../../shown";

const AT_TOP = 8; // px

export interface Hold {
  readonly isHeld: boolean;
  /** For what stands around the list and what is offered above it: on its way there the mouse must not let go. */
  readonly pointed: {
    readonly onPointerEnter: (event: PointerEvent) => void;
    readonly onPointerLeave: () => void;
  };
  /** For what stands around the list. */
  readonly focused: {
    readonly onFocus: () => void;
    readonly onBlur: (event: FocusEvent) => void;
  };
}

/** Scrolled down, under the mouse, or with the focus in it. A finger that has left the screen holds nothing. */
export function useHold(): Hold {
  const isDown = useSyncExternalStore(onScroll, () => window.scrollY > AT_TOP);
  const [isUnderMouse, setUnderMouse] = useState(false);
  const [hasFocus, setFocus] = useState(false);
  return {
    isHeld: isDown || isUnderMouse || hasFocus,
    pointed: {
      onPointerEnter: ({ pointerType }) => { setUnderMouse(pointerType === "mouse"); },
      onPointerLeave: () => { setUnderMouse(false); },
    },
    focused: {
      onFocus: () => { setFocus(true); },
      onBlur: ({ currentTarget, relatedTarget }) => { setFocus(currentTarget.contains(relatedTarget)); },
    },
  };
}

function onScroll(listener: () => void): () => void {
  window.addEventListener("scroll", listener, { passive: true });
  return () => { window.removeEventListener("scroll", listener); };
}

interface Kept extends Shown {
  readonly list: JobList | undefined;
  readonly isHeld: boolean;
}

const NOTHING: Kept = { list: undefined, isHeld: false, rows: [], news: 0 };

/** What is on the screen, and how to have all of it there. */
export function useShown(list: JobList | undefined, isHeld: boolean): readonly [Shown, () => void] {
  const [kept, setKept] = useState(NOTHING);
  const release = useCallback(() => { setKept((known) => (known.list ? { ...known, ...allOf(known.list) } : known)); }, []);
  if (kept.list === list && kept.isHeld === isHeld) return [kept, release];
  const next = { list, isHeld, ...nextOf(kept, list, isHeld) };
  setKept(next);
  return [next, release];
}

function nextOf(kept: Kept, list: JobList | undefined, isHeld: boolean): Shown {
  if (!list) return NOTHING;
  return isHeld ? heldOf(kept.rows, list) : allOf(list);
}
