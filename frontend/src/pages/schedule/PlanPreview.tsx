import { useDeferredValue, useEffect, useState } from "react";
import { Refused } from "../../http";
import { missing, timingOf, type ScheduleFields, type Timing } from "../../scheduleform";
import { PREVIEWED, usePreview } from "../../schedulequeries";
import type { Schedule } from "../../schedules";
import { NextTimes } from "./NextTimes";

const ASKED_AFTER_MS = 300;

interface PlanPreviewProps {
  readonly fields: ScheduleFields;
  readonly known: Schedule | null;
}

/** The times that this would have, by the API, a moment after the last change. */
export function PlanPreview({ fields, known }: PlanPreviewProps) {
  const lacks = missing(fields, known);
  const isTold = !lacks.at && !lacks.timezone && (fields.kind !== "cron" || fields.cron.trim() !== "");
  const timing = useSettled(isTold ? timingOf(fields, known) : null);
  const { data, error, isPlaceholderData } = usePreview(timing);
  const zone = useDeferredValue(timing?.timezone ?? fields.timezone);
  return (
    <section className="box" aria-label="Next times" data-testid="preview" aria-busy={isPlaceholderData}>
      <h2 className="box-head">Next times</h2>
      <div className="box-body" aria-live="polite">
        {timing === null ? (
          <p className="text-muted">They show as soon as it is said when it runs.</p>
        ) : error ? (
          <p className="text-bad" data-testid="preview-fault">
            {error instanceof Refused ? error.message : "The API cannot be reached, so nobody can tell."}
          </p>
        ) : data ? (
          <div className={isPlaceholderData ? "preview-old" : ""}>
            <NextTimes times={data} zone={zone} asked={PREVIEWED} />
          </div>
        ) : (
          <Waiting />
        )}
      </div>
    </section>
  );
}

/** As high as the table that comes. */
function Waiting() {
  return <div className="h-80" role="status" aria-label="Reading" />;
}

function useSettled(timing: Timing | null): Timing | null {
  const [settled, setSettled] = useState(timing);
  const text = JSON.stringify(timing);
  useEffect(() => {
    const timer = setTimeout(() => { setSettled(JSON.parse(text) as Timing | null); }, ASKED_AFTER_MS);
    return () => { clearTimeout(timer); };
  }, [text]);
  return settled;
}
