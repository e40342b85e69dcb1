import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { HistoryCharts } from "../../components/HistoryCharts";
import { Icon } from "../../components/Icon";
import { Menu } from "../../components/Menu";
import { Nothing } from "../../components/Nothing";
import { Page } from "../../components/Page";
import { QueueState } from "../../components/QueueState";
import { RangePicker } from "../../components/RangePicker";
import { ErrorState } from "../../components/states";
import { Time } from "../../components/Time";
import type { QueueView } from "../../limits";
import { useHistory, useMay, useQueue } from "../../queries";
import { PauseButton } from "../queues/PauseButton";
import { MoveDialog } from "./MoveDialog";
import { PurgeDialog } from "./PurgeDialog";
import { QueueFigures } from "./QueueFigures";
import { Settings } from "./Settings";

const route = getRouteApi("/queues/$name");
const QUEUES = { to: "/queues", name: "Queues" } as const;

export function QueuePage() {
  const { name } = route.useParams();
  return <OneQueue key={name} name={name} />;
}

function OneQueue({ name }: { readonly name: string }) {
  const { range = "15m" } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQueue(name);
  const history = useHistory(range, name);
  const queue = query.data;
  if (queue === null) return <Unknown name={name} />;
  return (
    <Page
      title={name}
      back={QUEUES}
      reads={[query, history]}
      about={queue && <QueueState isPaused={queue.paused} />}
      actions={
        <>
          <RangePicker
            range={range}
            onChoose={(chosen) => void navigate({ search: chosen === "15m" ? {} : { range: chosen }, resetScroll: false })}
          />
          <Link to="/jobs" search={{ queue: name }} className="button">
            Its jobs
          </Link>
          {queue && <Actions name={name} queue={queue} />}
        </>
      }
    >
      {queue === undefined && query.error ? (
        <ErrorState what="The queue" error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <div className="page-body">
          {queue?.paused && <Paused queue={queue} />}
          <QueueFigures name={name} queue={queue} />
          <HistoryCharts history={history.data} range={range} isOld={history.isPlaceholderData} />
          <Settings queue={queue} />
        </div>
      )}
    </Page>
  );
}

/** Nothing where nobody knows: an older release told neither. */
function Paused({ queue: { paused_at, paused_by } }: { readonly queue: QueueView }) {
  if (paused_at === null) return null;
  return (
    <p className="notice" data-testid="queue-paused">
      Paused{paused_by !== null && ` by ${paused_by}`} <Time at={paused_at} />. What runs goes on to its end; nothing else is started.
    </p>
  );
}

function Actions({ name, queue }: { readonly name: string; readonly queue: QueueView }) {
  const mayOperate = useMay("operator");
  const mayPurge = useMay("admin");
  const [open, setOpen] = useState<"purge" | "move" | null>(null);
  const close = () => { setOpen(null); };
  if (!mayOperate) return null;
  return (
    <>
      <PauseButton queue={queue} />
      <Menu label="More" testId="queue-more">
        <button type="button" className="menu-item" data-testid="queue-move" onClick={() => { setOpen("move"); }}>
          <Icon name="right" />
          Move its jobs to another queue…
        </button>
        {mayPurge && (
          <button type="button" className="menu-item" data-tone="bad" data-testid="queue-purge" onClick={() => { setOpen("purge"); }}>
            <Icon name="trash" />
            Purge: cancel all that waits…
          </button>
        )}
      </Menu>
      {open === "move" && <MoveDialog queue={name} onClose={close} />}
      {open === "purge" && <PurgeDialog queue={name} onClose={close} />}
    </>
  );
}

function Unknown({ name }: { readonly name: string }) {
  return (
    <Page title={name} back={QUEUES}>
      <Nothing icon="stack" title="There is no such queue" testId="no-queue">
        <p className="text-muted">Nobody has set one of this name, and no job is in it. It is there as soon as a job names it.</p>
        <Link to="/queues" className="button">
          All queues
        </Link>
      </Nothing>
    </Page>
  );
}
