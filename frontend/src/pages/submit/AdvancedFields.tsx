import { useId } from "react";
import type { SubmitOptions } from "../../api/calls";
import type { JobType } from "../../jobs";

/** As typed; empty for the default. */
export interface Advanced {
  readonly queue: string;
  readonly priority: string;
  readonly delaySeconds: string;
  readonly maxAttempts: string;
}

export const NO_ADVANCED: Advanced = { queue: "", priority: "", delaySeconds: "", maxAttempts: "" };

/** null: something typed is not a number in its range. */
export function optionsOf(advanced: Advanced): SubmitOptions | null {
  const priority = numberIn(advanced.priority, -100, 100);
  const delay_seconds = numberIn(advanced.delaySeconds, 0, Infinity);
  const max_attempts = numberIn(advanced.maxAttempts, 1, Infinity);
  if (priority === null || delay_seconds === null || max_attempts === null) return null;
  return {
    ...(advanced.queue.trim() && { queue: advanced.queue.trim() }),
    ...(priority !== undefined && { priority }),
    ...(delay_seconds !== undefined && { delay_seconds }),
    ...(max_attempts !== undefined && { max_attempts }),
  };
}

/** undefined: nothing typed; null: no such number. */
function numberIn(text: string, least: number, most: number): number | null | undefined {
  if (text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= least && value <= most ? value : null;
}

interface AdvancedFieldsProps {
  readonly advanced: Advanced;
  readonly jobType: JobType;
  readonly onChange: (advanced: Advanced) => void;
}

export function AdvancedFields({ advanced, jobType, onChange }: AdvancedFieldsProps) {
  const field = (name: keyof Advanced) => ({
    value: advanced[name],
    onChange: (value: string) => { onChange({ ...advanced, [name]: value }); },
  });
  return (
    <details className="advanced">
      <summary>Advanced</summary>
      <div className="grid grid-cols-2 gap-3 pt-3">
        <TextField label="Queue" placeholder="default" {...field("queue")} />
        <NumberField label="Priority" placeholder="0" min={-100} max={100} {...field("priority")} />
        <NumberField label="Delay, seconds" placeholder="0" min={0} {...field("delaySeconds")} />
        <NumberField label="Max attempts" placeholder={String(jobType.max_attempts)} min={1} {...field("maxAttempts")} />
      </div>
    </details>
  );
}

interface TextFieldProps {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function TextField({ label, placeholder, value, onChange }: TextFieldProps) {
  const id = useId();
  return (
    <div>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input id={id} className="field" value={value} placeholder={placeholder} onChange={({ target }) => { onChange(target.value); }} />
    </div>
  );
}

interface NumberFieldProps extends TextFieldProps {
  readonly min: number;
  readonly max?: number;
}

function NumberField({ label, placeholder, min, max, value, onChange }: NumberFieldProps) {
  const id = useId();
  return (
    <div>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="field"
        type="number"
        min={min}
        max={max}
        value={value}
        placeholder={placeholder}
        onChange={({ target }) => { onChange(target.value); }}
      />
    </div>
  );
}
