import { useEffect, useState } from "react";
import { Icon, type IconName } from "./Icon";

const SAYS_SO_MS = 1_500;

interface CopyButtonProps {
  readonly text: string;
  /** What is copied: "the id". */
  readonly what: string;
  /** Where two of them stand beside each other. */
  readonly icon?: IconName;
}

export function CopyButton({ text, what, icon = "copy" }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<"copied" | "failed" | null>(null);
  useEffect(() => {
    if (!outcome) return;
    const timer = setTimeout(() => { setOutcome(null); }, SAYS_SO_MS);
    return () => { clearTimeout(timer); };
  }, [outcome]);

  function copy() {
    copied(text).then(
      () => { setOutcome("copied"); },
      () => { setOutcome("failed"); },
    );
  }

  return (
    <button type="button" className="button-quiet" onClick={copy} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
      <Icon name={outcome === "copied" ? "check" : icon} />
      <span role="status">{outcome === "copied" ? "Copied" : outcome === "failed" ? "Not allowed" : ""}</span>
    </button>
  );
}

/** Browsers offer the clipboard to secure pages alone: not to one read over plain HTTP from another computer. */
async function copied(text: string): Promise<void> {
  if (!window.isSecureContext) throw new Error("no clipboard on an insecure page");
  await navigator.clipboard.writeText(text);
}
