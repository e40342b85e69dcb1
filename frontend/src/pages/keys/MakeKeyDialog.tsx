import "../../styles/forms.css";
import { useState, type SubmitEvent } from "react";
import { keyForm, type KeyFields, type NewKey } from "../../api/keys";
import { now } from "../../clock";
import { Choices } from "../../components/Choices";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/Field";
import { Refused } from "../../http";
import { useMakeKey } from "../../keyqueries";
import { fieldOf } from "../../optionfields";
import { failureOf } from "../../schedulequeries";

const ROLES = { viewer: "Viewer", operator: "Operator", admin: "Admin" } as const;
const MEANS = {
  viewer: "Sees everything but keys and the audit; changes nothing.",
  operator: "Also submits, cancels and revives jobs, and changes queues and schedules.",
  admin: "Also makes and revokes keys, and reads the audit.",
} as const;

interface MakeKeyDialogProps {
  readonly onMade: (made: NewKey) => void;
  readonly onClose: () => void;
}

export function MakeKeyDialog({ onMade, onClose }: MakeKeyDialogProps) {
  const [fields, setFields] = useState<KeyFields>({ name: "", role: "viewer", rate_limit: "", expires_in: "" });
  const make = useMakeKey();
  const problem = make.error instanceof Refused ? make.error.problem : null;
  const faults = Object.fromEntries((problem?.errors ?? []).map(({ path, detail }) => [fieldOf(path), detail]));
  const change = (name: keyof KeyFields) => ({ target }: { readonly target: HTMLInputElement }) => {
    setFields({ ...fields, [name]: target.value });
    make.reset();
  };
  return (
    <Dialog title="New key" testId="make-key" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          if (!make.isPending) make.mutate(keyForm(fields, now()), { onSuccess: onMade });
        }}
      >
        <TextInput label="Name" hint="Who or what will use it; the audit shows it" required maxLength={100} fault={faults["name"]} data-testid="key-name" value={fields.name} onChange={change("name")} />
        <div>
          <Choices label="Role" words={ROLES} value={fields.role} onChange={(role) => { setFields({ ...fields, role }); }} />
          <p className="hint">{MEANS[fields.role]}</p>
        </div>
        <div className="form-columns">
          <TextInput label="Expires in, days" type="number" min={1} max={36_500} placeholder="never" fault={faults["expires_at"]} value={fields.expires_in} onChange={change("expires_in")} />
          <TextInput label="Requests a minute" type="number" min={1} max={1_000_000} placeholder="as all" fault={faults["rate_limit"]} value={fields.rate_limit} onChange={change("rate_limit")} />
        </div>
        {make.error && Object.keys(faults).length === 0 && (
          <p className="notice notice-bad" role="alert">
            {failureOf(make.error)}
          </p>
        )}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" className="button-primary" data-testid="make-key-button" disabled={make.isPending}>
            {make.isPending ? "Making…" : "Make key"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
