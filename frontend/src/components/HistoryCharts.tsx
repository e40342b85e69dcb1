import "../styles/figures.css";
import type { ReactNode } from "react";
import { count, RATES, SECONDS, seconds } from "../axes";
import { RANGES, type History, type Percentiles, type RangeName } from "../series";
import { Chart, type Series } from "./Chart";

const HEIGHT = 190; // px, without the legend
const SYNC = "history";

interface HistoryChartsProps {
  /** undefined: it is being read. */
  readonly history: History | undefined;
  readonly range: RangeName;
  /** What is shown is still that of another range. */
  readonly isOld: boolean;
}

/** How jobs ended, how long they waited, and how long they ran. */
export function HistoryCharts({ history, range, isOld }: HistoryChartsProps) {
  const isQuiet = history?.wait.p50.every((value) => value === null) ?? false;
  const note = isQuiet && !isOld ? `nothing ended in the last ${RANGES[range].words}` : "";
  return (
    <div className="charts" data-busy={isOld} data-testid="charts">
      <Box title="Ended per minute" note={note}>
        {history && <Chart label="Attempts that ended, a minute" times={history.times} series={ends(history)} format={count} marks={RATES} height={HEIGHT} sync={SYNC} />}
      </Box>
      <Box title="Wait before a start">
        {history && <Chart label="Seconds from due to started" times={history.times} series={lengths(history.wait)} format={seconds} marks={SECONDS} height={HEIGHT} sync={SYNC} />}
      </Box>
      <Box title="Run time">
        {history && <Chart label="Seconds from started to ended" times={history.times} series={lengths(history.run)} format={seconds} marks={SECONDS} height={HEIGHT} sync={SYNC} />}
      </Box>
    </div>
  );
}

interface BoxProps {
  readonly title: string;
  readonly note?: string;
  readonly children: ReactNode;
}

function Box({ title, note, children }: BoxProps) {
  return (
    <section className="box">
      <h2 className="box-head">
        {title}
        {note && <span className="box-note">{note}</span>}
      </h2>
      {children ?? <div className="chart-wait" style={{ height: HEIGHT + 24 }} />}
    </section>
  );
}

function ends({ completed, failed, retried }: History): readonly Series[] {
  return [
    { name: "Completed", values: completed, colour: "ok", shape: "area" },
    { name: "Retried", values: retried, colour: "warn" },
    { name: "Failed", values: failed, colour: "bad" },
  ];
}

function lengths({ p50, p95, p99 }: Percentiles): readonly Series[] {
  return [
    { name: "p50", values: p50, colour: "accent" },
    { name: "p95", values: p95, colour: "run" },
    { name: "p99", values: p99, colour: "later" },
  ];
}
