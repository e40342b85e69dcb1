import { useState } from "react";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { Field } from "../../components/Field";
import { tell } from "../../notices";
import { hrefTo } from "../../route";
import { failureOf, useScheduleDeed } from "../../schedulequeries";
import { ALL_JOBS } from "../../jobs";

export type Asked = "run" | "pause" | "delete";

interface ScheduleDialogProps {
  readonly name: string;
  readonly asked: Asked;
  readonly onClose: () => void;
  readonly onDone?: () => void;
}

/** Asks once more before a schedule is run, paused or removed. */
export function ScheduleDialog({ name, asked, onClose, onDone }: ScheduleDialogProps) {
  switch (asked) {
    case "run":
      return <RunDialog name={name} onClose={onClose} />;
    case "pause":
      return <PauseDialog name={name} onClose={onClose} />;
    case "delete":
      return <RemoveDialog name={name} onClose={onClose} {...(onDone && { onDone })} />;
  }
}

type DialogProps = Omit<ScheduleDialogProps, "asked">;

function shown(error: Error | null): Error | null {
  return error && new Error(failureOf(error));
}

function RunDialog({ name, onClose }: DialogProps) {
  const deed = useScheduleDeed(name);
  return (
    <ConfirmDialog
      title={`Run ${name} now?`}
      verb="Run now"
      isPending={deed.isPending}
      error={shown(deed.error)}
      onClose={onClose}
      onConfirm={() => {
        deed.mutate(
          { type: "run" },
          {
            onSuccess: ({ id }) => {
              if (id) tell("ok", <>Submitted <a className="link font-mono" href={hrefTo({ jobId: id, filter: ALL_JOBS })}>{id}</a></>);
              onClose();
            },
          },
        );
      }}
    >
      <p>One job is submitted now, beside the planned times, and whatever still runs. The plan stays as it is.</p>
    </ConfirmDialog>
  );
}

function PauseDialog({ name, onClose }: DialogProps) {
  const deed = useScheduleDeed(name);
  const [note, setNote] = useState("");
  return (
    <ConfirmDialog
      title={`Pause ${name}?`}
      verb="Pause"
      isPending={deed.isPending}
      error={shown(deed.error)}
      onClose={onClose}
      onConfirm={() => { deed.mutate({ type: "pause", note }, { onSuccess: onClose }); }}
    >
      <p className="mb-3">Until it is resumed, no time is its time. What passes meanwhile is not made up for. Jobs that are there go on.</p>
      <Field label="Note" hint="Why, for whoever finds it paused">
        {(tie) => <input {...tie} className="field" maxLength={500} value={note} autoComplete="off" onChange={({ target }) => { setNote(target.value); }} />}
      </Field>
    </ConfirmDialog>
  );
}

function RemoveDialog({ name, onClose, onDone }: DialogProps) {
  const deed = useScheduleDeed(name);
  return (
    <ConfirmDialog
      title={`Remove ${name}?`}
      verb="Remove"
      isDangerous
      typed={name}
      isPending={deed.isPending}
      error={shown(deed.error)}
      onClose={onClose}
      onConfirm={() => {
        deed.mutate({ type: "delete" }, {
          onSuccess: () => {
            tell("ok", `${name} was removed.`);
            onClose();
            onDone?.();
          },
        });
      }}
    >
      <p>No job is submitted by it any more, and its history is forgotten. Jobs that it submitted stay. This cannot be undone.</p>
    </ConfirmDialog>
  );
}

/** Needs no question: it can be paused again at once. */
export function useResume(name: string): { readonly resume: () => void; readonly isPending: boolean } {
  const deed = useScheduleDeed(name);
  return {
    resume: () => { deed.mutate({ type: "resume" }, { onError: (error) => { tell("bad", failureOf(error)); } }); },
    isPending: deed.isPending,
  };
}
