import "../styles/chart.css";
import { lazy, Suspense } from "react";

/** A colour of tokens.css, without its `--color-`. */
export type Colour = "ok" | "bad" | "warn" | "run" | "later" | "idle" | "accent";

export interface Series {
  readonly name: string;
  /** One for each time; null where nothing is known. */
  readonly values: readonly (number | null)[];
  readonly colour: Colour;
  /** line if not given; an area is for what adds up from zero, bars for counts. */
  readonly shape?: "line" | "area" | "bars";
}

export interface ChartProps {
  /** What it shows: "Jobs a minute". */
  readonly label: string;
  /** Seconds since the epoch, rising. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly format?: (value: number) => string;
  /** How far apart marks may lie, rising: those of `axes.ts`. */
  readonly marks?: readonly number[];
  /** px, without the legend. */
  readonly height?: number;
  /** Charts with the same word move their cursors together. */
  readonly sync?: string;
}

const Plot = lazy(() => import("./Plot"));

/** Series over time. Who does not see it hears of each series its last value, the least and the most. */
export function Chart(props: ChartProps) {
  const { label, series, height = 180, format = plain } = props;
  return (
    <figure className="chart" aria-label={label}>
      <div aria-hidden="true">
        <Suspense fallback={<div className="chart-wait" style={{ height: height + 24 }} />}>
          <Plot {...props} height={height} format={format} />
        </Suspense>
      </div>
      <figcaption className="sr-only">{series.map((each) => summary(each, format)).join(" ")}</figcaption>
    </figure>
  );
}

export function plain(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 });
}

function summary({ name, values }: Series, format: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return `${name}: nothing known.`;
  return `${name}: ${format(known.at(-1) ?? 0)} at last, at least ${format(Math.min(...known))}, at most ${format(Math.max(...known))}.`;
}
