interface SparklineProps {
  /** Oldest first, evenly apart; null where nothing is known. */
  readonly values: readonly (number | null)[];
  /** What it shows, for those who do not see it: "Jobs a minute". */
  readonly label: string;
  readonly height?: number;
}

const WIDTH = 100;

/** A small line without axes, in the colour around it. Text enough for a screen reader: the last value, the least and the most. */
export function Sparkline({ values, label, height = 24 }: SparklineProps) {
  const known = values.filter((value) => value !== null);
  const most = Math.max(1e-9, ...known);
  const step = WIDTH / Math.max(1, values.length - 1);
  const line = values
    .map((value, at) => (value === null ? "" : `${values[at - 1] === null || at === 0 ? "M" : "L"}${at * step} ${height - (value / most) * (height - 2) - 1}`))
    .join("");
  return (
    <svg className="sparkline" role="img" aria-label={`${label}: ${inWords(known)}`} viewBox={`0 0 ${WIDTH} ${height}`} height={height} preserveAspectRatio="none">
      <path d={line} fill="none" stroke="currentcolor" strokeWidth="1.5" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

function inWords(known: readonly number[]): string {
  if (known.length === 0) return "nothing known";
  const round = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 1 });
  return `${round(known.at(-1) ?? 0)} now, from ${round(Math.min(...known))} to ${round(Math.max(...known))}`;
}
