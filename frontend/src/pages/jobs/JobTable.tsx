import type { KeyboardEvent } from "react";
import type { Job } from "../../jobs";
import { hrefTo, type Route } from "../../route";
import { JobRow } from "./JobRow";
import { SkeletonRows } from "./SkeletonRows";

const COLUMNS = ["id", "type", "status", "created", "started", "finished", "attempt", "result"] as const;

interface JobTableProps {
  /** undefined: they are being read for the first time. */
  readonly jobs: readonly Job[] | undefined;
  readonly route: Route;
}

export function JobTable({ jobs, route }: JobTableProps) {
  return (
    <table className="jobs" aria-busy={jobs === undefined}>
      <caption className="sr-only">Jobs, newest first</caption>
      <thead>
        <tr>
          {COLUMNS.map((column) => (
            <th key={column} scope="col" className={`cell-${column}`}>
              {column === "id" ? "ID" : column.charAt(0).toUpperCase() + column.slice(1)}
            </th>
          ))}
        </tr>
      </thead>
      {/* Arrow keys are a shorter way along links that Tab reaches as well. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <tbody onKeyDown={moveAlongRows}>
        {jobs ? (
          jobs.map((job) => (
            <JobRow
              key={job.id}
              job={job}
              href={hrefTo({ ...route, jobId: job.id })}
              isOpen={job.id === route.jobId}
            />
          ))
        ) : (
          <SkeletonRows columns={COLUMNS} />
        )}
      </tbody>
    </table>
  );
}

function moveAlongRows(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  const links = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>("a[data-row-link]")];
  const at = links.findIndex((link) => link === document.activeElement);
  if (step === 0 || at < 0) return;
  event.preventDefault();
  links[at + step]?.focus();
}
