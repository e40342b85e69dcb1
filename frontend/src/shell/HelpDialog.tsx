import { Fragment } from "react";
import { Dialog } from "../components/Dialog";
import { useBindings, type Binding } from "../keys";

export default function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog title="Keyboard" testId="help" onClose={onClose}>
      <Keys />
    </Dialog>
  );
}

function Keys() {
  const groups = Object.entries(Object.groupBy(useBindings(), ({ group }) => group));
  return (
    <div className="keys">
      {groups.map(([group, bindings]) => (
        <section key={group}>
          <h3 className="section-title">{group}</h3>
          <dl>
            {bindings?.map((binding) => (
              <Fragment key={binding.keys}>
                <dt>
                  <Press binding={binding} />
                </dt>
                <dd>{binding.does}</dd>
              </Fragment>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

function Press({ binding: { keys } }: { readonly binding: Binding }) {
  return keys.split(" ").map((press, index) => (
    <Fragment key={press}>
      {index > 0 && " then "}
      <kbd>{press.replace("Escape", "Esc")}</kbd>
    </Fragment>
  ));
}
