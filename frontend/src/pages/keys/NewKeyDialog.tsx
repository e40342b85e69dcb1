import type { NewKey } from "../../api/keys";
import { Code } from "../../components/Code";
import { ConfirmDialog } from "../../components/ConfirmDialog";
import { Dialog } from "../../components/Dialog";
import { useState } from "react";

interface NewKeyDialogProps {
  readonly made: NewKey;
  readonly onClose: () => void;
}

/** The secret, shown this once: a click beside it does not lose it, it asks. */
export function NewKeyDialog({ made: { name, key }, onClose }: NewKeyDialogProps) {
  const [isLeaving, setLeaving] = useState(false);
  if (isLeaving) {
    return (
      <ConfirmDialog title="Was it copied?" verb="Yes, forget it here" onClose={() => { setLeaving(false); }} onConfirm={onClose}>
        <p>The key of {name} is not shown again. Without a copy it is lost, and you make another.</p>
      </ConfirmDialog>
    );
  }
  return (
    <Dialog title={`The key of ${name}`} testId="new-secret" onClose={() => { setLeaving(true); }}>
      <div className="form">
        <p className="notice">
          <strong>Copy it now: it is shown this once.</strong> Only its hash is kept, so nobody can tell it again. Whoever has it may
          do what its role may.
        </p>
        <Code text={key} what="The key" />
        <div className="dialog-actions">
          <button type="button" className="button-primary" data-testid="secret-copied" onClick={onClose}>
            I have copied it
          </button>
        </div>
      </div>
    </Dialog>
  );
}
