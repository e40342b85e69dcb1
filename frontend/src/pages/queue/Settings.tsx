import { Loading } from "../../components/states";
import { defaultsOf, limitsOf, type QueueView } from "../../limits";
import { useMay } from "../../queries";
import { SettingsForm } from "./SettingsForm";

/** What is set of a queue: admins change it, the others read it. queue: undefined while it is being read. */
export function Settings({ queue }: { readonly queue: QueueView | undefined }) {
  const may = useMay("admin");
  return (
    <section className="box" aria-label="Settings">
      <h2 className="box-head">
        Settings
        {queue && may && <span className="box-note">{limitsOf(queue).join(" · ") || "no limits"}</span>}
      </h2>
      {queue === undefined || may === null ? <Loading /> : may ? <SettingsForm queue={queue} /> : <Words queue={queue} />}
    </section>
  );
}

function Words({ queue }: { readonly queue: QueueView }) {
  return (
    <dl className="words" data-testid="settings-words">
      <dt>Limits</dt>
      <dd>{limitsOf(queue).join(" · ") || "none: its jobs start as soon as a worker is free"}</dd>
      <dt>Defaults for its jobs</dt>
      <dd>{defaultsOf(queue).join(" · ") || "those of their job types"}</dd>
    </dl>
  );
}
