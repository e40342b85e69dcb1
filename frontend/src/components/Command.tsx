import type { Caller } from "../curl";
import { useSession } from "../hooks";
import { Code } from "./Code";

interface CommandProps {
  readonly make: (caller: Caller) => string;
  readonly what: string;
}

/** A command to copy, as whoever is signed in would have to give it. */
export function Command({ make, what }: CommandProps) {
  const { key } = useSession();
  return <Code text={make({ origin: document.baseURI, hasKey: key !== null })} what={what} />;
}

/** Below commands. */
export function KeyHint() {
  return useSession().key !== null && <p className="hint">Put a key into the variable JOBS_KEY first.</p>;
}
