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

export const ICONS: Record<JobStatus, IconName> = {
  QUEUED: "queue",
  SCHEDULED: "clock",
  RETRYING: "retry",
  RUNNING: "run",
  COMPLETED: "check-circle",
  FAILED: "cross-circle",
  CANCELLED: "slash-circle",
  BLOCKED: "lock",
};

/** Its colour, where numbers of it are told. */
export const TONES: Readonly<Partial<Record<JobStatus, "ok" | "bad" | "warn" | "run" | "later">>> = {
  SCHEDULED: "later",
  RETRYING: "warn",
  RUNNING: "run",
  COMPLETED: "ok",
  FAILED: "bad",
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
