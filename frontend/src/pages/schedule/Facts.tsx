import "../../styles/panel.css";
import { JsonView } from "../../components/JsonView";
import { None } from "../../components/None";
import { Outcomes } from "../../components/Outcomes";
import { Time } from "../../components/Time";
import { MISFIRES, OVERLAPS, SOURCES, whenOf, type Schedule } from "../../schedules";
import { inZone } from "../../zones";

interface FactsProps {
  readonly schedule: Schedule;
  /** JSON as it was written. */
  readonly payload: string;
}

export function Facts({ schedule, payload }: FactsProps) {
  const { words, exact } = whenOf(schedule);
  const { job, timezone, starts_at, ends_at, last_run_at, next_run_at } = schedule;
  const at = (time: string) => `${inZone(Date.parse(time), timezone)} (${timezone})`;
  return (
    <section className="box" aria-label="The schedule">
      <div className="box-body pt-3">
        <p className="when-words">
          {words}
          {exact && <span className="font-normal text-muted"> · {exact}</span>}
        </p>
        <dl className="facts facts-wide">
          <dt>Next run</dt>
          <dd>{next_run_at ? <Time at={next_run_at} /> : <None />}</dd>
          <dt>Last run</dt>
          <dd>
            {last_run_at ? (
              <>
                <Time at={last_run_at} /> <Outcomes outcomes={schedule.last_outcomes} />
              </>
            ) : (
              <None />
            )}
          </dd>
          {starts_at && (
            <>
              <dt>Not before</dt>
              <dd>{at(starts_at)}</dd>
            </>
          )}
          {ends_at && (
            <>
              <dt>Not after</dt>
              <dd>{at(ends_at)}</dd>
            </>
          )}
          <dt>Missed times</dt>
          <dd>
            {MISFIRES[schedule.misfire]}
            {schedule.misfire === "run_all" && schedule.overlap === "allow" && ` At most ${schedule.catch_up} of them.`}
          </dd>
          <dt>Overlap</dt>
          <dd>{OVERLAPS[schedule.overlap]}</dd>
          <dt>Job type</dt>
          <dd>{job.job_type}</dd>
          <dt>Queue</dt>
          <dd>
            {job.queue}
            <span className="text-muted">
              {" "}
              · priority {job.priority} · at most {job.max_attempts} attempts of {job.timeout_seconds} s
            </span>
          </dd>
          {job.tags.length > 0 && (
            <>
              <dt>Tags</dt>
              <dd>{job.tags.join(", ")}</dd>
            </>
          )}
          {job.concurrency_key && (
            <>
              <dt>Key</dt>
              <dd>{job.concurrency_key}</dd>
            </>
          )}
          <dt>Kept in</dt>
          <dd>
            {SOURCES[schedule.source]}
            <span className="text-muted">
              {" "}
              · made <Time at={schedule.created_at} />, changed <Time at={schedule.updated_at} />
            </span>
          </dd>
        </dl>
        <JsonView text={payload} what="the payload" />
      </div>
    </section>
  );
}
