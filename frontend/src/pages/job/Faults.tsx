import type { JobFault } from "../../jobs";
import { Time } from "../../components/Time";

interface FaultsProps {
  readonly faults: readonly JobFault[];
}

/** What went wrong, attempt by attempt, the last one first. */
export function Faults({ faults }: FaultsProps) {
  return (
    <ol className="grid gap-2">
      {faults.toReversed().map((fault) => (
        <li key={fault.attempt} className="fault">
          <p>
            <span className="text-muted">
              Attempt {fault.attempt}, <Time at={fault.at} />:
            </span>{" "}
            <strong className="font-semibold text-bad">{fault.type}</strong> {fault.message}
          </p>
          {fault.traceback && (
            <details>
              <summary>Traceback</summary>
              {/* It scrolls, so it can be reached by keyboard. */}
              {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
              <pre tabIndex={0}>{fault.traceback}</pre>
            </details>
          )}
        </li>
      ))}
    </ol>
  );
}
