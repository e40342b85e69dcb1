/** What stands in a page's place while there is nothing to show. `Nothing` is the empty one. */

import type { ReactNode } from "react";
import { MAY_NOT } from "../hooks";
import { isForbidden, Refused } from "../http";
import type { Role } from "../me";
import { useMay } from "../queries";
import { Nothing } from "./Nothing";

/** Bars that breathe, as high as the rows that will come. */
export function Loading({ rows = 6 }: { readonly rows?: number }) {
  return (
    <div className="loading" role="status" aria-label="Reading" data-testid="loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

interface ErrorStateProps {
  /** What could not be read: "The queues". */
  readonly what: string;
  readonly error: Error;
  readonly onRetry: () => void;
}

/** For what could not be read even once. A reader without the role is told that instead. */
export function ErrorState({ what, error, onRetry }: ErrorStateProps) {
  if (error instanceof Refused && isForbidden(error.problem)) return <NoPermission />;
  return (
    <Nothing icon="warning" title={`${what} could not be read`}>
      <p className="text-bad" role="alert">
        {error.message}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </Nothing>
  );
}

export function NoPermission() {
  return (
    <Nothing icon="lock" title="This is not for your key" testId="no-permission">
      <p className="text-muted">{MAY_NOT} Ask an administrator for one with another role.</p>
    </Nothing>
  );
}

interface OnlyForProps {
  readonly needs: Role;
  readonly children: ReactNode;
}

/** A page for some roles alone; the others are told so. */
export function OnlyFor({ needs, children }: OnlyForProps) {
  const may = useMay(needs);
  if (may === null) return <Loading />;
  return may ? children : <NoPermission />;
}

interface ReadStateProps<T> {
  readonly query: {
    readonly data: T | undefined;
    readonly error: Error | null;
    readonly refetch: () => unknown;
  };
  readonly what: string;
  readonly children: (data: T) => ReactNode;
}

/** A query in each of its states: being read, unreadable, there. What was read once stays, and `Page` says how old it is. */
export function ReadState<T>({ query: { data, error, refetch }, what, children }: ReadStateProps<T>) {
  if (data !== undefined) return children(data);
  return error ? <ErrorState what={what} error={error} onRetry={() => void refetch()} /> : <Loading />;
}
