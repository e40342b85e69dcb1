import { useState } from "react";
import { SPANS, type JobFilter, type Within } from "../../jobfilter";
import { ofField, toField } from "../../localtime";

type Times = Pick<JobFilter, "within" | "after" | "before">;

interface CreatedProps {
  readonly filter: Times;
  readonly onChange: (times: Times) => void;
}

const WORDS: Readonly<Record<Within, string>> = {
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
};
const SPAN_NAMES = Object.keys(SPANS) as Within[];

/** When jobs were created: a span up to now, or between two times of the reader's clock. */
export function Created({ filter: { within, after, before }, onChange }: CreatedProps) {
  const [isOpen, setOpen] = useState(false);
  const isBetween = within === null && (after !== null || before !== null);
  const chosen = within ?? (isBetween || isOpen ? "between" : "");
  return (
    <>
      <select
        className="field field-small"
        aria-label="Filter by when it was created"
        data-testid="filter-created"
        data-set={chosen !== "" || undefined}
        value={chosen}
        onChange={({ target: { value } }) => {
          setOpen(value === "between");
          const span = SPAN_NAMES.find((name) => name === value) ?? null;
          if (value !== "between") onChange({ within: span, after: null, before: null });
          else if (within) onChange({ within: null, after: new Date(Date.now() - SPANS[within]).toISOString(), before: null });
        }}
      >
        <option value="">Any time</option>
        {SPAN_NAMES.map((name) => (
          <option key={name} value={name}>
            {WORDS[name]}
          </option>
        ))}
        <option value="between">Between…</option>
      </select>
      {chosen === "between" && (
        <span className="between">
          <Moment name="Created since" value={after} onChange={(time) => { onChange({ within: null, after: time, before }); }} />
          <span className="text-muted">to</span>
          <Moment name="Created before" value={before} onChange={(time) => { onChange({ within: null, after, before: time }); }} />
        </span>
      )}
    </>
  );
}

interface MomentProps {
  readonly name: string;
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

function Moment({ name, value, onChange }: MomentProps) {
  return (
    <input
      key={value}
      className="field field-small"
      type="datetime-local"
      aria-label={name}
      title={name}
      defaultValue={value ? toField(value) : ""}
      onBlur={({ target }) => {
        const time = ofField(target.value);
        if (target.value !== (value ? toField(value) : "")) onChange(time);
      }}
      onKeyDown={({ key, currentTarget }) => { if (key === "Enter") currentTarget.blur(); }}
    />
  );
}
