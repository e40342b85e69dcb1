import { Ago } from "../../components/Ago";
import type { Column } from "../../components/DataTable";
import { None } from "../../components/None";
import { Time } from "../../components/Time";
import { ALL_JOBS } from "../../jobs";
import { hrefTo, queueHref } from "../../route";
import { LIVES, type Life, type WorkerView } from "../../workers";

export interface WorkerRow {
  readonly worker: WorkerView;
  readonly life: Life;
}

const SHOWN = 3; // of the jobs that it runs

const FORMS: Readonly<Record<string, string>> = { container: "Container", lambda: "Lambda" };
const TONES: Readonly<Record<Life, string>> = { alive: "ok", late: "warn", lost: "bad" };

export const COLUMNS: readonly Column<WorkerRow>[] = [
  {
    id: "process",
    name: "Process",
    cell: ({ worker: { id, host, pid } }) => (
      <span title={id}>
        {host} <span className="text-muted">· {pid}</span>
      </span>
    ),
    isFixed: true,
    card: "start",
  },
  {
    id: "life",
    name: "State",
    width: "6rem",
    cell: ({ life }) => (
      <span className="life" data-tone={TONES[life]}>
        {LIVES[life]}
      </span>
    ),
    card: "end",
  },
  { id: "seen", name: "Last sign of life", width: "8.5rem", cell: ({ worker }) => <Ago at={worker.seen_at} /> },
  {
    id: "slots",
    name: "Slots in use",
    width: "9rem",
    cell: ({ worker: { running_count, concurrency } }) => (
      <span className="rate">
        <span>
          {running_count} of {concurrency}
        </span>
        <progress value={running_count} max={concurrency} aria-label="Slots in use" />
      </span>
    ),
  },
  { id: "running", name: "Runs", cell: ({ worker }) => <Running worker={worker} /> },
  {
    id: "queues",
    name: "Queues",
    width: "10rem",
    cell: ({ worker: { queues } }) =>
      queues.length === 0 ? (
        "all"
      ) : (
        <span title={queues.join(", ")}>
          {queues.map((name, at) => (
            <span key={name}>
              {at > 0 && ", "}
              <a className="link" href={queueHref(name)}>
                {name}
              </a>
            </span>
          ))}
        </span>
      ),
  },
  { id: "form", name: "Form", width: "6.5rem", cell: ({ worker: { form } }) => FORMS[form] ?? form },
  { id: "version", name: "Version", width: "6rem", cell: ({ worker }) => worker.version },
  { id: "started", name: "Started", width: "6.5rem", cell: ({ worker }) => <Time at={worker.started_at} /> },
];

/** Links to the first few jobs, and to the list of all that run. */
function Running({ worker: { running, running_count } }: { readonly worker: WorkerView }) {
  if (running_count === 0) return <None />;
  return (
    <>
      {running.slice(0, SHOWN).map((id) => (
        <a key={id} className="link mr-2 font-mono text-xs" href={hrefTo({ jobId: id, filter: ALL_JOBS })} title={id}>
          …{id.slice(-6)}
        </a>
      ))}
      {running_count > SHOWN && (
        <a className="link" href={hrefTo({ jobId: null, filter: { ...ALL_JOBS, status: "RUNNING" } })}>
          {running_count - SHOWN} more
        </a>
      )}
    </>
  );
}
