/** JSON to look into, as it was written: it takes text (`exactly(job, "payload")`), since what is parsed is not the same any more. */

import "../styles/json.css";
import { parseTree, type Node } from "jsonc-parser";
import { useMemo, useState, type ReactNode } from "react";
import { sourceOf } from "../exact";
import { CopyButton } from "./CopyButton";
import { Icon } from "./Icon";

const OPEN_LEVELS = 2;
const OPEN_ITEMS = 50; // a longer list begins closed
const ITEMS = 100;
const CHARACTERS = 2_000;

interface JsonViewProps {
  readonly text: string;
  /** What it is: "the payload". */
  readonly what: string;
}

export function JsonView({ text, what }: JsonViewProps) {
  const tree = useMemo(() => parseTree(text), [text]);
  const [forced, setForced] = useState<{ readonly isOpen: boolean; readonly time: number } | null>(null);
  const force = (isOpen: boolean) => { setForced({ isOpen, time: (forced?.time ?? 0) + 1 }); };
  const isNested = (tree?.children ?? []).some((child) => (valueOf(child)?.children ?? []).length > 0);
  return (
    <div className="json" data-testid="json">
      <div className="json-tools">
        {isNested && (
          <button
            type="button"
            className="button-quiet"
            aria-label={forced?.isOpen ? `Fold ${what}` : `Unfold ${what}`}
            title={forced?.isOpen ? "Fold all" : "Unfold all"}
            onClick={() => { force(!(forced?.isOpen ?? false)); }}
          >
            <Icon name="down" className={forced?.isOpen ? "rotate-180" : ""} />
          </button>
        )}
        <CopyButton text={text} what={what} />
      </div>
      {/* It scrolls, so it can be reached by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="json-tree" role="group" tabIndex={0} aria-label={what}>
        {tree ? <Value key={forced?.time ?? 0} text={text} node={tree} level={0} forced={forced?.isOpen ?? null} /> : <pre>{text}</pre>}
      </div>
    </div>
  );
}

interface ValueProps {
  readonly text: string;
  readonly node: Node;
  readonly name?: ReactNode;
  readonly level: number;
  /** null: as deep as is usual. */
  readonly forced: boolean | null;
}

function Value({ text, node, name, level, forced }: ValueProps) {
  const children = node.children ?? [];
  if (children.length === 0) {
    return (
      <div className="json-leaf">
        {name}
        <Leaf source={sourceOf(text, node)} kind={node.type} />
      </div>
    );
  }
  return <Branch text={text} node={node} name={name} level={level} forced={forced} />;
}

function Branch({ text, node, name, level, forced }: ValueProps) {
  const children = node.children ?? [];
  const [isOpen, setOpen] = useState(forced ?? (level < OPEN_LEVELS && children.length <= OPEN_ITEMS));
  const [most, setMost] = useState(ITEMS);
  const isList = node.type === "array";
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => { setOpen(currentTarget.open); }}>
      <summary>
        {name}
        <span className="json-count">{isList ? `[ ${counted(children.length, "item")} ]` : `{ ${counted(children.length, "key")} }`}</span>
      </summary>
      {isOpen &&
        children.slice(0, most).map((child, index) => (
          <Value
            key={child.offset}
            text={text}
            node={valueOf(child) ?? child}
            name={<Name>{isList ? String(index) : sourceOf(text, child.children?.[0] ?? child)}</Name>}
            level={level + 1}
            forced={forced}
          />
        ))}
      {isOpen && children.length > most && (
        <button type="button" className="button-quiet" onClick={() => { setMost(most * 10); }}>
          {counted(children.length - most, "more")}: show
        </button>
      )}
    </details>
  );
}

function Name({ children }: { readonly children: string }) {
  return (
    <>
      <span className="json-key">{children.replace(/^"(.*)"$/, "$1")}</span>:{" "}
    </>
  );
}

function Leaf({ source, kind }: { readonly source: string; readonly kind: string }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = source.length > CHARACTERS && !isWhole;
  return (
    <>
      <span data-kind={kind}>{isLong ? source.slice(0, CHARACTERS) : source}</span>
      {isLong && (
        <button type="button" className="button-quiet" onClick={() => { setWhole(true); }}>
          … {source.length.toLocaleString("en")} characters: show
        </button>
      )}
    </>
  );
}

/** A property's value; anything else is its own. */
function valueOf(node: Node): Node | undefined {
  return node.type === "property" ? node.children?.[1] : node;
}

function counted(count: number, word: string): string {
  return `${count.toLocaleString("en")} ${count === 1 || word === "more" ? word : `${word}s`}`;
}
