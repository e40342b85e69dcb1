/** What components watch: the address, the clock, the theme. */

import { createContext, use, useEffect, useState, useSyncExternalStore } from "react";
import { now, onTick } from "./clock";
import { parseRoute, type Route } from "./route";
import { session, type Session } from "./session";
import { savedTheme, wear, type Theme } from "./theme";

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(onHashChange, () => window.location.hash));
}

function onHashChange(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => { window.removeEventListener("hashchange", listener); };
}

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
  const [theme, setTheme] = useState(savedTheme);
  return [
    theme,
    (chosen) => {
      wear(chosen);
      setTheme(chosen);
    },
  ];
}

export function useKey(key: string, onPress: () => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key === key && !event.defaultPrevented) onPress();
    };
    window.addEventListener("keydown", listen);
    return () => { window.removeEventListener("keydown", listen); };
  }, [key, onPress]);
}
