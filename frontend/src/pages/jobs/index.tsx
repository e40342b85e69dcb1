import "../../styles/table.css";
import { getRouteApi, Link, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useColumnChoice } from "../../columns";
import { ColumnMenu } from "../../components/DataTable";
import { Icon } from "../../components/Icon";
import { Page } from "../../components/Page";
import { useKeys } from "../../keys";
import { useJobs, useJobTypes, useMay } from "../../queries";
import { hrefTo, type Route } from "../../route";
import { filterOf } from "../../search";
import { JobPage } from "../job/JobPage";
import { JobPanel } from "../job/JobPanel";
import { BulkBar, BulkMenu } from "./Bulk";
import { COLUMNS } from "./columns";
import { Filters } from "./Filters";
import { Rows } from "./Rows";
import { Views } from "./Views";

const jobs = getRouteApi("/jobs");

/** The list, and beside it the job that is open. A job whose address was opened directly has the page to itself. */
export function JobsPage() {
  const search = jobs.useSearch();
  const filter = useMemo(() => filterOf(search), [search]);
  const { jobId = null } = useParams({ strict: false });
  const route: Route = { jobId, filter };
  const [isListed, setListed] = useState(jobId === null);
  if (jobId === null && !isListed) setListed(true);
  return isListed ? <List route={route} /> : <Alone route={route} />;
}

function List({ route }: { readonly route: Route }) {
  const { query, more } = useJobs(route.filter);
  const jobTypes = useJobTypes();
  const may = useMay("operator");
  const [choice, choose] = useColumnChoice("jobs");
  const address = hrefTo({ jobId: null, filter: route.filter });
  const [chosen, setChosen] = useChosen(address);
  const close = useClose(chosen.size > 0 ? () => { setChosen(NONE); } : null);
  useFocusBack(route.jobId);
  return (
    <div className="beside" data-panel={route.jobId !== null}>
      <Page
        title="Jobs"
        reads={[{ ...query, dataUpdatedAt: query.data?.readAt ?? 0 }]}
        actions={
          <>
            <Views route={route} />
            <ColumnMenu columns={COLUMNS} choice={choice} onChoose={choose} />
            {may && <BulkMenu filter={route.filter} />}
            {may && (
              <Link to="/submit" className="button" data-testid="open-submit">
                <Icon name="plus" />
                New job
              </Link>
            )}
          </>
        }
      >
        <section className="list" aria-label="Jobs">
          <Filters route={route} jobTypes={jobTypes.data ?? []} />
          <Rows
            key={address}
            route={route}
            jobs={{ query, more }}
            choice={choice}
            chosen={may ? chosen : undefined}
            onChoose={setChosen}
          />
        </section>
        {may && chosen.size > 0 && <BulkBar chosen={chosen} onClear={() => { setChosen(NONE); }} />}
      </Page>
      {route.jobId && <JobPanel id={route.jobId} jobTypes={jobTypes.data ?? []} route={route} onClose={close} />}
    </div>
  );
}

function Alone({ route }: { readonly route: Route }) {
  const jobTypes = useJobTypes();
  useClose(null);
  return route.jobId && <JobPage id={route.jobId} jobTypes={jobTypes.data ?? []} route={route} />;
}

const NONE: ReadonlySet<string> = new Set();

/** Rows that are chosen, for as long as the list is the same. */
function useChosen(address: string): readonly [ReadonlySet<string>, (ids: ReadonlySet<string>) => void] {
  const [chosen, setChosen] = useState({ address, ids: NONE });
  return [chosen.address === address ? chosen.ids : NONE, (ids) => { setChosen({ address, ids }); }];
}

/** Closes an open job. Esc does it as well, once no rows are chosen any more. */
function useClose(clear: (() => void) | null): () => void {
  const navigate = jobs.useNavigate();
  const { jobId } = useParams({ strict: false });
  const close = useCallback(() => {
    if (jobId) void navigate({ to: "/jobs", search: (kept) => kept });
  }, [navigate, jobId]);
  useKeys([{ keys: "Escape", does: "Choose none, or close the job", group: "Jobs", run: clear ?? close }]);
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
