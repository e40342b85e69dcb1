/** uPlot, in a piece of its own. `Chart` is what pages use. */

import { useEffect, useLayoutEffect, useRef, useSyncExternalStore } from "react";
import uPlot from "uplot";
import { looksDark, onTheme } from "../theme";
import type { ChartProps, Colour, Series } from "./Chart";

type PlotProps = Required<Omit<ChartProps, "sync">> & Pick<ChartProps, "sync">;

export default function Plot({ times, series, format, height, sync }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const isDark = useSyncExternalStore(onTheme, looksDark);
  const data = useRef<uPlot.AlignedData>([[]]);
  const formatter = useRef(format);
  const looks = series.map(({ name, colour, shape }) => `${name} ${colour} ${shape ?? "line"}`).join("\n");
  useLayoutEffect(() => {
    formatter.current = format;
    data.current = [[...times], ...series.map(({ values }) => [...values])];
    plot.current?.setData(data.current);
  }, [times, series, format]);

  // A canvas has no style sheet: another theme, or another set of series, is another plot.
  useEffect(() => {
    const parent = place.current;
    if (!parent) return;
    const made = new uPlot(options(parent, looks, height, sync, (value) => formatter.current(value)), data.current, parent);
    plot.current = made;
    const observer = new ResizeObserver(() => { made.setSize({ width: parent.clientWidth, height }); });
    observer.observe(parent);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [looks, height, sync, isDark]);
  return <div ref={place} style={{ minHeight: height + 24 }} />;
}

function options(
  parent: HTMLElement,
  looks: string,
  height: number,
  sync: string | undefined,
  format: (value: number) => string,
): uPlot.Options {
  const colour = (name: string) => resolved(parent, name);
  const axis: uPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "11px ui-sans-serif, system-ui, sans-serif",
  };
  return {
    width: parent.clientWidth,
    height,
    padding: [8, 16, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, ...(sync !== undefined && { sync: { key: sync } }) },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis, grid: { show: false }, size: 28, space: 70, values: (_plot, times, _axis, _space, step) => times.map((at) => moment(at, step)) }, { ...axis, size: 48, values: (_plot, values) => values.map((value) => format(value)) }],
    series: [
      { value: (_plot, at: number | null) => (at === null ? "–" : moment(at, MINUTE)), label: "At" },
      ...looks.split("\n").map((look) => drawn(look, colour, format)),
    ],
  };
}

function drawn(look: string, colour: (name: string) => string, format: (value: number) => string): uPlot.Series {
  const [shape, name, ...label] = look.split(" ").toReversed() as [NonNullable<Series["shape"]>, Colour, ...string[]];
  const stroke = colour(name);
  const bars = shape === "bars" && uPlot.paths.bars?.({ size: [0.7, 24], align: 0 });
  return {
    label: label.toReversed().join(" "),
    stroke,
    width: bars ? 0 : 1.5,
    points: { show: false },
    value: (_plot, value: number | null) => (value === null ? "–" : format(value)),
    ...(shape !== "line" && { fill: bars ? stroke : faded(stroke) }),
    ...(bars && { paths: bars }),
  };
}

const MINUTE = 60;
const DAY = 86_400;

/** As exact as the step to the next one. */
function moment(at: number, step: number): string {
  const date = new Date(at * 1_000);
  if (step >= DAY) return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const seconds = step < MINUTE && ({ second: "2-digit" } as const);
  return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", ...seconds, hour12: false });
}

/** A token's colour as the theme has it now. The style sheet alone knows `light-dark`. */
function resolved(parent: HTMLElement, name: string): string {
  const probe = parent.appendChild(document.createElement("span"));
  probe.style.color = `var(--color-${name})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function faded(color: string): string {
  return color.replace(/^rgb\((.*)\)$/, "rgba($1, 0.14)");
}
