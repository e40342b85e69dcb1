import { useState } from "react";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { tell } from "../../notices";
import { useClear, useCount, type Clearance } from "../../queries";

const PURGE: Clearance = { kind: "purge" };

interface PurgeDialogProps {
  readonly queue: string;
  readonly onClose: () => void;
}

/** Cancels all that waits in a queue, once its name was typed. */
export function PurgeDialog({ queue, onClose }: PurgeDialogProps) {
  const [done, setDone] = useState(0);
  const count = useCount(queue, PURGE);
  const purge = useClear(queue, setDone);
  const most = count.data;
  return (
    <ConfirmDialog
      title={`Purge ${queue}?`}
      verb={most === undefined ? "Purge" : `Cancel ${jobs(most)}`}
      isDangerous
      typed={queue}
      isPending={purge.isPending || count.isPending}
      error={purge.error ?? count.error}
      onClose={onClose}
      onConfirm={() => {
        purge.mutate(PURGE, {
          onSuccess: (cancelled) => {
            tell("ok", `${jobs(cancelled)} of ${queue} cancelled.`);
            onClose();
          },
        });
      }}
    >
      <div className="grid gap-2" data-testid="purge-count">
        <p>
          {most === undefined ? "Counting what waits…" : most === 0 ? "Nothing waits in it now." : <strong>{jobs(most)} will be cancelled.</strong>}{" "}
          What runs goes on to its end.
        </p>
        <p className="text-muted">Nothing is deleted: they are listed as cancelled, and can be revived from there.</p>
        {purge.isPending && <p role="status">{jobs(done)} so far…</p>}
      </div>
    </ConfirmDialog>
  );
}

export function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count.toLocaleString("en")} jobs`;
}
