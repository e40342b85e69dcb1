import { useState } from "react";
import { STATUSES, type JobFilter, type JobStatus, type JobType } from "../../jobs";
import { goTo, hrefTo, type Route } from "../../route";
import { LABELS } from "../../components/StatusBadge";

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
      <div className="filter-fields">
        <FilterField name="Queue" value={filter.queue} onChange={(queue) => { goTo(by({ queue })); }} />
        <FilterField name="Tag" value={filter.tag} onChange={(tag) => { goTo(by({ tag })); }} />
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
    </div>
  );
}

interface FilterFieldProps {
  readonly name: string;
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

/** Takes effect with Enter, or when it is left: not with every letter. */
function FilterField({ name, value, onChange }: FilterFieldProps) {
  const [text, setText] = useState(value ?? "");
  const [shown, setShown] = useState(value);
  if (value !== shown) {
    setShown(value); // the address has changed
    setText(value ?? "");
  }
  const apply = () => {
    const asked = text.trim() || null;
    if (asked !== value) onChange(asked);
  };
  return (
    <input
      className="field field-small field-filter"
      data-testid={`filter-${name.toLowerCase()}`}
      aria-label={`Filter by ${name.toLowerCase()}`}
      placeholder={name}
      type="search"
      value={text}
      onChange={({ target }) => { setText(target.value); }}
      onBlur={apply}
      onKeyDown={({ key }) => { if (key === "Enter") apply(); }}
    />
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
