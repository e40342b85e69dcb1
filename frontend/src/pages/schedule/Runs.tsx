import { useMemo } from "react";
import { DataTable, type Column } from "../../components/DataTable";
import { MoreRows } from "../../components/MoreRows";
import { None } from "../../components/None";
import { ErrorState } from "../../components/states";
import { StatusBadge } from "../../components/StatusBadge";
import { Time } from "../../components/Time";
import { ALL_JOBS } from "../../jobs";
import { hrefTo } from "../../route";
import type { Pages } from "../../schedulequeries";
import { KINDS, statusOf, type Run } from "../../schedules";

export function Runs({ query }: { readonly query: Pages<Run> }) {
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows), [query.data]);
  return (
    <section className="box" aria-label="Runs" data-testid="runs">
      <h2 className="box-head">Runs</h2>
      {rows === undefined && query.error ? (
        <ErrorState what="The runs" error={query.error} onRetry={() => void query.refetch()} />
      ) : rows?.length === 0 ? (
        <p className="box-body text-muted">It has not run yet.</p>
      ) : (
        <div className="data-list">
          <DataTable caption="Runs" columns={COLUMNS} rows={rows} idOf={idOf} hrefOf={hrefOf} total={query.hasNextPage ? -1 : (rows?.length ?? -1)} dataOf={dataOf} />
          <MoreRows query={query} name="Older runs" />
        </div>
      )}
    </section>
  );
}

const idOf = ({ job_id }: Run) => job_id;
const hrefOf = ({ job_id }: Run) => hrefTo({ jobId: job_id, filter: ALL_JOBS });
const dataOf = ({ status, kind }: Run) => ({ outcome: status ?? "GONE", kind });

const COLUMNS: readonly Column<Run>[] = [
  { id: "for", name: "For", width: "8rem", isFixed: true, card: "start", cell: ({ scheduled_for }) => <Time at={scheduled_for} /> },
  { id: "outcome", name: "Outcome", width: "8rem", card: "end", cell: ({ status }) => <Outcome status={status} /> },
  { id: "kind", name: "Why", width: "6rem", cell: ({ kind }) => KINDS[kind] },
  { id: "ended", name: "Ended", width: "6rem", cell: ({ finished_at }) => (finished_at ? <Time at={finished_at} /> : <None />) },
  { id: "error", name: "Error", card: "line", cell: ({ error }) => (error ? <span className="text-bad" title={error}>{error}</span> : <None />) },
];

function Outcome({ status }: { readonly status: string | null }) {
  const known = statusOf(status);
  return known ? <StatusBadge status={known} /> : <span className="text-muted">{status ?? "No longer kept"}</span>;
}
