import { getRouteApi } from "@tanstack/react-router";
import { lazy, Suspense, use, type ReactNode } from "react";
import { HistoryCharts } from "../../components/HistoryCharts";
import { Icon } from "../../components/Icon";
import { Page } from "../../components/Page";
import { RangePicker } from "../../components/RangePicker";
import { ErrorState } from "../../components/states";
import { FrozenAt, useAsOfNow } from "../../hooks";
import { useKeys } from "../../keys";
import { useFailures, useHistory, useStats, type SystemNow } from "../../queries";
import { relative, timeOfDay } from "../../times";
import { BusyQueues } from "./BusyQueues";
import { Counts, Vitals } from "./Figures";
import { NewestFailed } from "./NewestFailed";
import { usePause } from "./usePause";

const route = getRouteApi("/");
const FirstRun = lazy(() => import("./FirstRun"));

/** How the whole system does, now and lately. */
export function OverviewPage() {
  const { range: asked = "15m" } = route.useSearch();
  const navigate = route.useNavigate();
  const stats = useStats();
  const history = useHistory(asked);
  const failures = useFailures(stats.data?.counts.FAILED);
  const pause = usePause({ now: stats.data, history: history.data, isOld: history.isPlaceholderData, failures: failures.data, range: asked });
  useKeys([{ keys: "p", does: "Pause or go on", group: "Overview", run: pause.toggle }]);
  const { now, range, isOld } = pause.shown;
  return (
    <Page
      title="Overview"
      reads={[stats, history, failures]}
      about={pause.at !== null && <Paused at={pause.at} />}
      actions={
        <>
          <RangePicker
            range={range}
            locked={pause.at === null ? null : "Paused: go on to look at another time"}
            onChoose={(range) => void navigate({ search: range === "15m" ? {} : { range }, resetScroll: false })}
          />
          <button type="button" className="button" aria-keyshortcuts="p" title={pause.at === null ? "Hold everything still (p)" : "Go on (p)"} data-testid="pause" onClick={pause.toggle}>
            <Icon name={pause.at === null ? "pause" : "play"} />
            {pause.at === null ? "Pause" : "Go on"}
          </button>
        </>
      }
    >
      <Still at={pause.at}>
        {now === undefined && stats.error ? (
          <ErrorState what="The statistics" error={stats.error} onRetry={() => void stats.refetch()} />
        ) : now && isUnused(now) ? (
          <Suspense>
            <FirstRun />
          </Suspense>
        ) : (
          <div className="page-body" data-paused={pause.at !== null}>
            <Counts counts={now?.counts} />
            <Vitals now={now} />
            <HistoryCharts history={pause.shown.history} range={range} isOld={isOld} />
            <div className="pair">
              <BusyQueues queues={now?.queues} />
              <NewestFailed failures={pause.shown.failures} error={failures.error} />
            </div>
          </div>
        )}
      </Still>
    </Page>
  );
}

/** Nobody has ever submitted a job, as far as can be told. */
function isUnused({ counts }: SystemNow): boolean {
  return Object.values(counts).every((count) => count === 0);
}

/** Durations stand still as long as the page is paused. */
function Still({ at, children }: { readonly at: number | null; readonly children: ReactNode }) {
  const frozenAt = use(FrozenAt);
  return <FrozenAt value={at ?? frozenAt}>{children}</FrozenAt>;
}

function Paused({ at }: { readonly at: number }) {
  const ago = useAsOfNow((now) => relative(at, now));
  return (
    <p className="paused-note" data-testid="paused">
      <Icon name="pause" />
      <span role="status">Paused at {timeOfDay(at)},</span> {ago}
    </p>
  );
}
