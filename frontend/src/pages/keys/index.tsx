import "../../styles/outcomes.css";
import { useMemo, useState } from "react";
import { keyState, type ApiKey, type NewKey } from "../../api/keys";
import { now } from "../../clock";
import { DataTable, type Column } from "../../components/DataTable";
import { Icon } from "../../components/Icon";
import { None } from "../../components/None";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { ErrorState, Loading, NoPermission } from "../../components/states";
import { Time } from "../../components/Time";
import { useKeyList } from "../../keyqueries";
import { needsNoKey } from "../../me";
import { useMay, useMe } from "../../queries";
import { MakeKeyDialog } from "./MakeKeyDialog";
import { NewKeyDialog } from "./NewKeyDialog";
import { RevokeDialog } from "./RevokeDialog";

export function KeysPage() {
  const me = useMe();
  const may = useMay("admin");
  if (may === null) return <Page title="Keys"><Loading /></Page>;
  if (!may) return <Page title="Keys"><NoPermission /></Page>;
  return <Keys own={me && !needsNoKey(me) ? me.id : null} isOpen={me !== undefined && needsNoKey(me)} />;
}

interface KeysProps {
  /** The id of the reader's own. */
  readonly own: string | null;
  /** Nobody needs a key here. */
  readonly isOpen: boolean;
}

function Keys({ own, isOpen }: KeysProps) {
  const query = useKeyList();
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<NewKey | null>(null);
  const [revoked, setRevoked] = useState<ApiKey | null>(null);
  const columns = useMemo(() => columnsFor(own, setRevoked), [own]);
  const { data, error } = query;
  return (
    <Page
      title="Keys"
      reads={[query]}
      actions={
        <button type="button" className="button" data-testid="new-key" onClick={() => { setMaking(true); }}>
          <Icon name="plus" />
          New key
        </button>
      }
    >
      {isOpen && (
        <p className="notice mx-4 mb-3" data-testid="keys-not-needed">
          Nobody needs a key here: the API lets everyone in, as an administrator (API_AUTH=off). Keys that are made now count as
          soon as it asks for them.
        </p>
      )}
      {data === undefined && error && <ErrorState what="The keys" error={error} onRetry={() => void query.refetch()} />}
      {data?.length === 0 && (
        <Nothing icon="key" title="No keys yet">
          <p className="text-muted">A key says who calls, and what they may do.</p>
        </Nothing>
      )}
      {(data === undefined ? !error : data.length > 0) && (
        <div className="data-list">
          <DataTable caption="Keys" columns={columns} rows={data} idOf={({ id }) => id} dataOf={dataOf} />
        </div>
      )}
      {isMaking && (
        <MakeKeyDialog
          onClose={() => { setMaking(false); }}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
          }}
        />
      )}
      {made && <NewKeyDialog made={made} onClose={() => { setMade(null); }} />}
      {revoked && <RevokeDialog apiKey={revoked} isOwn={revoked.id === own} onClose={() => { setRevoked(null); }} />}
    </Page>
  );
}

const dataOf = ({ name }: ApiKey) => ({ name });

const STATES = { open: "Open", expired: "Expired", revoked: "Revoked" } as const;
const TONES = { open: "ok", expired: "warn", revoked: undefined } as const;

function columnsFor(own: string | null, onRevoke: (key: ApiKey) => void): readonly Column<ApiKey>[] {
  return [
    { id: "name", name: "Name", isFixed: true, card: "start", sort: ({ name }) => name, cell: (key) => <Name apiKey={key} isOwn={key.id === own} /> },
    { id: "state", name: "State", width: "6.5rem", card: "end", cell: (key) => <State apiKey={key} /> },
    { id: "role", name: "Role", width: "6rem", sort: ({ role }) => role, cell: ({ role }) => role },
    { id: "used", name: "Last used", width: "7rem", sort: ({ last_used_at }) => -Date.parse(last_used_at ?? ""), cell: ({ last_used_at }) => (last_used_at ? <Time at={last_used_at} /> : <span className="text-muted">never</span>) },
    { id: "expires", name: "Expires", width: "7rem", cell: ({ expires_at }) => (expires_at ? <Time at={expires_at} /> : <span className="text-muted">never</span>) },
    { id: "rate", name: "Requests a minute", width: "9rem", align: "end", cell: ({ rate_limit }) => rate_limit?.toLocaleString("en") ?? <span className="text-muted" title="What holds for all keys">as all</span> },
    { id: "made", name: "Made", width: "12rem", cell: ({ created_at, created_by }) => <span title={`by ${created_by}`}><Time at={created_at} /> <span className="text-muted">by {created_by}</span></span> },
    {
      id: "do",
      name: "Actions",
      width: "6rem",
      align: "end",
      card: "end",
      cell: (key) =>
        key.revoked_at === null ? (
          <button type="button" className="button-quiet" aria-label={`Revoke ${key.name}`} data-testid="revoke" onClick={() => { onRevoke(key); }}>
            Revoke
          </button>
        ) : (
          <None />
        ),
    },
  ];
}

function Name({ apiKey: { id, name }, isOwn }: { readonly apiKey: ApiKey; readonly isOwn: boolean }) {
  return (
    <span title={`${name}, ${id}`}>
      <span className="font-medium">{name}</span>
      {isOwn && <span className="text-accent"> · yours</span>} <code className="text-faint">{id}</code>
    </span>
  );
}

function State({ apiKey }: { readonly apiKey: ApiKey }) {
  const state = keyState(apiKey, now());
  return (
    <span className="state-badge" data-state={state === "open" ? "active" : state === "expired" ? "paused" : "ended"} data-tone={TONES[state]}>
      {STATES[state]}
    </span>
  );
}
