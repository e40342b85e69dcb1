import { useId, type ComponentProps, type ReactNode } from "react";

interface FieldProps {
  readonly label: string;
  /** What it means, or what it is when left empty. */
  readonly hint?: ReactNode;
  /** What is wrong with what is in it. */
  readonly fault?: string | null | undefined;
  /** Gets what ties it to label, hint and fault. */
  readonly children: (control: Control) => ReactNode;
}

export interface Control {
  readonly id: string;
  readonly "aria-describedby": string;
  readonly "aria-invalid": boolean;
}

/** A label, a control, a hint, a fault. */
export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId();
  return (
    <div>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      {children({ id, "aria-describedby": `${id}-about`, "aria-invalid": Boolean(fault) })}
      <div id={`${id}-about`} aria-live="polite">
        {fault && <p className="hint text-bad">{fault}</p>}
        {hint && <p className="hint">{hint}</p>}
      </div>
    </div>
  );
}

type TextInputProps = Omit<FieldProps, "children"> & ComponentProps<"input">;

/** Takes all that an `input` takes, and what react-hook-form's `register` gives. */
export function TextInput({ label, hint, fault, className = "", ...input }: TextInputProps) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(control) => <input className={`field ${className}`} autoComplete="off" {...input} {...control} />}
    </Field>
  );
}

type SelectProps = Omit<FieldProps, "children"> & ComponentProps<"select">;

export function Select({ label, hint, fault, className = "", children, ...select }: SelectProps) {
  return (
    <Field label={label} hint={hint} fault={fault}>
      {(control) => (
        <select className={`field ${className}`} {...select} {...control}>
          {children}
        </select>
      )}
    </Field>
  );
}
