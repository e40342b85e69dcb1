import { useAsOfNow, useWhileLive } from "../hooks";
import { duration, elapsed, relative } from "../times";

interface TimeProps {
  readonly at: string;
}

/** How long ago; exactly when, on pointing at it. */
export function Time({ at }: TimeProps) {
  const words = useAsOfNow((now) => relative(Date.parse(at), now));
  return (
    <time dateTime={at} title={at}>
      {words}
    </time>
  );
}

interface SpanProps {
  readonly from: string;
  /** null: not over yet. */
  readonly to: string | null;
}

/** How long it took, or has taken so far as we know. */
export function Span({ from, to }: SpanProps) {
  const since = Date.parse(from);
  const words = useWhileLive((now) => (to === null ? elapsed(now - since) : duration(Date.parse(to) - since)));
  return <span title={to === null ? `since ${from}` : `from ${from} to ${to}`}>{words}</span>;
}
