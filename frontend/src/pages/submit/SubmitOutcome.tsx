import { mayNot } from "../../hooks";
import { isForbidden, type Problem } from "../../http";
import type { Job } from "../../jobs";

interface SubmitOutcomeProps {
  readonly job: Job | null;
  readonly problem: Problem | null;
  readonly isUnanswered: boolean;
  readonly hrefOf: (job: Job) => string;
}

export function SubmitOutcome({ job, problem, isUnanswered, hrefOf }: SubmitOutcomeProps) {
  return (
    <div aria-live="polite" data-testid="submit-outcome">
      {job && (
        <p className="notice notice-ok">
          Submitted{" "}
          <a className="link font-mono" href={hrefOf(job)} data-testid="submitted-job">
            {job.id}
          </a>
        </p>
      )}
      {problem && (
        <div className="notice notice-bad">
          <p className="font-semibold">{headline(problem)}</p>
          {problem.errors.map(({ path, detail }) => (
            <p key={path + detail}>
              <code>{path}</code> {detail}
            </p>
          ))}
        </div>
      )}
      {isUnanswered && (
        <p className="notice notice-bad">No answer came. The job may or may not have been accepted: look at the list before submitting again.</p>
      )}
    </div>
  );
}

function headline(problem: Problem): string {
  if (isForbidden(problem)) return mayNot(problem.detail);
  return problem.errors.length > 0 ? "The API refused this job:" : problem.detail;
}
