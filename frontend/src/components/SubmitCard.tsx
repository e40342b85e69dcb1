import { useJobTypes } from "../queries";
import type { Route } from "../route";
import { SubmitForm } from "./SubmitForm";

interface SubmitCardProps {
  readonly query: ReturnType<typeof useJobTypes>;
  readonly route: Route;
}

/** The form in each of its states. */
export function SubmitCard({ query: { data, error, refetch }, route }: SubmitCardProps) {
  return (
    <section className="submit" aria-labelledby="submit-heading">
      <h2 id="submit-heading" className="text-base font-semibold">
        Submit a job
      </h2>
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
