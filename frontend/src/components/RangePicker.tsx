import "../styles/figures.css";
import { RANGE_NAMES, RANGES, type RangeName } from "../series";

interface RangePickerProps {
  readonly range: RangeName;
  readonly onChoose: (range: RangeName) => void;
  /** Why no other can be chosen now. */
  readonly locked?: string | null;
}

/** How far back charts look. */
export function RangePicker({ range, onChoose, locked = null }: RangePickerProps) {
  return (
    <div className="segments" role="group" aria-label="How far back" title={locked ?? undefined}>
      {RANGE_NAMES.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === range}
          disabled={locked !== null && name !== range}
          data-testid={`range-${name}`}
          onClick={() => { if (locked === null) onChoose(name); }}
        >
          {RANGES[name].words}
        </button>
      ))}
    </div>
  );
}
