import { STATE_NAMES, type State } from "../../schedules";

const TONES = { active: "ok", paused: "warn", ended: undefined } as const;

export function StateBadge({ state }: { readonly state: State }) {
  return (
    <span className="state-badge" data-state={state} data-tone={TONES[state]}>
      {STATE_NAMES[state]}
    </span>
  );
}
