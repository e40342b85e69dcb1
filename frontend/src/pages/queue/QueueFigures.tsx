import { Stat, StatBox } from "../../components/Stat";
import { ICONS, LABELS, TONES } from "../../components/StatusBadge";
import { ALL_JOBS, type JobStatus } from "../../jobs";
import type { QueueView } from "../../limits";
import { hrefTo } from "../../route";
import { elapsed } from "../../times";

const DEPTHS: readonly JobStatus[] = ["BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING"];

/** queue: undefined while it is being read. */
export function QueueFigures({ name, queue }: { readonly name: string; readonly queue: QueueView | undefined }) {
  return (
    <>
      <StatBox label="Jobs that are not finished" columns={5}>
        {DEPTHS.map((status) => (
          <Stat
            key={status}
            label={LABELS[status]}
            icon={ICONS[status]}
            {...(TONES[status] && { tone: TONES[status] })}
            value={queue && (queue.depth[status] ?? 0).toLocaleString("en")}
            href={hrefTo({ jobId: null, filter: { ...ALL_JOBS, queue: name, status } })}
            testId={`depth-${status}`}
          />
        ))}
      </StatBox>
      <StatBox label="Now" columns={5}>
        <Stat label="Oldest waiting" title="How long the oldest job that is due has waited" value={queue && aged(queue.oldest_age_seconds)} />
        <Stat label="Submitted per minute" value={queue?.in_per_minute.toLocaleString("en")} />
        <Stat label="Ended per minute" value={queue?.out_per_minute.toLocaleString("en")} />
        <Stat label="Keys waiting" title="Concurrency keys whose jobs wait for their turn" value={queue && (queue.keys?.waiting.toLocaleString("en") ?? null)} />
        <Stat label="Keys held back" title="Concurrency keys that a limit of theirs holds back" value={queue && (queue.keys?.held_back.toLocaleString("en") ?? null)} />
      </StatBox>
    </>
  );
}

function aged(seconds: number | null): string {
  return seconds === null ? "none" : elapsed(seconds * 1_000);
}
