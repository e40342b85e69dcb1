import { useEffect, useId, useMemo, useState, type SubmitEvent } from "react";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/Field";
import { tell } from "../../notices";
import { useClear, useCount, useQueues, type Clearance } from "../../queries";
import { queueHref } from "../../route";
import { jobs } from "./PurgeDialog";

const SETTLED_MS = 300;

interface MoveDialogProps {
  readonly queue: string;
  readonly onClose: () => void;
}

/** Puts all that waits in a queue into another, and says first how many that are. */
export function MoveDialog({ queue, onClose }: MoveDialogProps) {
  const [to, setTo] = useState("");
  const [done, setDone] = useState(0);
  const target = useSettled(to.trim());
  const clearance = useMemo<Clearance | null>(() => (target === "" ? null : { kind: "move", to: target }), [target]);
  const others = useQueues().data?.filter(({ name }) => name !== queue) ?? [];
  const count = useCount(queue, clearance);
  const move = useClear(queue, setDone);
  const names = useId();
  const isReady = clearance !== null && target === to.trim() && (count.data ?? 0) > 0 && !move.isPending;
  return (
    <Dialog title={`Move the jobs of ${queue}`} testId="move-dialog" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          if (!isReady) return;
          move.mutate(clearance, {
            onSuccess: (moved) => {
              tell("ok", <>{jobs(moved)} moved to <a className="link" href={queueHref(target)}>{target}</a>.</>);
              onClose();
            },
          });
        }}
      >
        <p>
          All that waits in it goes into another queue, and keeps its priority and its time. What runs stays where it is.
        </p>
        <TextInput
          label="To queue"
          list={names}
          value={to}
          fault={(move.error ?? count.error)?.message}
          hint="One that is there, or a new one."
          onChange={({ target: { value } }) => { setTo(value); }}
        />
        <datalist id={names}>
          {others.map(({ name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <p role="status" data-testid="move-count">
          {move.isPending ? `${jobs(done)} so far…` : clearance === null ? "" : count.data === undefined ? (count.error ? "" : "Counting…") : count.data === 0 ? "Nothing waits in it." : `${jobs(count.data)} will be moved.`}
        </p>
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Keep as it is
          </button>
          <button type="submit" className="button-primary" data-testid="move-button" disabled={!isReady}>
            {move.isPending ? "Working…" : count.data ? `Move ${jobs(count.data)}` : "Move"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => { settle(text); }, SETTLED_MS);
    return () => { clearTimeout(timer); };
  }, [text]);
  return settled;
}
