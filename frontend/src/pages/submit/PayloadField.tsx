import { useId, type KeyboardEvent } from "react";
import type { PayloadFault } from "../../payload";

const FEWEST_LINES = 7;
const MOST_LINES = 18;
const MOST_FAULTS = 5;

interface PayloadFieldProps {
  readonly text: string;
  readonly faults: readonly PayloadFault[];
  readonly onChange: (text: string) => void;
  readonly onSend: () => void;
}

export function PayloadField({ text, faults, onChange, onSend }: PayloadFieldProps) {
  const id = useId();
  const lines = text.split("\n").length + 1;
  return (
    <div>
      <label className="label" htmlFor={id}>
        Payload
      </label>
      <textarea
        id={id}
        className="field font-mono"
        data-testid="payload"
        rows={Math.min(MOST_LINES, Math.max(FEWEST_LINES, lines))}
        value={text}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        aria-invalid={faults.length > 0}
        aria-describedby={`${id}-faults`}
        onChange={({ target }) => { onChange(target.value); }}
        onKeyDown={(event) => { onCommandEnter(event, onSend); }}
      />
      <ul id={`${id}-faults`} className="faults" aria-live="polite" data-testid="payload-faults">
        {faults.slice(0, MOST_FAULTS).map(({ path, detail, line, column }) => (
          <li key={`${path} ${detail}`}>
            {path && <code>{path}</code>} {detail}{" "}
            <span className="text-muted">
              line {line}, column {column}
            </span>
          </li>
        ))}
        {faults.length > MOST_FAULTS && <li>and {faults.length - MOST_FAULTS} more</li>}
      </ul>
    </div>
  );
}

function onCommandEnter(event: KeyboardEvent, send: () => void): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  send();
}
