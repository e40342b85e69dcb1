import { close, useNotices } from "../notices";
import { Icon } from "./Icon";

/** Draws what `tell` says, once, at the shell. */
export function Notices() {
  return (
    <div className="notices" role="status" aria-live="polite" data-testid="notices">
      {useNotices().map(({ id, tone, text }) => (
        <div key={id} className="notice-float" data-tone={tone}>
          <Icon name={tone === "ok" ? "check-circle" : "warning"} />
          <div className="min-w-0 flex-1">{text}</div>
          <button type="button" className="button-quiet" aria-label="Close" onClick={() => { close(id); }}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
