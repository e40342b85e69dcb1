import { useAsOfNow, useWhileLive } from "../hooks";
import { duration, relative } from "../times";

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
  const words = useWhileLive((now) => {
    const length = (to === null ? now : Date.parse(to)) - Date.parse(from);
    return to === null ? duration(Math.floor(Math.max(0, length) / 1_000) * 1_000).replace(/^0 ms$/, "0 s") : duration(length);
  });
  return <span title={to === null ? `since ${from}` : `from ${from} to ${to}`}>{words}</span>;
}
