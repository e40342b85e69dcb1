/** The same moment on the clocks of other places, and where those are changed. */

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

/** The reader's own, as the computer has it. */
export function readerZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** UTC and the reader's own come first. */
export function zoneNames(): readonly string[] {
  const first = [...new Set([readerZone(), "UTC"])];
  return [...first, ...Intl.supportedValuesOf("timeZone").filter((name) => !first.includes(name))];
}

const formats = new Map<string, Intl.DateTimeFormat | null>();

function formatOf(zone: string): Intl.DateTimeFormat | null {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = madeFormat(zone);
  formats.set(zone, made);
  return made;
}

function madeFormat(zone: string): Intl.DateTimeFormat | null {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return null;
  }
}

export function isZone(name: string): boolean {
  return formatOf(name) !== null;
}

/** What the clock shows, as if it were UTC. A zone that this browser does not know shows UTC. */
function shown(at: number, zone: string): number {
  const parts = formatOf(zone)?.formatToParts(at);
  if (!parts) return at;
  const part = (type: Intl.DateTimeFormatPartTypes) => Number(parts.find((each) => each.type === type)?.value);
  const whole = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return whole + (((at % 1_000) + 1_000) % 1_000);
}

/** How far the clock is ahead of UTC, in minutes. */
export function offsetAt(at: number, zone: string): number {
  return (shown(at, zone) - at) / MINUTE;
}

/** "UTC+02:00". */
export function offsetName(minutes: number): string {
  if (minutes === 0) return "UTC";
  const size = Math.round(Math.abs(minutes));
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** "Sun 28 Mar 2027, 03:30"; seconds where there are any. */
export function inZone(at: number, zone: string): string {
  return `${dayIn(at, zone)}, ${clockIn(at, zone)}`;
}

export function dayIn(at: number, zone: string): string {
  const wall = new Date(shown(at, zone));
  return `${DAYS[wall.getUTCDay()] ?? ""} ${wall.getUTCDate()} ${MONTHS[wall.getUTCMonth()] ?? ""} ${wall.getUTCFullYear()}`;
}

export function clockIn(at: number, zone: string): string {
  return clockOf(shown(at, zone));
}

function clockOf(time: number): string {
  const wall = new Date(time);
  const minutes = `${two(wall.getUTCHours())}:${two(wall.getUTCMinutes())}`;
  return wall.getUTCSeconds() === 0 ? minutes : `${minutes}:${two(wall.getUTCSeconds())}`;
}

/** As an `<input type="datetime-local">` has it: "2027-03-28T03:30". */
export function wallText(at: number, zone: string): string {
  const text = new Date(shown(at, zone)).toISOString().replace(/\.000Z$|Z$/, "");
  return text.replace(/:00$/, "");
}

export interface Moment {
  readonly at: number;
  /** skipped: the clock never shows this time, and passes it by; twice: it shows it two times, and the first is meant. */
  readonly kind: "plain" | "skipped" | "twice";
}

/** The moment at which the clock there shows this; null: that is no time. */
export function momentOf(text: string, zone: string): Moment | null {
  const wall = Date.parse(`${text}Z`);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) || Number.isNaN(wall)) return null;
  const offsets = new Set([offsetAt(wall - DAY, zone), offsetAt(wall + DAY, zone)]);
  const fitting = [...offsets].map((offset) => wall - offset * MINUTE).filter((at) => shown(at, zone) === wall);
  const first = fitting.toSorted((a, b) => a - b)[0];
  if (first !== undefined) return { at: first, kind: fitting.length > 1 ? "twice" : "plain" };
  return { at: wall - offsetAt(wall - DAY, zone) * MINUTE, kind: "skipped" };
}

export interface ClockChange {
  readonly at: number;
  readonly zone: string;
  /** Minutes by which the clock is put forward; back if it is less than nothing. */
  readonly by: number;
}

/** Where, after one moment and up to a later one, the clock begins to have another distance from UTC. */
export function changeBetween(from: number, to: number, zone: string): ClockChange | null {
  const before = offsetAt(from, zone);
  const by = offsetAt(to, zone) - before;
  if (by === 0) return null;
  let [low, high] = [Math.floor(from / 1_000), Math.ceil(to / 1_000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(middle * 1_000, zone) === before) low = middle;
    else high = middle;
  }
  return { at: high * 1_000, zone, by };
}

/** "Clocks in Europe/Berlin go forward by 1 h, from 02:00 to 03:00, on Sun 28 Mar 2027." */
export function changeInWords({ at, zone, by }: ClockChange): string {
  const size = Math.abs(by);
  const length = size % 60 === 0 ? `${size / 60} h` : `${size} min`;
  const before = clockOf(shown(at, zone) - by * MINUTE);
  return `Clocks in ${zone} go ${by > 0 ? "forward" : "back"} by ${length}, from ${before} to ${clockIn(at, zone)}, on ${dayIn(at, zone)}.`;
}

export interface PlannedTime {
  readonly at: number;
  /** Of either zone, since the time before. */
  readonly changes: readonly ClockChange[];
}

/** Times with what becomes of the clocks between them. from: when the first is looked for. */
export function planned(times: readonly string[], from: number, zones: readonly string[]): readonly PlannedTime[] {
  return times.map((time, index) => {
    const before = index === 0 ? from : Date.parse(times[index - 1] ?? time);
    const at = Date.parse(time);
    return { at, changes: [...new Set(zones)].flatMap((zone) => changeBetween(before, at, zone) ?? []) };
  });
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
