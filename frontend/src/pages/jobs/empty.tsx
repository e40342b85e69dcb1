/** What stands in the list's place while it has no rows. */

import type { ReactNode } from "react";
import { Command, KeyHint } from "../../components/Command";
import { Nothing } from "../../components/Nothing";
import { curlSubmit, FIRST_JOB } from "../../curl";
import { ALL_JOBS, isEverything, type JobFilter } from "../../jobfilter";
import { hrefTo } from "../../route";

export function Empty({ filter }: { readonly filter: JobFilter }) {
  if (!isEverything(filter)) {
    return (
      <Nothing icon="search" title="No job matches this filter" testId="nothing-matches">
        <p className="text-muted">{filter.id ? `No id begins with ${filter.id}.` : "Jobs that come to match it will appear here."}</p>
        <a className="button" href={hrefTo({ jobId: null, filter: ALL_JOBS })}>
          Show all jobs
        </a>
      </Nothing>
    );
  }
  return (
    <Nothing icon="queue" title="No jobs yet" testId="no-jobs">
      <p className="text-muted">Submit one with the form, or from a terminal. It will appear here at once:</p>
      <Command make={(caller) => curlSubmit(caller, FIRST_JOB)} what="the command" />
      <KeyHint />
    </Nothing>
  );
}

/** So far: the history is long, and it is read a bounded part at a time. */
export function NotYet({ isReading, children }: { readonly isReading: boolean; readonly children: ReactNode }) {
  return (
    <>
      <Nothing icon="clock" title={isReading ? "Looking further back…" : "No match among the newer jobs"}>
        <p className="text-muted">Older jobs have not been looked through yet.</p>
      </Nothing>
      {children}
    </>
  );
}

export function Unreadable({ reason, onRetry }: { readonly reason: string; readonly onRetry: () => void }) {
  return (
    <Nothing icon="warning" title="The jobs could not be read" testId="unreadable">
      <p className="text-bad" role="alert">
        {reason}
      </p>
      <p className="text-muted">Trying again every few seconds.</p>
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </Nothing>
  );
}
