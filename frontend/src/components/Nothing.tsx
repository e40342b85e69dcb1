import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

interface NothingProps {
  readonly icon: IconName;
  readonly title: string;
  readonly testId?: string;
  readonly children?: ReactNode;
}

/** Where there is nothing to show: why, and what can be done. */
export function Nothing({ icon, title, testId = "nothing", children }: NothingProps) {
  return (
    <div className="nothing" data-testid={testId}>
      <Icon name={icon} className="size-6 text-faint" />
      <h2 className="text-base font-semibold">{title}</h2>
      {children}
    </div>
  );
}
