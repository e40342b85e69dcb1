import type { ReactNode } from "react";

interface StatProps {
  readonly label: string;
  /** As it is to be read: "1,204", "38 s"; null while it is not known. */
  readonly value: ReactNode;
  /** Below it: what it is compared with, or a Sparkline. */
  readonly children?: ReactNode;
  /** Where more about it is. */
  readonly href?: string;
  readonly tone?: "ok" | "bad" | "warn" | "run" | "later";
}

/** A number and what it counts. Its figures are as wide as each other, so that nothing jumps. */
export function Stat({ label, value, children, href, tone }: StatProps) {
  const name = href ? <a href={href}>{label}</a> : label;
  return (
    <div className="stat" data-tone={tone}>
      <p className="stat-label">{name}</p>
      <p className="stat-value">{value ?? <span className="text-faint">–</span>}</p>
      {children && <div className="stat-more">{children}</div>}
    </div>
  );
}

/** Beside each other, as many as fit. */
export function Stats({ children }: { readonly children: ReactNode }) {
  return <div className="stats">{children}</div>;
}
