import "../../styles/panel.css";
import { useEffect, useRef } from "react";
import { Icon } from "../../components/Icon";
import { useMedia, useWhileLive } from "../../hooks";
import { StatusBadge } from "../../components/StatusBadge";
import { ALL_JOBS } from "../../jobfilter";
import { statusAt, type Job, type JobType } from "../../jobs";
import { useJob } from "../../queries";
import { hrefTo, type Route } from "../../route";
import { JobBody } from "./JobBody";
import { IsBeside } from "./JobDetails";
import { JobId } from "./JobId";

interface JobPanelProps {
  readonly id: string;
  readonly jobTypes: readonly JobType[];
  readonly route: Route;
  readonly onClose: () => void;
}

/** As wide as the list and the job beside each other need; see .beside. */
const BOTH = "(width >= 76rem)";

/** A job beside the list; where there is no room for both, it is the page. */
export function JobPanel({ id, jobTypes, route, onClose }: JobPanelProps) {
  const query = useJob(id);
  const heading = useRef<HTMLHeadingElement>(null);
  const isBeside = useMedia(BOTH);
  const Heading = isBeside ? "h2" : "h1";
  useEffect(() => heading.current?.focus(), [id]);
  return (
    <aside className="panel" aria-labelledby="job-heading" data-testid="job-panel" data-job-id={id}>
      <header className="panel-head">
        <div className="min-w-0 flex-1">
          <div className="panel-title">
            <Heading id="job-heading" ref={heading} tabIndex={-1}>
              {query.data?.job_type ?? "Job"}
            </Heading>
            {query.data && <JobStatusNow job={query.data} />}
          </div>
          <JobId id={id} />
        </div>
        <a
          className="button-quiet"
          href={hrefTo({ jobId: id, filter: ALL_JOBS })}
          target="_blank"
          rel="noreferrer"
          aria-label="Open it alone, in a new tab"
          title="Open it alone, in a new tab"
        >
          <Icon name="open" />
        </a>
        <button type="button" className="button-quiet" onClick={onClose} aria-label="Close" title="Close (Esc)">
          <Icon name="close" className="size-4" />
        </button>
      </header>
      <IsBeside value={isBeside}>
        <JobBody id={id} query={query} jobTypes={jobTypes} route={route} />
      </IsBeside>
    </aside>
  );
}

export function JobStatusNow({ job }: { readonly job: Job }) {
  const status = useWhileLive((time) => statusAt(job, time));
  return <StatusBadge status={status} />;
}
