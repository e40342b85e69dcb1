import "../../styles/table.css";
import { getRouteApi, Link, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { Icon } from "../../components/Icon";
import { Page } from "../../components/Page";
import { useKeys } from "../../keys";
import { useJobs, useJobTypes, useMay } from "../../queries";
import type { Route } from "../../route";
import { filterOf } from "../../search";
import { JobPanel } from "../job/JobPanel";
import { Filters } from "./Filters";
import { JobsView } from "./JobsView";

const jobs = getRouteApi("/jobs");

/** The list, and beside it the job that is open. A job whose address was opened directly has the page to itself. */
export function JobsPage() {
  const search = jobs.useSearch();
  const { jobId = null } = useParams({ strict: false });
  const route: Route = { jobId, filter: filterOf(search) };
  const [isListed, setListed] = useState(jobId === null);
  if (jobId === null && !isListed) setListed(true);
  return isListed ? <List route={route} /> : <Alone route={route} />;
}

function List({ route }: { readonly route: Route }) {
  const { query, more } = useJobs(route.filter);
  const jobTypes = useJobTypes();
  const may = useMay("operator");
  const close = useClose();
  useFocusBack(route.jobId);
  return (
    <div className="beside" data-panel={route.jobId !== null}>
      <Page
        title="Jobs"
        reads={[{ ...query, dataUpdatedAt: query.data?.readAt ?? 0 }]}
        actions={
          may && (
            <Link to="/submit" className="button" data-testid="open-submit">
              <Icon name="plus" />
              New job
            </Link>
          )
        }
      >
        <section className="list" aria-label="Jobs">
          <Filters route={route} jobTypes={jobTypes.data ?? []} />
          <JobsView route={route} jobs={{ query, more }} />
        </section>
      </Page>
      {route.jobId && <JobPanel id={route.jobId} jobTypes={jobTypes.data ?? []} route={route} onClose={close} />}
    </div>
  );
}

function Alone({ route: { jobId, filter } }: { readonly route: Route }) {
  const jobTypes = useJobTypes();
  const close = useClose();
  return (
    <Page title="Job" back={{ to: "/jobs", name: "Jobs" }}>
      {jobId && <JobPanel id={jobId} jobTypes={jobTypes.data ?? []} route={{ jobId, filter }} onClose={close} />}
    </Page>
  );
}

/** Closes an open job, by Esc as well. */
function useClose(): () => void {
  const navigate = jobs.useNavigate();
  const { jobId } = useParams({ strict: false });
  const close = useCallback(() => {
    if (jobId) void navigate({ to: "/jobs", search: (kept) => kept });
  }, [navigate, jobId]);
  useKeys([{ keys: "Escape", does: "Close the job", group: "Jobs", run: close }]);
  return close;
}

/** When the panel closes, the focus returns to the row that it belonged to. */
function useFocusBack(jobId: string | null): void {
  const last = useRef(jobId);
  useEffect(() => {
    if (last.current && !jobId) rowLink(last.current)?.focus();
    last.current = jobId;
  }, [jobId]);
}

function rowLink(jobId: string): HTMLElement | null {
  return document.querySelector(`[data-testid="job-row"][data-job-id="${CSS.escape(jobId)}"] a`);
}
