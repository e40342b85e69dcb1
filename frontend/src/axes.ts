/** Where an axis has its marks, and what they say. */

import { duration } from "./times";

/** Of so many a minute: where little goes on, one in an hour is seen as well. */
export const RATES: readonly number[] = Array.from({ length: 11 }, (_, power) => [1, 2, 5].map((of) => Number(`${of}e${power - 2}`))).flat();

/** Seconds: thousandths as decimals, and from a minute on what a clock has. */
export const SECONDS: readonly number[] = [
  0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30,
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600),
  ...[1, 2, 5, 10, 20].map((days) => days * 86_400),
];

/** A length of time in as few letters as say it: 0, 5ms, 250ms, 1.5s, 30s, 2m, 1h 30m. */
export function seconds(value: number): string {
  if (value === 0) return "0";
  if (value < 0.001) return `${Number((value * 1_000).toPrecision(1))}ms`;
  if (value >= 0.9995 && value < 60) return `${Number(value.toPrecision(3))}s`;
  return duration(value * 1_000);
}

/** A number on a narrow axis: 0.02, 900, 1.2k, 35k, 2M. */
export function count(value: number): string {
  return COMPACT.format(value).toLowerCase().replace("m", "M");
}

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Beside marks that lie as far apart: the time of day, or the day where it is midnight or no hours are told. */
export function moment(at: number, apart: number): string {
  const date = new Date(at * 1_000);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (apart >= 86_400 || (isMidnight && apart >= 3_600)) return DAY.format(date);
  return apart < 60 ? SECOND.format(date) : MINUTE.format(date);
}

const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const MINUTE = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECOND = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
