import { Stat, StatBox } from "../../components/Stat";
import { ICONS, LABELS, TONES } from "../../components/StatusBadge";
import { ALL_JOBS, type JobStatus } from "../../jobs";
import type { SystemNow } from "../../queries";
import { hrefTo } from "../../route";
import { elapsed } from "../../times";

/** From the first that a job is to the last. */
const ORDER: readonly JobStatus[] = ["BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"];

const KEPT: Readonly<Partial<Record<JobStatus, string>>> = {
  COMPLETED: "Ever, also those that are no longer kept",
  FAILED: "Those that are kept",
  CANCELLED: "Those that are kept",
};

/** Each leads to the jobs that it counts. counts: undefined while they are being read. */
export function Counts({ counts }: { readonly counts: SystemNow["counts"] | undefined }) {
  return (
    <StatBox label="Jobs by status" columns={8}>
      {ORDER.map((status) => (
        <Stat
          key={status}
          label={LABELS[status]}
          icon={ICONS[status]}
          {...toneOf(status, counts)}
          {...titleOf(status)}
          value={counts && (counts[status] ?? 0).toLocaleString("en")}
          href={hrefTo({ jobId: null, filter: { ...ALL_JOBS, status } })}
          testId={`count-${status}`}
        />
      ))}
    </StatBox>
  );
}

/** No failure is no bad news. */
function toneOf(status: JobStatus, counts: SystemNow["counts"] | undefined) {
  const tone = TONES[status];
  return tone && !(tone === "bad" && !counts?.[status]) && { tone };
}

function titleOf(status: JobStatus) {
  const title = KEPT[status];
  return title !== undefined && { title };
}

export function Vitals({ now }: { readonly now: SystemNow | undefined }) {
  return (
    <StatBox label="Now" columns={5}>
      <Stat label="Oldest waiting" title="How long the oldest job that is due has waited" value={now && aged(now.oldest_age_seconds)} testId="oldest" />
      <Stat label="Submitted per minute" value={now && rate(now.in_per_minute)} testId="in-per-minute" />
      <Stat label="Ended per minute" value={now && rate(now.out_per_minute)} testId="out-per-minute" />
      <Stat label="Workers" href="#/workers" value={now?.workers.toLocaleString("en")} testId="workers" />
      <Stat label="Connections" title="Dashboards and other WebSockets" value={now && (now.connections?.toLocaleString("en") ?? null)} testId="connections" />
    </StatBox>
  );
}

function aged(seconds: number | null): string {
  return seconds === null ? "none" : elapsed(seconds * 1_000);
}

function rate(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 });
}
