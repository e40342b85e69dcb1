import { useLayoutEffect, useRef } from "react";
import { useWhileLive } from "../../hooks";
import { mayGrow, type LogLine } from "../../joblog";
import type { Job } from "../../jobs";
import { useJobLog } from "../../queries";

interface JobLogProps {
  readonly job: Job;
}

/** What the job's handlers logged; it stays at its end, unless the reader has scrolled away from there. */
export function JobLog({ job }: JobLogProps) {
  const isGrowing = useWhileLive((time) => Number(mayGrow(job, time))) === 1;
  const { data, error } = useJobLog(job.id, isGrowing);
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const lines = data?.lines ?? [];
  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (error && lines.length === 0) return <p className="text-muted">The log could not be read: {error.message}</p>;
  if (!data) return <p className="text-muted">Reading…</p>;
  if (lines.length === 0) return <p className="text-muted">{isGrowing ? "Nothing logged yet." : "Nothing was logged."}</p>;
  return (
    <div
      ref={box}
      className="log"
      data-testid="job-log"
      // It scrolls, so it can be reached by keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      role="log"
      aria-label="Log"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollTop + clientHeight > scrollHeight - 24;
      }}
    >
      {lines.map((line) => (
        <Line key={`${line.attempt} ${line.line}`} line={line} />
      ))}
    </div>
  );
}

function Line({ line: { attempt, at, level, logger, message } }: { readonly line: LogLine }) {
  return (
    <p data-level={level} title={`attempt ${attempt} · ${at} · ${logger}`}>
      <time dateTime={at}>{at.slice(11, 23)}</time>
      <span className="log-level">{level}</span>
      <span className="log-message">{message}</span>
    </p>
  );
}
