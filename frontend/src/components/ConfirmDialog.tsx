import { useId, useState, type ReactNode, type SubmitEvent } from "react";
import { Dialog } from "./Dialog";

interface ConfirmDialogProps {
  /** A question: "Cancel 42 jobs?" */
  readonly title: string;
  /** On the button: "Cancel 42 jobs". */
  readonly verb: string;
  /** What will happen, and whether it can be undone. */
  readonly children: ReactNode;
  readonly isDangerous?: boolean;
  /** To be typed before the button works: the name of what would be lost. */
  readonly typed?: string;
  readonly isPending?: boolean;
  /** There is nothing to confirm, or not yet. */
  readonly isBlocked?: boolean;
  /** On the other button. "Keep as it is" if not given. */
  readonly keep?: string;
  /** What the button says while it does not work, if not that it is working. */
  readonly pendingVerb?: string | undefined;
  /** Why it did not work. */
  readonly error?: Error | null;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Asks once more before something that is not easily undone. It stays open until whoever drew it takes it away. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, verb, children, isDangerous = false, typed, error, onConfirm, onClose } = props;
  const { isPending = false, isBlocked = false, pendingVerb = "Working…" } = props;
  const [text, setText] = useState("");
  const id = useId();
  const isReady = !isPending && !isBlocked && (typed === undefined || text === typed);
  return (
    <Dialog title={title} testId="confirm" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          if (isReady) onConfirm();
        }}
      >
        <div>{children}</div>
        {typed !== undefined && (
          <div>
            <label className="label" htmlFor={id}>
              Type <code>{typed}</code> to confirm
            </label>
            <input id={id} className="field" value={text} autoComplete="off" onChange={({ target }) => { setText(target.value); }} />
          </div>
        )}
        {error && (
          <p className="notice notice-bad" role="alert">
            {error.message}
          </p>
        )}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            {props.keep ?? "Keep as it is"}
          </button>
          <button type="submit" className={isDangerous ? "button-danger" : "button-primary"} data-testid="confirm-button" disabled={!isReady}>
            {isPending ? pendingVerb : verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
