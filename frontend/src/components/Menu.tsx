import { useId, useRef, type KeyboardEvent, type ReactNode, type ToggleEvent } from "react";
import { Icon, type IconName } from "./Icon";

interface MenuProps {
  /** The button's name; shown beside the icon when `text` is. */
  readonly label: string;
  readonly text?: string;
  readonly icon?: IconName;
  readonly testId?: string;
  /** `menu-item` buttons, links or `check` labels. */
  readonly children: ReactNode;
  /** Leave it open after a click: for boxes to check. */
  readonly staysOpen?: boolean;
}

/** A button with a native popover below it. Arrow keys go along what is in it; Esc and a click elsewhere close it. */
export function Menu({ label, text, icon = "more", testId, children, staysOpen = false }: MenuProps) {
  const id = useId();
  const popover = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  return (
    // What is in it takes keys and clicks; this only listens.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="menu" onKeyDown={(event) => { moveAlong(event, popover.current); }}>
      <button
        ref={button}
        type="button"
        className={text ? "button" : "button-quiet"}
        popoverTarget={id}
        aria-label={text === label ? undefined : label}
        title={label}
        data-testid={testId}
      >
        <Icon name={icon} className={text ? "" : "size-4"} />
        {text}
      </button>
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events */}
      <div
        ref={popover}
        id={id}
        popover="auto"
        className="menu-popover"
        onBeforeToggle={({ newState }: ToggleEvent) => {
          if (newState === "open" && button.current && popover.current) place(popover.current, button.current);
        }}
        onClick={() => { if (!staysOpen) popover.current?.hidePopover(); }}
      >
        {children}
      </div>
    </div>
  );
}

/** Below the button, and within the window. */
function place({ style }: HTMLElement, button: HTMLElement): void {
  const { left, right, bottom } = button.getBoundingClientRect();
  const isOnTheRight = (left + right) / 2 > window.innerWidth / 2;
  style.top = `${bottom + 4}px`;
  style.left = isOnTheRight ? "auto" : `${left}px`;
  style.right = isOnTheRight ? `${document.documentElement.clientWidth - right}px` : "auto";
  style.maxHeight = `calc(100dvh - ${bottom + 16}px)`;
}

/** From the button as well, which has the focus when it has opened the menu. */
function moveAlong(event: KeyboardEvent, popover: HTMLElement | null): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0 || !popover?.matches(":popover-open")) return;
  const items = [...popover.querySelectorAll<HTMLElement>("button:enabled, a, input:enabled")];
  const at = items.findIndex((item) => item === document.activeElement);
  event.preventDefault();
  event.stopPropagation(); // or the rows of a table that it stands in move as well
  items.at(at < 0 && step < 0 ? -1 : (at + step) % items.length)?.focus();
}
