import { useState } from "react";
import type { useJobTypes } from "../queries";
import type { Route } from "../route";
import { SubmitForm } from "./SubmitForm";

interface SubmitCardProps {
  readonly query: ReturnType<typeof useJobTypes>;
  readonly route: Route;
}

/** The form in each of its states. Where there is room it stands open; on a phone it opens when asked to. */
export function SubmitCard({ query: { data, error, refetch }, route }: SubmitCardProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <section className="submit" aria-labelledby="submit-heading" data-open={isOpen}>
      <div className="flex items-center justify-between">
        <h2 id="submit-heading" className="text-base font-semibold">
          Submit a job
        </h2>
        <button
          type="button"
          className="button submit-toggle"
          aria-expanded={isOpen}
          onClick={() => { setOpen(!isOpen); }}
        >
          {isOpen ? "Hide" : "New job"}
        </button>
      </div>
      {data && data.length > 0 && <SubmitForm jobTypes={data} route={route} />}
      {data?.length === 0 && <p className="text-muted">This scheduler knows no job types.</p>}
      {!data && !error && <p className="text-muted">Reading the job types…</p>}
      {!data && error && (
        <p className="notice notice-bad">
          The job types could not be read: {error.message}{" "}
          <button type="button" className="button" onClick={() => void refetch()}>
            Try now
          </button>
        </p>
      )}
    </section>
  );
}
