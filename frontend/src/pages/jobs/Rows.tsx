import { useEffect, useMemo, useRef, type ReactNode } from "react";
import { now } from "../../clock";
import { DataTable } from "../../components/DataTable";
import { Icon } from "../../components/Icon";
import type { Choice } from "../../columns";
import { useAsOfNow } from "../../hooks";
import { MOST_ROWS, type JobList } from "../../joblist";
import { statusAt, type Job, type JobFilter } from "../../jobs";
import { useKeys } from "../../keys";
import type { Jobs } from "../../queries";
import { hrefTo, type Route } from "../../route";
import { aboutRow, COLUMNS, NARROW } from "./columns";
import { Empty, NotYet, Unreadable } from "./empty";
import { useHold, useShown } from "./hold";

interface RowsProps {
  readonly route: Route;
  readonly jobs: Jobs;
  readonly choice: Choice;
  /** undefined: nothing can be done with rows. */
  readonly chosen: ReadonlySet<string> | undefined;
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
}

/** The list in each of its states: being read, unreadable, empty, full. */
export function Rows({ route, jobs: { query, more }, choice, chosen, onChoose }: RowsProps) {
  const { data, error, refetch, isPlaceholderData } = query;
  const hold = useHold();
  const list = useCurrent(data);
  const [{ rows, news }, release] = useShown(list, hold.isHeld || (chosen !== undefined && chosen.size > 0));
  if (!data && error) return <Unreadable reason={error.message} onRetry={() => void refetch()} />;
  const isEmpty = list !== undefined && rows.length === 0 && !isPlaceholderData;
  if (isEmpty && data?.next === null) return <Empty filter={route.filter} />;
  if (isEmpty) return <NotYet isReading={more.isReading}><End data={data} more={more} /></NotYet>;
  const isReading = list === undefined || rows.length === 0;
  return (
    <>
      <div {...hold.pointed}>
        <News count={news} onShow={release} />
        <div className="data-list jobs" {...hold.focused}>
          <DataTable
            caption="Jobs, newest first"
            columns={COLUMNS}
            rows={isReading ? undefined : rows}
            idOf={idOf}
            hrefOf={(job) => hrefTo({ ...route, jobId: job.id })}
            openId={route.jobId}
            choice={route.jobId ? NARROW : choice}
            {...(chosen && { chosen, onChoose })}
            total={data?.next === null && data.oldest === "" ? rows.length : -1}
            dataOf={aboutRow}
          />
        </div>
      </div>
      <End data={data} more={more} isFollowed />
    </>
  );
}

function idOf({ id }: Job): string {
  return id;
}

/** A waiting job that has come due has left "Scheduled" and "Retrying", though nobody said so. */
function useCurrent(list: JobList | undefined): JobList | undefined {
  const { status } = list?.filter ?? { status: null };
  const isTimed = status === "SCHEDULED" || status === "RETRYING";
  const due = useAsOfNow((time) => (list && isTimed ? stillThere(list.filter, list.rows, time).length : -1));
  return useMemo(
    () => (list && due >= 0 ? { ...list, rows: stillThere(list.filter, list.rows, now()) } : list),
    [list, due],
  );
}

function stillThere({ status }: JobFilter, rows: readonly Job[], time: number): readonly Job[] {
  return rows.filter((job) => statusAt(job, time) === status);
}

/** What came meanwhile is offered, not thrown under the cursor. */
function News({ count, onShow }: { readonly count: number; readonly onShow: () => void }) {
  const show = () => {
    window.scrollTo({ top: 0 });
    onShow();
  };
  useKeys(count > 0 ? [{ keys: "u", does: "Show new jobs", group: "Jobs", run: show }] : NO_KEYS);
  return (
    <div className="news" role="status">
      {count > 0 && (
        <button type="button" className="news-button" data-testid="new-jobs" title="Show them (u)" onClick={show}>
          <Icon name="down" className="rotate-180" />
          {count.toLocaleString("en")} new {count === 1 ? "job" : "jobs"}
        </button>
      )}
    </div>
  );
}

const NO_KEYS: never[] = [];

interface EndProps {
  readonly data: JobList | undefined;
  readonly more: Jobs["more"];
  /** Older jobs are read as soon as the end is near. */
  readonly isFollowed?: boolean;
}

function End({ data, more, isFollowed = false }: EndProps): ReactNode {
  const hasMore = data !== undefined && data.next !== null && data.rows.length < MOST_ROWS;
  const foot = useRef<HTMLElement>(null);
  const isWanted = isFollowed && hasMore && !more.isReading && !more.hasFailed;
  const { read } = more;
  useEffect(() => {
    if (!isWanted || !foot.current) return;
    const watch = new IntersectionObserver((seen) => { if (seen.some(({ isIntersecting }) => isIntersecting)) read(); }, { rootMargin: "1200px" });
    watch.observe(foot.current);
    return () => { watch.disconnect(); };
  });
  if (!data) return null;
  return (
    <footer ref={foot} className="list-end">
      {more.hasFailed && <span className="text-bad">Older jobs could not be read. </span>}
      {hasMore ? (
        <button type="button" className="button" onClick={read} disabled={more.isReading}>
          {more.isReading ? "Reading…" : "Show older jobs"}
        </button>
      ) : (
        <EndOfList count={data.rows.length} isWhole={data.oldest === ""} />
      )}
    </footer>
  );
}

function EndOfList({ count, isWhole }: { readonly count: number; readonly isWhole: boolean }) {
  const number = count.toLocaleString("en");
  if (isWhole) return <span>{count === 1 ? "1 job. That is all." : `${number} jobs. That is all.`}</span>;
  return <span>The newest {number} jobs. Filter to find older ones.</span>;
}
