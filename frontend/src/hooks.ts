/** What components watch: the clock, the session, the theme. */

import { createContext, use, useCallback, useSyncExternalStore } from "react";
import { now, onTick } from "./clock";
import { session, type Session } from "./session";
import { chosenTheme, onTheme, wear, type Theme } from "./theme";

/** The time at which the page stopped being current, by the server's clock; null while it is. */
export const FrozenAt = createContext<number | null>(null);

/** Something that changes as time passes, looked at once a second. Draws again only when it has changed. */
export function useAsOfNow<T extends string | number>(select: (now: number) => T): T {
  return useSyncExternalStore(onTick, () => select(now()));
}

/** The same of something that is only known while pushes arrive: it stands still when they do not. */
export function useWhileLive<T extends string | number>(select: (now: number) => T): T {
  const frozenAt = use(FrozenAt);
  return useAsOfNow((time) => select(frozenAt ?? time));
}

/** What is said where a key is known not to do what was meant. */
export const MAY_NOT = "Your key may not do this.";

export function mayNot(why: string): string {
  return `${MAY_NOT.replace(".", ":")} ${why}.`;
}

export function useSession(): Session {
  return useSyncExternalStore(session.subscribe, session.current);
}

export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(onTheme, chosenTheme), wear];
}

/** Whether the window is as the media query says. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = window.matchMedia(query);
      media.addEventListener("change", listener);
      return () => { media.removeEventListener("change", listener); };
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => window.matchMedia(query).matches);
}
