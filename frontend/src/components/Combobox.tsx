import "../styles/combobox.css";
import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import type { Control } from "./Field";
import { Icon } from "./Icon";

export interface Choice {
  readonly value: string;
  /** Beside or below it: what it is. */
  readonly about?: string;
}

interface ComboboxProps {
  readonly control: Control;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly testId?: string;
  readonly disabled?: boolean;
  readonly onChange: (value: string) => void;
  readonly onBlur?: () => void;
}

const MOST_SHOWN = 100;

/** One of many, found by typing a part of it. What was typed and is none of them is let go again. */
export function Combobox({ control, value, choices, testId, disabled = false, onChange, onBlur }: ComboboxProps) {
  const [typed, setTyped] = useState<string | null>(null); // null: it is closed
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const found = useMemo(() => matching(choices, typed ?? ""), [choices, typed]);
  const isOpen = typed !== null;

  function open() {
    if (isOpen || disabled) return;
    setTyped("");
    setAt(Math.max(0, matching(choices, "").findIndex((choice) => choice.value === value)));
  }

  function take(choice: Choice | undefined) {
    if (choice) onChange(choice.value);
    setTyped(null);
  }

  function move(to: number) {
    const next = Math.max(0, Math.min(found.length - 1, to));
    setAt(next);
    list.current?.children[next]?.scrollIntoView({ block: "nearest" });
  }

  function onKeyDown(event: KeyboardEvent) {
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        event.preventDefault();
        if (isOpen) move(at + (event.key === "ArrowDown" ? 1 : -1));
        else open();
        return;
      case "Enter":
        if (!isOpen || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        take(found[at]);
        return;
      case "Escape":
        if (!isOpen) return;
        event.preventDefault();
        event.stopPropagation();
        setTyped(null);
    }
  }

  return (
    <div className="combobox">
      <input
        {...control}
        className="field"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={isOpen}
        aria-controls={`${id}-list`}
        aria-activedescendant={isOpen && found[at] ? `${id}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        data-testid={testId}
        disabled={disabled}
        value={typed ?? value}
        placeholder={value}
        onChange={({ target }) => {
          setTyped(target.value);
          setAt(0);
        }}
        onClick={open}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setTyped(null);
          onBlur?.();
        }}
      />
      <Icon name="down" className="combobox-mark" />
      <div ref={list} id={`${id}-list`} role="listbox" className="combobox-list" hidden={!isOpen} aria-label="Choices">
        {isOpen &&
          found.map((choice, index) => (
            // The keyboard stays in the field.
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={choice.value}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              data-current={choice.value === value || undefined}
              onMouseDown={(event) => { event.preventDefault(); }}
              onMouseMove={() => { if (index !== at) setAt(index); }}
              onClick={() => { take(choice); }}
            >
              <span>{choice.value}</span>
              {choice.about && <span className="combobox-about">{choice.about}</span>}
            </div>
          ))}
        {isOpen && found.length === 0 && (
          <div role="option" tabIndex={-1} aria-selected="false" aria-disabled="true">
            Nothing is called that.
          </div>
        )}
      </div>
    </div>
  );
}

/** All words, anywhere in it; "new york" finds America/New_York. */
function matching(choices: readonly Choice[], typed: string): readonly Choice[] {
  const words = typed.toLowerCase().split(/[\s_]+/).filter(Boolean);
  const fits = ({ value, about = "" }: Choice) => {
    const text = `${value} ${about}`.toLowerCase().replaceAll("_", " ");
    return words.every((word) => text.includes(word));
  };
  return choices.filter(fits).slice(0, MOST_SHOWN);
}
