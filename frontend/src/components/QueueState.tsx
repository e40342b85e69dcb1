import "../styles/figures.css";

/** Whether jobs of a queue are started. */
export function QueueState({ isPaused }: { readonly isPaused: boolean }) {
  return (
    <span className="life" data-tone={isPaused ? "warn" : "ok"}>
      {isPaused ? "Paused" : "Open"}
    </span>
  );
}
