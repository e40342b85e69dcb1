import "../../styles/schedule.css";
import { now } from "../../clock";
import { useAsOfNow } from "../../hooks";
import { relative } from "../../times";
import { changeInWords, clockIn, dayIn, offsetAt, offsetName, planned, readerZone } from "../../zones";

interface NextTimesProps {
  /** ISO times, the soonest first. */
  readonly times: readonly string[];
  /** The schedule's. */
  readonly zone: string;
  /** Where fewer than this come, there are no more. */
  readonly asked: number;
}

/** Each time on the schedule's clock and on the reader's, and where either is changed in between. */
export function NextTimes({ times, zone, asked }: NextTimesProps) {
  const own = readerZone();
  const zones = zone === own ? [zone] : [zone, own];
  if (times.length === 0) return <p className="text-muted">No time is to come.</p>;
  return (
    <>
      <table className="next-times" data-testid="next-times">
        <thead>
          <tr>
            {zones.map((each, index) => (
              <th key={each} scope="col">
                {each}
                <span className="text-muted"> {zones.length === 1 ? "(also yours)" : index === 0 ? "" : "(yours)"}</span>
              </th>
            ))}
            <th scope="col">
              <span className="sr-only">From now</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {planned(times, now(), zones).map(({ at, changes }) => (
            <Row key={at} at={at} zones={zones} changes={changes.map(changeInWords)} />
          ))}
        </tbody>
      </table>
      {times.length < asked && <p className="hint">No time comes after that.</p>}
    </>
  );
}

interface RowProps {
  readonly at: number;
  readonly zones: readonly string[];
  readonly changes: readonly string[];
}

function Row({ at, zones, changes }: RowProps) {
  const words = useAsOfNow((time) => relative(at, time));
  return (
    <>
      {changes.map((change) => (
        <tr key={change} className="clock-change">
          <td colSpan={zones.length + 1}>{change}</td>
        </tr>
      ))}
      <tr title={new Date(at).toISOString()}>
        {zones.map((zone) => (
          <td key={zone} title={offsetName(offsetAt(at, zone))}>
            <span className="next-day">{dayIn(at, zone)}</span> <strong>{clockIn(at, zone)}</strong>
          </td>
        ))}
        <td className="text-muted">{words}</td>
      </tr>
    </>
  );
}
