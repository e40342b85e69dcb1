import { useEffect, useRef, useState, type RefObject } from "react";
import { moveJobs } from "../../api/calls";
import { applies, orderBefore, ordersFor, workedThrough, type BulkMove, type Order } from "../../bulk";
import { now } from "../../clock";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { Icon } from "../../components/Icon";
import { Menu } from "../../components/Menu";
import { conditionsOf, isEverything, type JobFilter } from "../../jobfilter";
import { tell } from "../../notices";

/** What is to be moved, as it was when it was asked for. */
interface Plan {
  readonly move: BulkMove;
  readonly orders: readonly Order[];
  readonly of: "chosen" | "matching";
}

const WORDS: Readonly<Record<BulkMove, { readonly verb: string; readonly done: string; readonly effect: string }>> = {
  cancel: {
    verb: "Cancel",
    done: "cancelled",
    effect: "What waits is cancelled at once. What runs is asked to end, and stays Running until it has.",
  },
  revive: { verb: "Revive", done: "revived", effect: "They go back into their queues, with attempts left." },
};
const MOVES = ["revive", "cancel"] as const;

interface BulkMenuProps {
  readonly filter: JobFilter;
}

/** For all that matches the filter, whether it is on the page or not. */
export function BulkMenu({ filter }: BulkMenuProps) {
  const [plan, setPlan] = useState<Plan | null>(null);
  return (
    <>
      <Menu label="With all that match" icon="more" testId="bulk-menu">
        {MOVES.map((move) => (
          <button
            key={move}
            type="button"
            className="menu-item"
            data-tone={move === "cancel" ? "bad" : undefined}
            data-testid={`bulk-${move}`}
            disabled={!applies(move, filter.status)}
            onClick={() => {
              const at = now();
              setPlan({ move, orders: [orderBefore(conditionsOf(filter, at), at)], of: "matching" });
            }}
          >
            <Icon name={move === "cancel" ? "slash-circle" : "retry"} />
            {WORDS[move].verb} {whatOf(move, filter)}…
          </button>
        ))}
      </Menu>
      {plan && <BulkDialog plan={plan} onClose={() => { setPlan(null); }} onDone={() => { setPlan(null); }} />}
    </>
  );
}

/** As the API has it: without a status, what somebody cancelled stays so. */
function whatOf(move: BulkMove, filter: JobFilter): string {
  const isOfFailed = move === "revive" && filter.status === null;
  if (isEverything(filter)) return isOfFailed ? "all that failed" : "all";
  return isOfFailed ? "all that match and failed" : "all that match";
}

interface BulkBarProps {
  readonly chosen: ReadonlySet<string>;
  readonly onClear: () => void;
}

/** Stands above the page's lower edge while rows are chosen. */
export function BulkBar({ chosen, onClear }: BulkBarProps) {
  const [plan, setPlan] = useState<Plan | null>(null);
  return (
    <div className="bulk-bar" role="region" aria-label="Chosen jobs" data-testid="bulk-bar">
      <span role="status">
        <strong>{chosen.size.toLocaleString("en")}</strong> chosen
      </span>
      {MOVES.map((move) => (
        <button
          key={move}
          type="button"
          className="button"
          data-testid={`chosen-${move}`}
          onClick={() => { setPlan({ move, orders: ordersFor(chosen), of: "chosen" }); }}
        >
          {WORDS[move].verb}…
        </button>
      ))}
      <button type="button" className="button-quiet" aria-label="Choose none" title="Choose none (Esc)" onClick={onClear}>
        <Icon name="close" />
      </button>
      {plan && (
        <BulkDialog
          plan={plan}
          onClose={() => { setPlan(null); }}
          onDone={() => {
            setPlan(null);
            onClear();
          }}
        />
      )}
    </div>
  );
}

interface BulkDialogProps {
  readonly plan: Plan;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

/** Counts first, asks, and tells how far it is. Closing it stops what has not been done yet. */
function BulkDialog({ plan: { move, orders, of }, onClose, onDone }: BulkDialogProps) {
  const [count, setCount] = useState(0);
  const [isCounted, setCounted] = useState(false);
  const [done, setDone] = useState<number | null>(null); // null: it has not begun
  const [error, setError] = useState<Error | null>(null);
  const stop = useStop();
  const { verb, done: participle, effect } = WORDS[move];

  useEffect(() => {
    const counting = new AbortController();
    const counted = orders.map((order) => ({ ...order, dry_run: true }));
    workedThrough(counted, (order) => moveJobs(move, order), { onCount: setCount, signal: counting.signal }).then(
      () => { setCounted(true); },
      (reason: unknown) => { if (!counting.signal.aborted) setError(reason as Error); },
    );
    return () => { counting.abort(); };
  }, [move, orders]);

  function carryOut(): void {
    setError(null);
    setDone(0);
    workedThrough(orders, (order) => moveJobs(move, order), { onCount: setDone, signal: stop.current.signal }).then(
      (moved) => {
        tell("ok", `${jobs(moved)} ${participle}.`);
        onDone();
      },
      (reason: unknown) => {
        if (stop.current.signal.aborted) return;
        setDone(null);
        setError(reason as Error);
      },
    );
  }

  const isRunning = done !== null;
  return (
    <ConfirmDialog
      title={isCounted ? `${verb} ${jobs(count)}?` : `${verb} jobs`}
      verb={isCounted ? `${verb} ${jobs(count)}` : verb}
      isDangerous={move === "cancel"}
      isPending={isRunning}
      isBlocked={!isCounted || count === 0}
      keep={isRunning ? "Stop" : count === 0 && isCounted ? "Close" : "Keep as it is"}
      error={error}
      onConfirm={carryOut}
      onClose={onClose}
    >
      {!isCounted && !error && <p role="status">Counting… {count > 0 && `${count.toLocaleString("en")} so far`}</p>}
      {isCounted && count === 0 && <p>{of === "chosen" ? "None of them" : "Nothing that matches"} can be {participle} as it stands.</p>}
      {isCounted && count > 0 && !isRunning && <p>{scope(of, orders, count)} {effect}</p>}
      {isRunning && (
        <div className="bulk-progress">
          <progress value={Math.min(done, count)} max={count} aria-label="Progress" />
          <span role="status" className="tabular-nums">
            {done.toLocaleString("en")} of {count.toLocaleString("en")}
          </span>
        </div>
      )}
    </ConfirmDialog>
  );
}

function useStop(): RefObject<AbortController> {
  const stop = useRef(new AbortController());
  useEffect(() => {
    stop.current = new AbortController();
    const controller = stop.current;
    return () => { controller.abort(); };
  }, []);
  return stop;
}

function scope(of: Plan["of"], orders: readonly Order[], count: number): string {
  if (of === "matching") return "All that match the filter now, also those that are not on the page.";
  const chosen = orders.reduce((sum, order) => sum + ("ids" in order ? order.ids.length : 0), 0);
  return count < chosen ? `Of ${chosen.toLocaleString("en")} chosen; the others cannot be, as they stand.` : "";
}

function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count.toLocaleString("en")} jobs`;
}
