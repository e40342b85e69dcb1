import "../../styles/forms.css";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { Choices } from "../../components/Choices";
import { Code } from "../../components/Code";
import { DataTable, type Column } from "../../components/DataTable";
import { Icon } from "../../components/Icon";
import { MoreRows } from "../../components/MoreRows";
import { None } from "../../components/None";
import { Nothing } from "../../components/Nothing";
import { Outcomes } from "../../components/Outcomes";
import { Page } from "../../components/Page";
import { ErrorState } from "../../components/states";
import { Time } from "../../components/Time";
import { useJobTypes, useMay } from "../../queries";
import { useSchedules } from "../../schedulequeries";
import type { SchedulesSearch } from "../../search";
import { SOURCES, whenOf, type Schedule, type State } from "../../schedules";
import { RowMenu } from "./RowMenu";
import { ScheduleDialog, type Asked } from "./ScheduleDialogs";
import { StateBadge } from "./StateBadge";

const route = getRouteApi("/schedules");

interface Question {
  readonly name: string;
  readonly asked: Asked;
}

export function SchedulesPage() {
  const filter = route.useSearch();
  const may = useMay("operator") === true;
  const query = useSchedules(filter);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows), [query.data]);
  const [question, setQuestion] = useState<Question | null>(null);
  const columns = useMemo(() => columnsFor(may, setQuestion), [may]);
  const isFiltered = Object.values(filter).some(Boolean);
  return (
    <Page
      title="Schedules"
      reads={[query]}
      actions={
        may && (
          <Link to="/schedules/+new" className="button" data-testid="new-schedule">
            <Icon name="plus" />
            New schedule
          </Link>
        )
      }
    >
      <FilterBar filter={filter} />
      {rows === undefined && query.error && <ErrorState what="The schedules" error={query.error} onRetry={() => void query.refetch()} />}
      {rows?.length === 0 && (isFiltered ? <NoneFits /> : <NoSchedules />)}
      {(rows === undefined ? !query.error : rows.length > 0) && (
        <div className="data-list" data-old={query.isPlaceholderData || undefined}>
          <DataTable
            caption="Schedules"
            columns={columns}
            rows={rows}
            idOf={({ name }) => name}
            hrefOf={({ name }) => `#/schedules/${encodeURIComponent(name)}`}
            total={query.hasNextPage ? -1 : (rows?.length ?? -1)}
            dataOf={({ state }) => ({ state })}
          />
          <MoreRows query={query} name="More schedules" />
        </div>
      )}
      {question && <ScheduleDialog {...question} onClose={() => { setQuestion(null); }} />}
    </Page>
  );
}

function columnsFor(may: boolean, ask: (question: Question) => void): readonly Column<Schedule>[] {
  const columns: readonly Column<Schedule>[] = [
    { id: "name", name: "Name", width: "13rem", isFixed: true, card: "start", cell: ({ name }) => <span title={name}>{name}</span> },
    { id: "state", name: "State", width: "6.5rem", card: "end", cell: ({ state }) => <StateBadge state={state} /> },
    { id: "when", name: "When", cell: (schedule) => <When schedule={schedule} /> },
    { id: "job_type", name: "Job type", width: "9rem", card: "none", cell: ({ job }) => <span title={job.job_type}>{job.job_type}</span> },
    { id: "next", name: "Next run", width: "6rem", cell: ({ next_run_at }) => (next_run_at ? <Time at={next_run_at} /> : <None />) },
    { id: "last", name: "Last run", width: "6rem", cell: ({ last_run_at }) => (last_run_at ? <Time at={last_run_at} /> : <None />) },
    { id: "outcomes", name: "Last outcomes", width: "7.5rem", cell: ({ last_outcomes }) => <Outcomes outcomes={last_outcomes} /> },
    { id: "source", name: "From", width: "4.5rem", card: "none", cell: ({ source }) => SOURCES[source] },
  ];
  if (!may) return columns;
  const menu: Column<Schedule> = {
    id: "do",
    name: "Actions",
    width: "5rem",
    align: "end",
    card: "corner",
    cell: (schedule) => <RowMenu schedule={schedule} onAsk={(asked) => { ask({ name: schedule.name, asked }); }} />,
  };
  return [...columns, menu];
}

function When({ schedule }: { readonly schedule: Schedule }) {
  const { words, exact } = whenOf(schedule);
  return (
    <span title={exact ? `${words} (${exact})` : words}>
      {words}
      {schedule.cron !== null && schedule.timezone !== "UTC" && <span className="text-faint"> · {schedule.timezone}</span>}
    </span>
  );
}

const STATES: Readonly<Record<State | "all", string>> = { all: "All", active: "Active", paused: "Paused", ended: "Ended" };

function FilterBar({ filter }: { readonly filter: SchedulesSearch }) {
  const navigate = route.useNavigate();
  const jobTypes = useJobTypes();
  // What is empty stays out of the address.
  const change = (changed: Partial<Record<keyof SchedulesSearch, string>>) =>
    void navigate({ search: { ...filter, ...changed } as SchedulesSearch, replace: true });
  return (
    <search className="filter-bar" aria-label="Which schedules">
      <Choices
        label="State"
        isLabelHidden
        words={STATES}
        value={filter.state ?? "all"}
        onChange={(state) => { change({ state: state === "all" ? "" : state }); }}
      />
      <select
        className="field field-small"
        aria-label="Job type"
        value={filter.job_type ?? ""}
        onChange={({ target }) => { change({ job_type: target.value }); }}
      >
        <option value="">Any job type</option>
        {[...new Set([...(jobTypes.data ?? []).map(({ name }) => name), ...(filter.job_type ? [filter.job_type] : [])])].map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      {filter.queue && (
        <button type="button" className="button" onClick={() => { change({ queue: "" }); }}>
          Queue {filter.queue}
          <Icon name="close" />
        </button>
      )}
    </search>
  );
}

function NoneFits() {
  return (
    <Nothing icon="clock" title="No schedule fits">
      <Link to="/schedules" className="button">
        Show all
      </Link>
    </Nothing>
  );
}

const FIRST = "jobctl schedules add nightly '0 3 * * *' echo n=1 --timezone Europe/Berlin";

function NoSchedules() {
  const may = useMay("operator");
  return (
    <Nothing icon="clock" title="No schedules yet">
      <p className="text-muted">A schedule submits a job at its times: by a cron expression, at an interval, or once.</p>
      {may && (
        <>
          <Link to="/schedules/+new" className="button-primary">
            Make one
          </Link>
          <p className="text-muted">Or from the command line:</p>
          <Code text={FIRST} what="The command" />
        </>
      )}
    </Nothing>
  );
}
