import type { Connection } from "../live";
import { timeOfDay } from "../times";
import { Icon } from "./Icon";
import { Time } from "./Time";

interface StaleBannerProps {
  readonly connection: Connection;
  /** The last moment at which the page was known to be right, in ms; null before the first read. */
  readonly rightUntil: number | null;
  readonly onRetry: () => void;
}

/** Says plainly that the page may be wrong, and since when. */
export function StaleBanner({ connection, rightUntil, onRetry }: StaleBannerProps) {
  return (
    <section className="banner" aria-label="Warning" data-testid="stale-banner">
      <Icon name="warning" />
      <p>
        <strong>{headline(connection)}</strong>{" "}
        {rightUntil === null ? (
          "Nothing could be read yet."
        ) : (
          <>
            What you see may be out of date since {timeOfDay(rightUntil)} (
            <Time at={new Date(rightUntil).toISOString()} />
            ).
          </>
        )}
      </p>
      {connection.phase === "waiting" && (
        <button type="button" className="button" onClick={onRetry}>
          Try now
        </button>
      )}
    </section>
  );
}

function headline({ state, phase }: Connection): string {
  if (state === "live") return "This page could not be read again.";
  if (phase === "reading") return "Connected again; reading what has changed.";
  return state === "offline" ? "Offline: the scheduler cannot be reached." : "Not live: the connection was lost.";
}
