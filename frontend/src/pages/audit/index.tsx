import "../../styles/forms.css";
import "../../styles/panel.css";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Entry } from "../../api/keys";
import type { operations } from "../../api/schema.gen";
import { DataTable, type Column } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { JsonView } from "../../components/JsonView";
import { MoreRows } from "../../components/MoreRows";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { ErrorState, OnlyFor } from "../../components/states";
import { Time } from "../../components/Time";
import { useAudit } from "../../keyqueries";
import { useMay } from "../../queries";
import { AuditFilters } from "./AuditFilters";

const route = getRouteApi("/audit");

export function AuditPage() {
  const may = useMay("admin");
  return may ? <Audit /> : <Page title="Audit"><OnlyFor needs="admin">{null}</OnlyFor></Page>;
}

function Audit() {
  const filter = route.useSearch();
  const query = useAudit(filter);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows), [query.data]);
  const [openId, setOpenId] = useState<string | null>(null);
  const open = rows?.find(({ id }) => id === openId);
  const columns = useMemo(() => columnsFor(setOpenId), []);
  const isFiltered = Object.values(filter).some(Boolean);
  const hasEnded = !query.hasNextPage;
  return (
    <Page title="Audit" reads={[query]}>
      <AuditFilters key={JSON.stringify(filter)} filter={filter} actions={ACTIONS} />
      {rows === undefined && query.error && <ErrorState what="The audit" error={query.error} onRetry={() => void query.refetch()} />}
      {rows?.length === 0 && hasEnded && (
        <Nothing icon="audit" title={isFiltered ? "No entry fits" : "Nothing was changed yet"}>
          {isFiltered ? (
            <Link to="/audit" className="button">
              Show all
            </Link>
          ) : (
            <p className="text-muted">Each call that changes something leaves an entry here: who, what, and when.</p>
          )}
        </Nothing>
      )}
      {rows?.length === 0 && !hasEnded && <p className="px-4 text-muted">None among the entries looked through so far.</p>}
      {(rows === undefined ? !query.error : rows.length > 0) && (
        <div className="data-list">
          <DataTable caption="Audit" columns={columns} rows={rows} idOf={({ id }) => id} total={hasEnded ? (rows?.length ?? -1) : -1} dataOf={({ action }) => ({ action })} />
        </div>
      )}
      <MoreRows query={query} name="Older entries" />
      {open && <EntryDialog entry={open} onClose={() => { setOpenId(null); }} />}
    </Page>
  );
}

/** Calls that change something, as the API's description names them. */
const ACTIONS: readonly (keyof operations)[] = [
  "submit",
  "submit_batch",
  "copy",
  "cancel",
  "cancel_many",
  "revive",
  "revive_many",
  "move_many",
  "change_queue",
  "purge_queue",
  "create_schedule",
  "put_schedule",
  "pause_schedule",
  "resume_schedule",
  "run_schedule",
  "backfill_schedule",
  "delete_schedule",
  "create_key",
  "revoke_key",
  "change_retention",
];

function columnsFor(onOpen: (id: string) => void): readonly Column<Entry>[] {
  return [
    {
      id: "action",
      name: "Action",
      width: "12rem",
      isFixed: true,
      card: "start",
      cell: ({ id, action }) => (
        <button type="button" className="link font-medium" data-row-link data-testid="entry" onClick={() => { onOpen(id); }}>
          {action}
        </button>
      ),
    },
    { id: "at", name: "When", width: "6rem", card: "end", cell: ({ at }) => <Time at={at} /> },
    { id: "caller", name: "Caller", width: "14rem", cell: ({ actor, actor_name }) => <Caller id={actor} name={actor_name} /> },
    { id: "target", name: "Target", width: "20rem", cell: ({ target }) => <code title={target}>{target}</code> },
    { id: "detail", name: "Detail", card: "none", cell: ({ detail }) => <code className="text-muted" title={JSON.stringify(detail)}>{shortly(detail)}</code> },
  ];
}

function Caller({ id, name }: { readonly id: string; readonly name: string }) {
  return (
    <Link to="/audit" search={(kept) => ({ ...kept, actor: id })} title={`Only by ${name}, ${id}`} className="hover:underline">
      {name} <code className="text-faint">{id}</code>
    </Link>
  );
}

function shortly(detail: Entry["detail"]): string {
  const text = JSON.stringify(detail);
  return text === "{}" ? "" : text;
}

function EntryDialog({ entry, onClose }: { readonly entry: Entry; readonly onClose: () => void }) {
  return (
    <Dialog title={entry.action} testId="entry-detail" onClose={onClose}>
      <dl className="facts mb-3">
        <dt>When</dt>
        <dd>
          <Time at={entry.at} /> <span className="text-muted">{entry.at}</span>
        </dd>
        <dt>Caller</dt>
        <dd>
          {entry.actor_name} <code className="text-faint">{entry.actor}</code>
        </dd>
        <dt>Target</dt>
        <dd>
          <Target entry={entry} />
        </dd>
        <dt>Request</dt>
        <dd>
          <code>{entry.request_id}</code>
        </dd>
      </dl>
      <JsonView text={JSON.stringify(entry.detail, null, 2)} what="the detail" />
    </Dialog>
  );
}

/** To the job, the queue or the schedule, where the call was about one. */
function placeOf(target: string): string | null {
  const [, kind, name] = /^\/(jobs|queues|schedules)\/([^/]+)/.exec(target) ?? [];
  if (kind === undefined || name === undefined || (kind === "jobs" && !/^[0-9a-f-]{36}$/.test(name))) return null;
  return `#/${kind}/${name}`;
}

function Target({ entry: { target } }: { readonly entry: Entry }) {
  const place = placeOf(target);
  if (place === null) return <code>{target || "–"}</code>;
  return (
    <a className="link" href={place}>
      <code>{target}</code>
    </a>
  );
}
