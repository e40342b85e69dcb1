import "../styles/outcomes.css";
import { outcomesInWords, statusOf } from "../schedules";
import { None } from "./None";
import { LABELS } from "./StatusBadge";

/** How the last runs ended, the newest at the right: a mark each. */
export function Outcomes({ outcomes }: { readonly outcomes: readonly (string | null)[] }) {
  if (outcomes.length === 0) return <None />;
  return (
    <span className="outcomes" role="img" aria-label={`Last runs: ${outcomesInWords(outcomes)}`} title={`Last runs: ${outcomesInWords(outcomes)}`}>
      {outcomes.toReversed().map((outcome, index) => {
        const status = statusOf(outcome);
        return <span key={index} data-status={status ?? "GONE"} title={status ? LABELS[status] : "No longer kept"} />;
      })}
    </span>
  );
}
