import type { SystemNow } from "../../queries";
import { busiest, waitingIn } from "../../queuenow";
import { queueHref } from "../../route";
import { elapsed } from "../../times";

const MOST = 10;

/** queues: undefined while they are being read. */
export function BusyQueues({ queues }: { readonly queues: SystemNow["queues"] | undefined }) {
  return (
    <section className="box" aria-label="Busiest queues">
      <h2 className="box-head">
        Busiest queues
        <a className="box-note link" href="#/queues">
          All queues
        </a>
      </h2>
      {queues?.length === 0 ? <p className="box-empty">No queue has jobs.</p> : <Table queues={queues && busiest(queues, MOST)} />}
    </section>
  );
}

function Table({ queues }: { readonly queues: SystemNow["queues"] | undefined }) {
  return (
    <table className="mini" data-testid="busy-queues">
      <thead>
        <tr>
          <th scope="col" style={{ width: "34%" }}>Queue</th>
          <th scope="col">Waiting</th>
          <th scope="col">Running</th>
          <th scope="col">Oldest</th>
          <th scope="col">In / min</th>
          <th scope="col">Out / min</th>
        </tr>
      </thead>
      <tbody>
        {queues ? queues.map((queue) => <Row key={queue.name} queue={queue} />) : <Wait />}
      </tbody>
    </table>
  );
}

function Row({ queue }: { readonly queue: SystemNow["queues"][number] }) {
  const { name, paused, depth, oldest_age_seconds, in_per_minute, out_per_minute } = queue;
  return (
    <tr>
      <th scope="row" title={name}>
        <a href={queueHref(name)}>{name}</a>
        {paused && <span className="text-warn"> · paused</span>}
      </th>
      <Figure value={waitingIn(depth)} />
      <Figure value={depth.RUNNING ?? 0} />
      <td>{oldest_age_seconds === null ? <span className="zero">–</span> : elapsed(oldest_age_seconds * 1_000)}</td>
      <Figure value={in_per_minute} />
      <Figure value={out_per_minute} />
    </tr>
  );
}

function Figure({ value }: { readonly value: number }) {
  return <td className={value === 0 ? "zero" : undefined}>{value.toLocaleString("en", { maximumFractionDigits: 1 })}</td>;
}

function Wait() {
  return Array.from({ length: 3 }, (_, row) => (
    <tr key={row} aria-hidden="true">
      <td colSpan={6}>
        <span className="stat-wait" />
      </td>
    </tr>
  ));
}
