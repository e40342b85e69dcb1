/** The server's time, and a tick a second for whatever shows time passing. */

const SKEW_TO_MIND_MS = 2_000; // the Date header counts whole seconds, and an answer takes a while

let skew = 0;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** date: an answer's Date header. */
export function setClock(date: string | null): void {
  const seen = Date.parse(date ?? "") - Date.now();
  if (!Number.isNaN(seen)) skew = Math.abs(seen) < SKEW_TO_MIND_MS ? 0 : seen;
}

/** ms since the epoch, by the server's clock. */
export function now(): number {
  return serverTime(Date.now());
}

/** What the server's clock showed when this computer's showed `local`. */
export function serverTime(local: number): number {
  return local + skew;
}

export function onTick(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}
