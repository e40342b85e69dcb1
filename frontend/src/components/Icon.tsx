const PATHS = {
  check: "M4.5 8.3l2.4 2.4 4.6-5",
  "check-circle": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM5.2 8.2l2 2 3.6-4.2",
  "cross-circle": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  "slash-circle": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM4 12L12 4",
  clock: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 4.6V8l2.3 1.5",
  queue: "M2.5 4h11M2.5 8h11M2.5 12h6",
  retry: "M13.4 6.2A5.8 5.8 0 1 0 13.8 8.6M13.8 2.6v3.7h-3.7",
  run: "M8 1.8A6.2 6.2 0 0 1 14.2 8",
  lock: "M4 7.2h8v6.3H4zM5.6 7V5a2.4 2.4 0 0 1 4.8 0v2",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8zM10.5 5V2.5h-8v8H5",
  warning: "M8 2.2l6.3 11.3H1.7zM8 6.4v3.2M8 11.6v.1",
  leave: "M6.5 2.5h-4v11h4M10.5 5L13.5 8l-3 3M13.5 8H6",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.4M8 13.6V15M1 8h1.4M13.6 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z",
  system: "M2 3h12v8H2zM5.5 14h5M8 11v3",
} as const;

export type IconName = keyof typeof PATHS;

interface IconProps {
  readonly name: IconName;
  readonly className?: string;
}

/** Decoration beside text; whoever shows it alone gives it a name. */
export function Icon({ name, className = "" }: IconProps) {
  return (
    <svg className={`icon ${className}`} viewBox="0 0 16 16" aria-hidden="true">
      {name === "run" && <circle cx="8" cy="8" r="6.2" opacity=".3" />}
      <path d={PATHS[name]} />
    </svg>
  );
}
