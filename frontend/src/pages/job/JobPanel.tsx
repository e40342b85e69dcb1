import "../../styles/panel.css";
import { useEffect, useRef } from "react";
import type { Job, JobType } from "../../jobs";
import { useJob } from "../../queries";
import type { Route } from "../../route";
import { CopyButton } from "../../components/CopyButton";
import { Icon } from "../../components/Icon";
import { JobDetails } from "./JobDetails";
import { Nothing } from "../../components/Nothing";

interface JobPanelProps {
  readonly id: string;
  readonly jobTypes: readonly JobType[];
  readonly route: Route;
  readonly onClose: () => void;
}

export function JobPanel({ id, jobTypes, route, onClose }: JobPanelProps) {
  const job = useJob(id);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [id]);
  return (
    <aside className="panel" aria-labelledby="job-heading" data-testid="job-panel" data-job-id={id}>
      <header className="panel-head">
        <div className="min-w-0 flex-1">
          <h2 id="job-heading" ref={heading} tabIndex={-1} className="text-base font-semibold">
            {job.data?.job_type ?? "Job"}
          </h2>
          <p className="flex items-center gap-1">
            <code className="truncate text-muted">{id}</code>
            <CopyButton text={id} what="the id" />
          </p>
        </div>
        <button type="button" className="button-quiet" onClick={onClose} aria-label="Close" title="Close (Esc)">
          <Icon name="close" className="size-4" />
        </button>
      </header>
      <Body
        job={job.data}
        jobType={jobTypes.find(({ name }) => name === job.data?.job_type)}
        error={job.error}
        isWhole={!job.isPlaceholderData}
        route={route}
        onRetry={() => void job.refetch()}
      />
    </aside>
  );
}

interface BodyProps {
  /** undefined: being read; null: there is none. */
  readonly job: Job | null | undefined;
  readonly jobType: JobType | undefined;
  readonly error: Error | null;
  readonly isWhole: boolean;
  readonly route: Route;
  readonly onRetry: () => void;
}

function Body({ job, jobType, error, isWhole, route, onRetry }: BodyProps) {
  if (job === null) {
    return (
      <Nothing icon="queue" title="There is no such job">
        <p className="text-muted">It may have been removed, or the address may be incomplete.</p>
      </Nothing>
    );
  }
  return (
    <>
      {error && (
        <p className="notice" role="alert">
          This job could not be read: {error.message}{" "}
          <button type="button" className="button" onClick={onRetry}>
            Try now
          </button>
        </p>
      )}
      {job ? <JobDetails key={job.id} job={job} isWhole={isWhole} jobType={jobType} route={route} /> : !error && <p className="p-5 text-muted">Reading…</p>}
    </>
  );
}
