import type { UseQueryResult } from "@tanstack/react-query";
import { Loading } from "../../components/states";
import type { Job, JobType } from "../../jobs";
import type { Route } from "../../route";
import { Gone } from "./Gone";
import { JobDetails } from "./JobDetails";

interface JobBodyProps {
  readonly id: string;
  readonly query: UseQueryResult<Job | null>;
  readonly jobTypes: readonly JobType[];
  readonly route: Route;
}

/** A job in each of its states: being read, unreadable, gone, there. */
export function JobBody({ id, query: { data: job, error, isPlaceholderData, refetch }, jobTypes, route }: JobBodyProps) {
  if (job === null) return <Gone id={id} />;
  return (
    <>
      {error && (
        <p className="notice job-unread" role="alert">
          This job could not be read: {error.message}{" "}
          <button type="button" className="button" onClick={() => void refetch()}>
            Try now
          </button>
        </p>
      )}
      {job ? (
        <JobDetails
          key={job.id}
          job={job}
          isWhole={!isPlaceholderData}
          jobType={jobTypes.find(({ name }) => name === job.job_type)}
          route={route}
        />
      ) : (
        !error && <Loading rows={9} />
      )}
    </>
  );
}
