import { useCallback, useEffect, useRef } from "react";
import { serverTime } from "./clock";
import { Filters } from "./components/Filters";
import { Header } from "./components/Header";
import { JobPanel } from "./components/JobPanel";
import { JobsView } from "./components/JobsView";
import { StaleBanner } from "./components/StaleBanner";
import { SubmitCard } from "./components/SubmitCard";
import { FrozenAt, useKey, useRoute } from "./hooks";
import { useConnection, useJobs, useJobTypes, useRetryNow } from "./queries";
import { goTo } from "./route";

export function App() {
  const route = useRoute();
  const connection = useConnection();
  const retryNow = useRetryNow();
  const jobs = useJobs(route.filter);
  const jobTypes = useJobTypes();
  const close = useCallback(() => {
    if (route.jobId) goTo({ ...route, jobId: null });
  }, [route]);
  useKey("Escape", close);
  useFocusBack(route.jobId);

  const isLive = connection.state === "live";
  const rightUntil = latest(connection.currentUntil, jobs.query.data?.readAt ?? null);
  const isFirst = connection.phase !== "waiting" && connection.currentUntil === null;
  const hasFailed = jobs.query.isError && jobs.query.data !== undefined;
  return (
    <FrozenAt value={isLive || rightUntil === null ? null : serverTime(rightUntil)}>
      <div className="page" data-panel={route.jobId !== null} data-live={isLive || isFirst}>
        <Header connection={connection} />
        {((!isLive && !isFirst) || hasFailed) && (
          <StaleBanner connection={connection} rightUntil={rightUntil} onRetry={retryNow} />
        )}
        <main className="columns">
          <section className="list" aria-label="Jobs">
            <Filters route={route} jobTypes={jobTypes.data ?? []} />
            <JobsView route={route} jobs={jobs} />
          </section>
          <SubmitCard query={jobTypes} route={route} />
          {route.jobId && <JobPanel id={route.jobId} jobTypes={jobTypes.data ?? []} route={route} onClose={close} />}
        </main>
      </div>
    </FrozenAt>
  );
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

function latest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}
