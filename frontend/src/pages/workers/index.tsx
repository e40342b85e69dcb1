import "../../styles/figures.css";
import { useMemo } from "react";
import { serverTime } from "../../clock";
import { Code } from "../../components/Code";
import { DataTable } from "../../components/DataTable";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { ErrorState } from "../../components/states";
import { useWorkers } from "../../queries";
import { countsOf, lifeOf } from "../../workers";
import { COLUMNS, type WorkerRow } from "./columns";

const START = "python -m worker_fn --concurrency 16";

/** Who works. Whether a worker is late is judged by the last answer: silence of ours is none of theirs. */
export function WorkersPage() {
  const query = useWorkers();
  const asOf = serverTime(query.dataUpdatedAt);
  const workers = query.data;
  const rows = useMemo(() => workers?.map((worker): WorkerRow => ({ worker, life: lifeOf(worker, asOf) })), [workers, asOf]);
  return (
    <Page title="Workers" reads={[query]} about={workers && workers.length > 0 && <Summary {...countsOf(workers, asOf)} />}>
      {rows === undefined && query.error ? (
        <ErrorState what="The workers" error={query.error} onRetry={() => void query.refetch()} />
      ) : rows?.length === 0 ? (
        <Nobody />
      ) : (
        <div className="data-list" data-testid="workers">
          <DataTable caption="Workers" columns={COLUMNS} rows={rows} idOf={idOf} dataOf={dataOf} />
          <p className="max-w-3xl px-4 py-3 text-muted">
            A worker reports every second. One that has been silent for five seconds is late; after 30 its jobs are in the line
            again, and after five minutes it is not listed any more. One that was told to stop says goodbye and is gone at once.
          </p>
        </div>
      )}
    </Page>
  );
}

const idOf = ({ worker }: WorkerRow) => worker.id;
const dataOf = ({ worker, life }: WorkerRow) => ({ life, worker: worker.id });

function Summary({ alive, running, slots }: ReturnType<typeof countsOf>) {
  return (
    <span className="text-muted tabular-nums" data-testid="workers-summary">
      {alive} alive · {running} of {slots} slots in use
    </span>
  );
}

function Nobody() {
  return (
    <Nothing icon="worker" title="No worker is running">
      <p className="max-w-xl text-muted">
        Where nothing but Lambda functions runs jobs, this is as it should be: a submit wakes one, it is listed while it runs, and
        it is gone when there is nothing left to do. Jobs start within milliseconds where a worker stays. Start one with
      </p>
      <Code text={START} what="the command" />
    </Nothing>
  );
}
