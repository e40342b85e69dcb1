import "../styles/figures.css";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

interface StatProps {
  readonly label: string;
  /** As it is to be read: "1,204", "38 s"; null where it is not known, undefined while it is being read. */
  readonly value: ReactNode;
  /** Below it: what it is compared with, or a Sparkline. */
  readonly children?: ReactNode;
  /** Where more about it is. */
  readonly href?: string;
  readonly tone?: "ok" | "bad" | "warn" | "run" | "later";
  readonly icon?: IconName;
  /** What exactly it counts. */
  readonly title?: string;
  readonly testId?: string;
}

/** A number and what it counts. Its figures are as wide as each other, so that nothing jumps. */
export function Stat({ label, value, children, href, tone, icon, title, testId }: StatProps) {
  const name = href ? <a href={href}>{label}</a> : label;
  return (
    <div className="stat" data-tone={tone} title={title}>
      <p className="stat-label">
        {icon && <Icon name={icon} />}
        {name}
      </p>
      <p className="stat-value" data-testid={testId}>
        {value === undefined ? <span className="stat-wait" /> : (value ?? <span className="text-faint">–</span>)}
      </p>
      {children && <div className="stat-more">{children}</div>}
    </div>
  );
}

/** Beside each other, as many as fit. */
export function Stats({ children }: { readonly children: ReactNode }) {
  return <div className="stats">{children}</div>;
}

interface StatBoxProps {
  /** What they have in common: "Jobs by status". */
  readonly label: string;
  /** Beside each other where there is room: so many, or half as many, or two. */
  readonly columns: 4 | 5 | 8;
  readonly children: ReactNode;
}

/** The same in one box, with lines between them. */
export function StatBox({ label, columns, children }: StatBoxProps) {
  return (
    <section className="stat-frame" aria-label={label}>
      <div className="stat-box" data-columns={columns}>
        {children}
      </div>
    </section>
  );
}
