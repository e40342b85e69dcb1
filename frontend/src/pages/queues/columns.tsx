import type { Column } from "../../components/DataTable";
import { None } from "../../components/None";
import { QueueState } from "../../components/QueueState";
import { Sparkline } from "../../components/Sparkline";
import { LABELS } from "../../components/StatusBadge";
import type { JobStatus } from "../../jobs";
import { limitsOf, type QueueView } from "../../limits";
import { elapsed } from "../../times";
import { PauseButton } from "./PauseButton";

export interface QueueRow {
  readonly queue: QueueView;
  /** Lately, oldest first. */
  readonly rates: readonly number[];
}

const DEPTHS: readonly JobStatus[] = ["QUEUED", "RUNNING", "RETRYING", "SCHEDULED", "BLOCKED"];
const ON_CARDS: readonly JobStatus[] = ["QUEUED", "RUNNING"];

const COLUMNS: readonly Column<QueueRow>[] = [
  { id: "name", name: "Queue", cell: ({ queue }) => queue.name, sort: ({ queue }) => queue.name, isFixed: true, card: "start" },
  {
    id: "state",
    name: "State",
    width: "6.5rem",
    cell: ({ queue }) => <QueueState isPaused={queue.paused} />,
    sort: ({ queue }) => Number(queue.paused),
    card: "end",
  },
  ...DEPTHS.map(
    (status): Column<QueueRow> => ({
      id: status,
      name: LABELS[status],
      width: "5.5rem",
      align: "end",
      isHidden: status === "BLOCKED",
      cell: ({ queue }) => <Count value={queue.depth[status] ?? 0} />,
      sort: ({ queue }) => queue.depth[status] ?? 0,
      card: ON_CARDS.includes(status) ? "line" : "none",
    }),
  ),
  {
    id: "oldest",
    name: "Oldest",
    width: "5.5rem",
    align: "end",
    cell: ({ queue: { oldest_age_seconds } }) => (oldest_age_seconds === null ? <None /> : elapsed(oldest_age_seconds * 1_000)),
    sort: ({ queue }) => queue.oldest_age_seconds ?? 0,
  },
  {
    id: "in",
    name: "In / min",
    width: "5rem",
    align: "end",
    cell: ({ queue }) => <Count value={queue.in_per_minute} />,
    sort: ({ queue }) => queue.in_per_minute,
    card: "none",
  },
  {
    id: "out",
    name: "Out / min",
    width: "7.5rem",
    cell: ({ queue, rates }) => (
      <span className="rate">
        <Count value={queue.out_per_minute} />
        {rates.length > 1 && <Sparkline values={rates} label="Ended a minute, in the last five minutes" height={18} />}
      </span>
    ),
    sort: ({ queue }) => queue.out_per_minute,
    card: "none",
  },
  {
    id: "limits",
    name: "Limits",
    width: "15rem",
    cell: ({ queue }) => {
      const words = limitsOf(queue).join(" · ");
      return words ? <span title={words}>{words}</span> : <span className="zero">none</span>;
    },
    card: "line",
  },
];

const ACTIONS: Column<QueueRow> = {
  id: "actions",
  name: "Actions",
  width: "8rem",
  align: "end",
  isFixed: true,
  cell: ({ queue }) => <PauseButton queue={queue} />,
  card: "end",
};

/** mayPause: whether the reader's role lets a queue be paused. */
export function columnsFor(mayPause: boolean): readonly Column<QueueRow>[] {
  return mayPause ? [...COLUMNS, ACTIONS] : COLUMNS;
}

function Count({ value }: { readonly value: number }) {
  return <span className={value === 0 ? "zero" : undefined}>{value.toLocaleString("en", { maximumFractionDigits: 1 })}</span>;
}
