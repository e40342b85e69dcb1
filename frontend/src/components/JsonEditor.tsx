/** Where JSON is typed. The editor itself comes in a piece of its own; until then, and without it, a plain field does. */

import { lazy, Suspense, useMemo } from "react";
import "../styles/editor.css";
import type { JsonSchema } from "../jobs";
import { payloadFaults, type PayloadFault } from "../payload";

const Editor = lazy(() => import("./CodeEditor"));

const MOST_FAULTS = 5;

export interface JsonEditorProps {
  readonly label: string;
  readonly text: string;
  readonly schema: JsonSchema;
  /** What the API said of it. */
  readonly refused?: string | null | undefined;
  readonly onChange: (text: string) => void;
  /** Ctrl+Enter. */
  readonly onSend?: () => void;
}

export function usePayloadFaults(text: string, schema: JsonSchema): readonly PayloadFault[] {
  return useMemo(() => payloadFaults(text, schema), [text, schema]);
}

/** Says in words below it what is wrong, and where. */
export function JsonEditor({ label, text, schema, refused, onChange, onSend }: JsonEditorProps) {
  const faults = usePayloadFaults(text, schema);
  return (
    <div className="editor-field">
      <p className="label">{label}</p>
      <Suspense fallback={<pre className="editor editor-waits">{text}</pre>}>
        <Editor label={label} text={text} schema={schema} onChange={onChange} onSend={onSend} />
      </Suspense>
      <ul className="faults" aria-live="polite" data-testid="payload-faults">
        {refused && <li>{refused}</li>}
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
