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
  overview: "M2.5 2.5h4.5v6H2.5zM9.5 2.5h4v3.5h-4zM9.5 8.5h4v5h-4zM2.5 11h4.5v2.5H2.5z",
  stack: "M8 2L14 5 8 8 2 5zM2.5 8L8 10.8 13.5 8M2.5 11L8 13.8 13.5 11",
  worker: "M3.5 3.5h9v9h-9zM6 6h4v4H6zM6 1v2.5M10 1v2.5M6 12.5V15M10 12.5V15M1 6h2.5M1 10h2.5M12.5 6H15M12.5 10H15",
  plus: "M8 3v10M3 8h10",
  key: "M10.2 9.2a3.6 3.6 0 1 0-3.5-2.8L2 11.2V14h2.8v-1.6h1.6v-1.6zM11 5v.1",
  audit: "M4 1.8h6l2.5 2.5v9.9H4zM6 7h4.5M6 9.5h4.5M6 12h2.5",
  person: "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 13.8a5.2 5.2 0 0 1 10.4 0",
  keyboard: "M1.5 4h13v8h-13zM4 6.7v.1M6.7 6.7v.1M9.4 6.7v.1M12 6.7v.1M5 9.6h6",
  more: "M3.5 8v.1M8 8v.1M12.5 8v.1",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3l3.4 3.4",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  pause: "M5.5 3v10M10.5 3v10",
  play: "M4.5 2.8L12.5 8l-8 5.2z",
  trash: "M2.5 4h11M6 4V2.3h4V4M4 4l.7 9.7h6.6L12 4",
  edit: "M10.8 2.7l2.5 2.5-7.8 7.8-3.2.7.7-3.2z",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  link: "M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.7.7M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9a2.6 2.6 0 0 0 3.7 3.7l.7-.7",
  open: "M9 2.5h4.5V7M13.5 2.5L7.5 8.5M11.5 9.5v4h-9v-9h4",
  download: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M2.5 13.5h11",
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
