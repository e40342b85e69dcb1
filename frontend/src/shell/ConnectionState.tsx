import { useAsOfNow } from "../hooks";
import type { Connection } from "../live";

interface ConnectionStateProps {
  readonly connection: Connection;
}

export function ConnectionState({ connection }: ConnectionStateProps) {
  const { state, phase } = connection;
  return (
    <div className="connection" data-testid="connection-state" data-state={state}>
      <span className="connection-dot" aria-hidden="true" />
      {/* The seconds are not announced: only what changes without being counted. */}
      <span role="status" aria-live="polite">
        {words(connection)}
      </span>
      {phase === "waiting" && <Countdown until={connection.retryAt} />}
    </div>
  );
}

function words({ state, phase, currentUntil }: Connection): string {
  if (state === "live") return "Live";
  if (state === "offline") return "Offline";
  return phase !== "waiting" && currentUntil === null ? "Connecting" : "Reconnecting";
}

function Countdown({ until }: { readonly until: number | null }) {
  const seconds = useAsOfNow(() => secondsLeft(until));
  return <span className="text-muted tabular-nums">({seconds} s)</span>;
}

function secondsLeft(until: number | null): number {
  return Math.max(0, Math.ceil(((until ?? 0) - Date.now()) / 1_000));
}
