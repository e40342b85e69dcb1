import { STATUSES, type JobFilter, type JobStatus, type JobType } from "../jobs";
import { goTo, hrefTo, type Route } from "../route";
import { LABELS } from "./StatusBadge";

interface FiltersProps {
  readonly route: Route;
  readonly jobTypes: readonly JobType[];
}

/** Filters live in the address, so that a view can be sent to someone. */
export function Filters({ route, jobTypes }: FiltersProps) {
  const { filter } = route;
  const by = (change: Partial<JobFilter>): Route => ({ ...route, filter: { ...filter, ...change } });
  const names = jobTypes.map(({ name }) => name);
  const known = filter.jobType && !names.includes(filter.jobType) ? [...names, filter.jobType] : names;
  return (
    <div className="filters">
      <nav className="chips" aria-label="Filter by status">
        <Chip href={hrefTo(by({ status: null }))} status={null} isChosen={filter.status === null} />
        {STATUSES.map((status) => (
          <Chip key={status} href={hrefTo(by({ status }))} status={status} isChosen={filter.status === status} />
        ))}
      </nav>
      <select
        className="field field-small"
        aria-label="Filter by job type"
        data-testid="filter-type"
        value={filter.jobType ?? ""}
        onChange={({ target }) => { goTo(by({ jobType: target.value || null })); }}
      >
        <option value="">All types</option>
        {known.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </div>
  );
}

interface ChipProps {
  readonly href: string;
  readonly status: JobStatus | null;
  readonly isChosen: boolean;
}

function Chip({ href, status, isChosen }: ChipProps) {
  return (
    <a className="chip" href={href} aria-current={isChosen || undefined} data-status={status ?? undefined}>
      {status && <span className="chip-dot" aria-hidden="true" />}
      {status ? LABELS[status] : "All"}
    </a>
  );
}
