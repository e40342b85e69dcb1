import { useId } from "react";
import { StatusBadge } from "../../components/StatusBadge";
import type { Dependencies, Relative } from "../../dependencies";
import { ALL_JOBS } from "../../jobfilter";
import { hrefTo } from "../../route";

/** Jobs that this one waits for, and jobs that wait for it. */
export function Relatives({ dependencies: { depends_on, dependents, more } }: { readonly dependencies: Dependencies }) {
  return (
    <div className="relatives" data-testid="relatives">
      {depends_on.length > 0 && <List title="Runs after" relatives={depends_on} />}
      {dependents.length > 0 && <List title="Runs before" relatives={dependents} />}
      {more && <p className="text-muted">There are more: the first {dependents.length} are shown.</p>}
    </div>
  );
}

function List({ title, relatives }: { readonly title: string; readonly relatives: readonly Relative[] }) {
  const id = useId();
  return (
    <div>
      <p className="relatives-title" id={id}>
        {title}
      </p>
      <ul aria-labelledby={id}>
        {relatives.map((relative) => (
          <Item key={relative.id} relative={relative} />
        ))}
      </ul>
    </div>
  );
}

function Item({ relative: { id, job_type, status } }: { readonly relative: Relative }) {
  return (
    <li className="relative-job" data-status={status ?? "GONE"}>
      {status ? <StatusBadge status={status} /> : <span className="text-muted">No longer kept</span>}
      <span className="relative-type">{job_type}</span>
      <a className="link font-mono" href={hrefTo({ jobId: id, filter: ALL_JOBS })}>
        {id}
      </a>
    </li>
  );
}
