/** Pushed jobs on their way to the screen: a flood is handed on a few times a second, with each job's newest version alone. */

import type { Job } from "./jobs";

const HAND_ON_EVERY_MS = 100;
const MOST_WAITING = 1_000; // a hidden page's timers may sleep for a minute

export class UpdateBuffer {
  private readonly waiting = new Map<string, Job>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly handOn: (jobs: readonly Job[]) => void) {}

  add(jobs: readonly Job[]): void {
    for (const job of jobs) {
      if (job.version > (this.waiting.get(job.id)?.version ?? -1)) this.waiting.set(job.id, job);
    }
    if (this.waiting.size >= MOST_WAITING) this.flush();
    else this.timer ??= setTimeout(() => { this.flush(); }, HAND_ON_EVERY_MS);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const jobs = [...this.waiting.values()];
    this.waiting.clear();
    if (jobs.length > 0) this.handOn(jobs);
  }
}
