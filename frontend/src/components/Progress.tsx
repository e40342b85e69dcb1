import type { Progress as JobProgress } from "../jobs";

interface ProgressProps {
  readonly progress: JobProgress;
}

export function Progress({ progress: { fraction, message } }: ProgressProps) {
  const percent = Math.round(Math.min(1, Math.max(0, fraction)) * 100);
  return (
    <span className="progress">
      <progress value={percent} max={100} aria-label="Progress" />
      <span className="tabular-nums">{percent}%</span>
      <span className="truncate text-muted" title={message}>
        {message}
      </span>
    </span>
  );
}
