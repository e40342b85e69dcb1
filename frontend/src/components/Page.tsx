import { Link, type LinkProps } from "@tanstack/react-router";
import { useEffect, useRef, type ReactNode } from "react";
import { serverTime } from "../clock";
import { FrozenAt } from "../hooks";
import { useConnection, useRetryNow } from "../queries";
import { Icon } from "./Icon";
import { StaleBanner } from "./StaleBanner";

/** What a page needs to know of a query to say how old it is. Any `useQuery` result is one. */
export interface Read {
  readonly data: unknown;
  readonly dataUpdatedAt: number;
  readonly isError: boolean;
}

interface PageProps extends PageHeadProps {
  /** What is shown was read by these: the page says so when it is no longer right. */
  readonly reads?: readonly Read[];
  readonly children: ReactNode;
}

/** A whole page: its head, a word of warning when there is one, and what it shows. Durations below stand still while it is stale. */
export function Page({ reads = [], children, ...head }: PageProps) {
  const connection = useConnection();
  const retryNow = useRetryNow();
  const isLive = connection.state === "live";
  const isFirst = connection.phase !== "waiting" && connection.currentUntil === null;
  const rightUntil = latest(connection.currentUntil, oldest(reads));
  const hasFailed = reads.some(({ isError, data }) => isError && data !== undefined);
  return (
    <FrozenAt value={isLive || rightUntil === null ? null : serverTime(rightUntil)}>
      {((!isLive && !isFirst) || hasFailed) && (
        <StaleBanner connection={connection} rightUntil={rightUntil} onRetry={retryNow} />
      )}
      <div className="page">
        <PageHead {...head} />
        {children}
      </div>
    </FrozenAt>
  );
}

interface PageHeadProps {
  readonly title: string;
  /** Beside the title: a count, a badge. */
  readonly about?: ReactNode;
  /** The page above this one. */
  readonly back?: { readonly to: NonNullable<LinkProps["to"]>; readonly name: string };
  /** Buttons. */
  readonly actions?: ReactNode;
}

let isFirstPage = true;

/** The heading takes the focus when the page has changed, so that it is read out. */
export function PageHead({ title, about, back, actions }: PageHeadProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!isFirstPage) heading.current?.focus({ preventScroll: true });
    isFirstPage = false;
  }, []);
  return (
    <header className="page-head">
      <title>{`${title} · Job Scheduler`}</title>
      <div className="page-title">
        {back && (
          <>
            <Link to={back.to} className="page-back">
              {back.name}
            </Link>
            <Icon name="right" className="text-faint" />
          </>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {about}
      </div>
      {actions && <div className="page-actions">{actions}</div>}
    </header>
  );
}

/** The moment up to which all of them are right; null before the first read. */
function oldest(reads: readonly Read[]): number | null {
  const times = reads.filter(({ data }) => data !== undefined).map(({ dataUpdatedAt }) => dataUpdatedAt);
  return times.length > 0 ? Math.min(...times) : null;
}

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
