import { Icon } from "../../components/Icon";
import type { QueueView } from "../../limits";
import { tell } from "../../notices";
import { useChangeQueue } from "../../queries";

/** Pauses a queue, or lets it go on: for operators. */
export function PauseButton({ queue: { name, paused } }: { readonly queue: QueueView }) {
  const change = useChangeQueue(name);
  return (
    <button
      type="button"
      className="button"
      aria-label={`${paused ? "Resume" : "Pause"} ${name}`}
      data-testid="queue-pause"
      disabled={change.isPending}
      onClick={() => {
        change.mutate(
          { paused: !paused },
          {
            onSuccess: () => { tell("ok", paused ? `${name} goes on.` : `${name} is paused. What runs goes on to its end.`); },
            onError: (error) => { tell("bad", `${name} was not changed: ${error.message}`); },
          },
        );
      }}
    >
      <Icon name={paused ? "play" : "pause"} />
      {paused ? "Resume" : "Pause"}
    </button>
  );
}
