/** Where the page hears from: the connection, and what it tells. */

import { createContext, use, useEffect, useSyncExternalStore } from "react";
import type { Feed } from "./feed";
import type { Interest } from "./interest";
import type { Connection, Live } from "./live";

export interface Sources {
  readonly feed: Feed;
  readonly live: Live;
}

export const SourcesContext = createContext<Sources | null>(null);

export function useSources(): Sources {
  const sources = use(SourcesContext);
  if (!sources) throw new Error("there is no SourcesContext around this component");
  return sources;
}

export function useConnection(): Connection {
  const { live } = useSources();
  return useSyncExternalStore(live.subscribe, live.current);
}

export function useRetryNow(): () => void {
  return useSources().live.retryNow;
}

/**
 * Has this told over the WebSocket for as long as the component is there. The same object from one drawing to the next, or the
 * subscription changes with each of them; null: nothing.
 */
export function useInterest(interest: Interest | null): void {
  const { live } = useSources();
  useEffect(() => (interest ? live.want(interest) : undefined), [live, interest]);
}
