import { useEffect, useRef, useState, type RefObject } from "react";
import { Icon } from "../../components/Icon";
import { LABELS } from "../../components/StatusBadge";
import { ALL_JOBS, isEverything, isIdPrefix, type JobFilter } from "../../jobfilter";
import { STATUSES, type JobStatus, type JobType } from "../../jobs";
import { useKeys } from "../../keys";
import { goTo, hrefTo, type Route } from "../../route";
import { Created } from "./Created";

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
      <div className="filter-fields">
        <IdSearch value={filter.id} onChange={(id) => { goTo(by({ id }), filter.id === null); }} />
        <FilterField name="Queue" value={filter.queue} onChange={(queue) => { goTo(by({ queue })); }} />
        <select
          className="field field-small field-type"
          aria-label="Filter by job type"
          data-testid="filter-type"
          data-set={filter.jobType !== null || undefined}
          value={filter.jobType ?? ""}
          onChange={({ target }) => { goTo(by({ jobType: target.value || null })); }}
        >
          <option value="">All types</option>
          {known.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <FilterField name="Tag" value={filter.tag} onChange={(tag) => { goTo(by({ tag })); }} />
        <FilterField name="Key" about="concurrency key" value={filter.key} onChange={(key) => { goTo(by({ key })); }} />
        <Created filter={filter} onChange={(change) => { goTo(by(change)); }} />
        {!isEverything(filter) && (
          <a className="button-quiet" href={hrefTo({ ...route, filter: ALL_JOBS })} data-testid="clear-filters">
            <Icon name="close" />
            Clear
          </a>
        )}
      </div>
      <nav className="chips" aria-label="Filter by status">
        <Chip href={hrefTo(by({ status: null }))} status={null} isChosen={filter.status === null} />
        {STATUSES.map((status) => (
          <Chip key={status} href={hrefTo(by({ status }))} status={status} isChosen={filter.status === status} />
        ))}
      </nav>
    </div>
  );
}

interface FilterFieldProps {
  readonly name: string;
  /** In a sentence, where the name is too short for one. */
  readonly about?: string;
  readonly value: string | null;
  readonly onChange: (value: string | null) => void;
}

/** Takes effect with Enter, or when it is left: not with every letter. */
function FilterField({ name, about = name.toLowerCase(), value, onChange }: FilterFieldProps) {
  const [text, setText] = useText(value);
  const apply = () => {
    const asked = text.trim() || null;
    if (asked !== value) onChange(asked);
  };
  return (
    <input
      className="field field-small field-filter"
      data-testid={`filter-${name.toLowerCase()}`}
      data-set={value !== null || undefined}
      aria-label={`Filter by ${about}`}
      placeholder={name}
      type="search"
      value={text}
      onChange={({ target }) => { setText(target.value); }}
      onBlur={apply}
      onKeyDown={({ key }) => { if (key === "Enter") apply(); }}
    />
  );
}

const SETTLED_MS = 250; // since the last letter

/** Takes effect while it is typed. */
function IdSearch({ value, onChange }: { readonly value: string | null; readonly onChange: (value: string | null) => void }) {
  const [text, setText] = useText(value);
  const field = useRef<HTMLInputElement>(null);
  const asked = text.trim() || null;
  const isFaulty = asked !== null && !isIdPrefix(asked);
  useKeys([{ keys: "/", does: "Search by id", group: "Jobs", run: () => { field.current?.select(); } }]);
  useSettled(asked, isFaulty || asked === value, onChange);
  return (
    <div className="id-search">
      <Icon name="search" className="text-faint" />
      <input
        ref={field}
        className="field field-small"
        data-testid="search-id"
        data-set={value !== null || undefined}
        aria-label="Search by the first digits of an id"
        aria-invalid={isFaulty}
        aria-describedby="search-fault"
        placeholder="Id begins with…"
        type="search"
        spellCheck={false}
        value={text}
        onChange={({ target }) => { setText(target.value); }}
        onKeyDown={({ key }) => { if (key === "Escape") leave(field, setText); }}
      />
      <kbd aria-hidden="true">/</kbd>
      <span id="search-fault" className="search-fault" role="status">
        {isFaulty && "Ids have hexadecimal digits only"}
      </span>
    </div>
  );
}

function useSettled(asked: string | null, isDone: boolean, onChange: (asked: string | null) => void): void {
  const latest = useRef(onChange);
  useEffect(() => { latest.current = onChange; });
  useEffect(() => {
    if (isDone) return;
    const timer = setTimeout(() => { latest.current(asked); }, SETTLED_MS);
    return () => { clearTimeout(timer); };
  }, [asked, isDone]);
}

/** Esc empties the field, and an empty one it leaves. */
function leave(field: RefObject<HTMLInputElement | null>, setText: (text: string) => void): void {
  if (field.current?.value) setText("");
  else field.current?.blur();
}

/** What is typed; and the value instead, when the address has changed. */
function useText(value: string | null): readonly [string, (text: string) => void] {
  const [text, setText] = useState(value ?? "");
  const [shown, setShown] = useState(value);
  if (value !== shown) {
    setShown(value);
    setText(value ?? "");
  }
  return [text, setText];
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
