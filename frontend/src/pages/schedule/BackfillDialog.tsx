import { useState } from "react";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { TextInput } from "../../components/Field";
import { now } from "../../clock";
import { tell } from "../../notices";
import { failureOf, useBackfillCount, useScheduleDeed } from "../../schedulequeries";
import type { Schedule } from "../../schedules";
import { momentOf, wallText } from "../../zones";

const DAY_MS = 86_400_000;

interface BackfillDialogProps {
  readonly schedule: Schedule;
  readonly onClose: () => void;
}

/** Counts first, by the API; the button says how many jobs it will submit. */
export function BackfillDialog({ schedule: { name, timezone }, onClose }: BackfillDialogProps) {
  const [from, setFrom] = useState(() => wallText(minute(now() - DAY_MS), timezone));
  const [to, setTo] = useState(() => wallText(minute(now()), timezone));
  const range = rangeOf(from, to, timezone);
  const counted = useBackfillCount(name, range);
  const deed = useScheduleDeed(name);
  const { data } = counted;
  const words = data ? `${data.count} job${data.count === 1 ? "" : "s"}` : "";
  const isReady = data !== undefined && data.count > 0;
  return (
    <ConfirmDialog
      title={`Backfill ${name}?`}
      verb={isReady ? `Submit ${words}` : "Submit"}
      isPending={deed.isPending || !isReady}
      pendingVerb={deed.isPending ? undefined : "Nothing to submit"}
      error={deed.error && new Error(failureOf(deed.error))}
      onClose={onClose}
      onConfirm={() => {
        if (range) {
          deed.mutate(
            { type: "backfill", ...range },
            {
              onSuccess: ({ count = 0 }) => {
                tell("ok", `${count} job${count === 1 ? " was" : "s were"} submitted.`);
                onClose();
              },
            },
          );
        }
      }}
    >
      <p className="mb-3">A job is submitted for each past time in this range that has none. Doing it twice does no harm.</p>
      <div className="form-columns">
        <TextInput label="From" type="datetime-local" hint={`On the clock in ${timezone}`} value={from} onChange={({ target }) => { setFrom(target.value); }} />
        <TextInput label="To, not included" type="datetime-local" value={to} onChange={({ target }) => { setTo(target.value); }} />
      </div>
      <p className="mt-3 min-h-10" aria-live="polite" data-testid="backfill-count">
        {range === null && "The end has to be later than the beginning."}
        {range !== null && counted.isFetching && "Counting…"}
        {range !== null && counted.error && <span className="text-bad">{counted.error.message}</span>}
        {range !== null && !counted.isFetching && data && (
          <>
            <strong>{words}</strong> would be submitted.
            {data.next && " These are the first 1,000 times: go on from there afterwards."}
          </>
        )}
      </p>
    </ConfirmDialog>
  );
}

function rangeOf(from: string, to: string, zone: string): { readonly from: string; readonly to: string } | null {
  const [first, last] = [momentOf(from, zone), momentOf(to, zone)];
  if (first === null || last === null || first.at >= last.at) return null;
  return { from: new Date(first.at).toISOString(), to: new Date(last.at).toISOString() };
}

function minute(at: number): number {
  return Math.floor(at / 60_000) * 60_000;
}
