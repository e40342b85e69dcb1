import "../../styles/panel.css";
import { Page } from "../../components/Page";
import type { JobType } from "../../jobs";
import { useJob } from "../../queries";
import type { Route } from "../../route";
import { JobBody } from "./JobBody";
import { JobId } from "./JobId";
import { JobStatusNow } from "./JobPanel";

interface JobPageProps {
  readonly id: string;
  readonly jobTypes: readonly JobType[];
  readonly route: Route;
}

/** A job that has the page to itself. */
export function JobPage({ id, jobTypes, route }: JobPageProps) {
  const query = useJob(id);
  return (
    <Page
      title={query.data?.job_type ?? "Job"}
      about={query.data && <JobStatusNow job={query.data} />}
      back={{ to: "/jobs", name: "Jobs" }}
      reads={[query]}
      actions={<JobId id={id} />}
    >
      <article className="job-page" data-testid="job-panel" data-job-id={id}>
        <JobBody id={id} query={query} jobTypes={jobTypes} route={route} />
      </article>
    </Page>
  );
}
