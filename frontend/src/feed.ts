/** What is pushed, on its way to whoever shows it: each hook carries it into what it has read. */

import type { JobLogs, StatsNow } from "./frames";
import type { Job } from "./jobs";

export class Channel<T> {
  private readonly listeners = new Set<(news: T) => void>();

  /** All from now on, until the returned function is called. */
  listen(listener: (news: T) => void): () => void {
    this.listeners.add(listener);
    return () => { this.listeners.delete(listener); };
  }

  readonly tell = (news: T): void => {
    for (const listener of this.listeners) listener(news);
  };
}

export class Feed {
  readonly jobs = new Channel<readonly Job[]>();
  readonly stats = new Channel<StatsNow>();
  readonly logs = new Channel<JobLogs>();
  /** A subscription begins: what comes from now on is told. */
  readonly subscribed = new Channel<null>();
}
