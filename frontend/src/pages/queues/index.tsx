import { useMemo } from "react";
import { ColumnMenu, DataTable } from "../../components/DataTable";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { ErrorState } from "../../components/states";
import { useColumnChoice, type Choice } from "../../columns";
import { serverTime } from "../../clock";
import { useMedia } from "../../hooks";
import { useMay, useQueues, useRates } from "../../queries";
import { queueHref } from "../../route";
import { columnsFor, type QueueRow } from "./columns";

/** All queues: what waits in them, how fast it goes, and what keeps it. */
export function QueuesPage() {
  const query = useQueues();
  const may = useMay("operator") === true;
  const rates = useRates(query.data, serverTime(query.dataUpdatedAt));
  const [choice, setChoice] = useColumnChoice("queues");
  const isWide = useMedia(WIDE);
  const columns = useMemo(() => columnsFor(may), [may]);
  const rows = useMemo(
    () => query.data?.map((queue): QueueRow => ({ queue, rates: rates.byQueue.get(queue.name) ?? NONE })),
    [query.data, rates],
  );
  const shown = useMemo(() => (isWide ? choice : { ...NARROW, ...choice }), [isWide, choice]);
  return (
    <Page
      title="Queues"
      reads={[query]}
      about={rows && <span className="text-muted">{rows.length}</span>}
      actions={<ColumnMenu columns={columns} choice={shown} onChoose={setChoice} />}
    >
      {rows === undefined && query.error ? (
        <ErrorState what="The queues" error={query.error} onRetry={() => void query.refetch()} />
      ) : rows?.length === 0 ? (
        <Nothing icon="stack" title="No queues yet">
          <p className="text-muted">A queue is there as soon as a job names it; jobs that name none go to “default”.</p>
          <a className="button" href="#/submit">
            Submit a job
          </a>
        </Nothing>
      ) : (
        <div className="data-list">
          <DataTable caption="Queues" columns={columns} rows={rows} idOf={nameOf} hrefOf={hrefOf} choice={shown} dataOf={dataOf} />
        </div>
      )}
    </Page>
  );
}

const NONE: readonly number[] = [];

/** What there is no room for, unless the reader wants it. */
const NARROW: Choice = { SCHEDULED: false, RETRYING: false, in: false, limits: false };
const WIDE = "(width >= 84rem), (width < 40rem)";

const nameOf = ({ queue }: QueueRow) => queue.name;
const hrefOf = ({ queue }: QueueRow) => queueHref(queue.name);
const dataOf = ({ queue }: QueueRow) => ({ paused: String(queue.paused) });
