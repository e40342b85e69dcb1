import type { JobStatus } from "../jobs";
import { Icon, type IconName } from "./Icon";

export const LABELS: Record<JobStatus, string> = {
  QUEUED: "Queued",
  SCHEDULED: "Scheduled",
  RETRYING: "Retrying",
  RUNNING: "Running",
  COMPLETED: "Completed",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
  BLOCKED: "Blocked",
};

const ICONS: Record<JobStatus, IconName> = {
  QUEUED: "queue",
  SCHEDULED: "clock",
  RETRYING: "retry",
  RUNNING: "run",
  COMPLETED: "check-circle",
  FAILED: "cross-circle",
  CANCELLED: "slash-circle",
  BLOCKED: "lock",
};

interface StatusBadgeProps {
  readonly status: JobStatus;
}

export function StatusBadge({ status }: StatusBadgeProps) {
  return (
    <span className="badge" data-status={status}>
      <Icon name={ICONS[status]} />
      {LABELS[status]}
    </span>
  );
}
