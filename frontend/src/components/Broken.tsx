import type { ErrorComponentProps } from "@tanstack/react-router";
import { Nothing } from "./Nothing";

/** A page that could not be drawn, or whose piece of the program did not come: after a new release the old one is gone. */
export function Broken({ error }: ErrorComponentProps) {
  return (
    <Nothing icon="warning" title="This page could not be shown">
      <p className="text-bad" role="alert">
        {error instanceof Error ? error.message : String(error)}
      </p>
      <button type="button" className="button" onClick={() => { window.location.reload(); }}>
        Load it again
      </button>
    </Nothing>
  );
}
