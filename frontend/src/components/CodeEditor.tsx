/** CodeMirror for JSON: completes and checks by a schema. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { linter, lintKeymap, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, Prec, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { suggestions, type Suggestion } from "../completion";
import type { JsonSchema } from "../jobs";
import { payloadFaults } from "../payload";
import type { JsonEditorProps } from "./JsonEditor";

const COLOURS = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--color-accent-strong)" },
  { tag: tags.string, color: "var(--color-ok)" },
  { tag: tags.number, color: "var(--color-run)" },
  { tag: [tags.bool, tags.null], color: "var(--color-later)" },
]);

const CHECKED_AFTER_MS = 250;

type CodeEditorProps = Omit<JsonEditorProps, "refused" | "onSend"> & { readonly onSend: (() => void) | undefined };

/** Tab leaves it, so that nobody is caught by the keyboard. */
export default function CodeEditor({ label, text, schema, onChange, onSend }: CodeEditorProps) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef({ onChange, onSend });
  const compartment = useRef(new Compartment());
  useEffect(() => { latest.current = { onChange, onSend }; });

  useEffect(() => {
    const made = new EditorView({
      parent: place.current ?? document.body,
      state: EditorState.create({
        extensions: [
          Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => { latest.current.onSend?.(); return true; } }])),
          basics(label),
          compartment.current.of([]),
          EditorView.updateListener.of(({ docChanged, state }) => { if (docChanged) latest.current.onChange(state.doc.toString()); }),
        ],
      }),
    });
    view.current = made;
    return () => { made.destroy(); };
  }, [label]);

  useEffect(() => {
    view.current?.dispatch({ effects: compartment.current.reconfigure(bySchema(schema)) });
  }, [schema, label]);

  useEffect(() => {
    const shown = view.current?.state.doc.toString();
    if (shown !== undefined && shown !== text) view.current?.dispatch({ changes: { from: 0, to: shown.length, insert: text } });
  }, [text, label]);

  return <div ref={place} className="editor" />;
}

function basics(label: string): Extension {
  return [
    lineNumbers(),
    history(),
    drawSelection(),
    EditorState.tabSize.of(2),
    json(),
    syntaxHighlighting(COLOURS),
    bracketMatching(),
    closeBrackets(),
    indentOnInput(),
    highlightActiveLine(),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": label, "data-testid": "payload", spellcheck: "false" }),
    keymap.of([...closeBracketsKeymap, ...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
  ];
}

function bySchema(schema: JsonSchema): Extension {
  return [
    autocompletion({
      override: [({ state, pos, explicit }) => completed(state.doc.toString(), pos, explicit, schema)],
      icons: false,
      activateOnTypingDelay: 50,
    }),
    linter(({ state }) => diagnosed(state.doc.toString(), schema), { delay: CHECKED_AFTER_MS }),
  ];
}

function completed(text: string, offset: number, isAsked: boolean, schema: JsonSchema): CompletionResult | null {
  const found = suggestions(text, offset, schema);
  if (!found || (!isAsked && found.from === offset && !/["{,:[]\s*$/.test(text.slice(0, offset)))) return null;
  const { from, to, items } = found;
  const isQuoted = text.charAt(from) === '"';
  return {
    from,
    to,
    options: items.map((item, index) => ({
      label: isQuoted && item.isKey ? JSON.stringify(item.label) : item.label, // it is matched with what was typed
      displayLabel: item.label,
      detail: item.detail,
      ...(item.about && { info: item.about }),
      boost: -Math.min(index, 99), // as the schema has them, the default first
      type: item.isKey ? "property" : "constant",
      apply: (view: EditorView, _: unknown, start: number, end: number) => { take(view, item, start, end); },
    })),
  };
}

/** After a key its values are offered at once. */
function take(view: EditorView, { insert, isKey }: Suggestion, from: number, to: number): void {
  view.dispatch({
    changes: { from, to, insert },
    selection: { anchor: from + insert.length },
    userEvent: "input.complete",
  });
  if (isKey) startCompletion(view);
}

function diagnosed(text: string, schema: JsonSchema): readonly Diagnostic[] {
  return payloadFaults(text, schema).map(({ from, to, path, detail }) => ({
    from: Math.min(from, text.length),
    to: Math.min(Math.max(to, from + 1), text.length),
    severity: "error",
    message: path ? `${path}: ${detail}` : detail,
  }));
}
