import { lazy, Suspense, useState } from "react";
import { Icon } from "../components/Icon";
import { useKeys } from "../keys";

const HelpDialog = lazy(() => import("./HelpDialog"));

/** Shows, when asked, which keys do something here. */
export function Help() {
  const [isOpen, setOpen] = useState(false);
  const open = () => { setOpen(true); };
  useKeys([{ keys: "?", does: "Show these keys", group: "Everywhere", run: open }]);
  return (
    <>
      <button type="button" className="button-quiet header-help" aria-label="Keyboard" title="Keyboard (?)" onClick={open}>
        <Icon name="keyboard" className="size-4" />
      </button>
      <Suspense>{isOpen && <HelpDialog onClose={() => { setOpen(false); }} />}</Suspense>
    </>
  );
}
