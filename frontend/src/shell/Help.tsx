import { Fragment, useState } from "react";
import { Dialog } from "../components/Dialog";
import { Icon } from "../components/Icon";
import { useBindings, useKeys, type Binding } from "../keys";

/** Which keys do something here. */
export function Help() {
  const [isOpen, setOpen] = useState(false);
  const open = () => { setOpen(true); };
  useKeys([{ keys: "Shift+?", does: "Show these keys", group: "Everywhere", run: open }]);
  return (
    <>
      <button type="button" className="button-quiet header-help" aria-label="Keyboard" title="Keyboard (?)" onClick={open}>
        <Icon name="keyboard" className="size-4" />
      </button>
      {isOpen && (
        <Dialog title="Keyboard" testId="help" onClose={() => { setOpen(false); }}>
          <Keys />
        </Dialog>
      )}
    </>
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
      <kbd>{press.replace(/^Shift\+(?=\W)/, "").replace("Escape", "Esc")}</kbd>
    </Fragment>
  ));
}
