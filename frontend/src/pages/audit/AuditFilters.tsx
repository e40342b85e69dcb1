import { getRouteApi } from "@tanstack/react-router";
import { useId, useState, type SubmitEvent } from "react";
import { TextInput } from "../../components/Field";
import type { AuditSearch } from "../../search";
import { momentOf, readerZone, wallText } from "../../zones";

const route = getRouteApi("/audit");

interface AuditFiltersProps {
  readonly filter: AuditSearch;
  readonly actions: readonly string[];
}

/** Kept in the address. Times are typed by the reader's clock. */
export function AuditFilters({ filter, actions }: AuditFiltersProps) {
  const navigate = route.useNavigate();
  const id = useId();
  const [typed, setTyped] = useState({
    action: filter.action ?? "",
    actor: filter.actor ?? "",
    since: wall(filter.since),
    until: wall(filter.until),
  });
  const tie = (name: keyof typeof typed) => ({
    value: typed[name],
    onChange: ({ target }: { readonly target: HTMLInputElement }) => { setTyped({ ...typed, [name]: target.value }); },
  });
  return (
    <search>
      <form
        className="filter-bar"
        aria-label="Which entries"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          void navigate({ search: searchOf(typed) });
        }}
      >
        <TextInput label="Action" list={id} placeholder="any" data-testid="audit-action" {...tie("action")} />
        <datalist id={id}>
          {actions.map((action) => (
            <option key={action} value={action} />
          ))}
        </datalist>
        <TextInput label="Caller" placeholder="a key's id or name" data-testid="audit-actor" {...tie("actor")} />
        <TextInput label="Since" type="datetime-local" step={1} {...tie("since")} />
        <TextInput label="Until" type="datetime-local" step={1} {...tie("until")} />
        <button type="submit" className="button self-end" data-testid="audit-apply">
          Show
        </button>
        {Object.values(filter).some(Boolean) && (
          <button type="button" className="button-quiet self-end" onClick={() => void navigate({ search: {} })}>
            Show all
          </button>
        )}
      </form>
    </search>
  );
}

function wall(time: string | undefined): string {
  return time === undefined ? "" : wallText(Date.parse(time), readerZone());
}

function searchOf({ action, actor, since, until }: Readonly<Record<"action" | "actor" | "since" | "until", string>>): AuditSearch {
  const instant = (text: string) => {
    const moment = momentOf(text, readerZone());
    return moment && new Date(moment.at).toISOString();
  };
  const [from, to] = [instant(since), instant(until)];
  return {
    ...(action.trim() && { action: action.trim() }),
    ...(actor.trim() && { actor: actor.trim() }),
    ...(from && { since: from }),
    ...(to && { until: to }),
  };
}
