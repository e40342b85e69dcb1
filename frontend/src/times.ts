/** Times as people read them. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "12s ago", "in 3m". Less than a second either way is "now". */
export function relative(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < SECOND) return "now";
  return at < now ? `${coarse(distance)} ago` : `in ${coarse(distance)}`;
}

/** As exact as it is useful: 34ms, 1.24s, 12.3s, 3m 20s, 2h 5m, 3d 4h. */
export function duration(ms: number): string {
  const length = Math.max(0, ms);
  if (length < SECOND) return `${Math.round(length)}ms`;
  if (length < 10 * SECOND) return `${(length / SECOND).toFixed(2)}s`;
  if (length < MINUTE) return `${(Math.floor(length / 100) / 10).toFixed(1)}s`;
  if (length < HOUR) return two(length, MINUTE, "m", SECOND, "s");
  if (length < DAY) return two(length, HOUR, "h", MINUTE, "m");
  return two(length, DAY, "d", HOUR, "h");
}

/** The same of something that goes on: whole seconds, since it is looked at once a second. */
export function elapsed(ms: number): string {
  return ms < MINUTE ? coarse(Math.max(0, ms)) : duration(ms);
}

/** The time of day by this computer's clock: 14:03:22. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** One unit, rounded down. */
function coarse(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h`;
  return `${Math.floor(ms / DAY)}d`;
}

function two(ms: number, unit: number, name: string, smaller: number, smallerName: string): string {
  const rest = Math.floor((ms % unit) / smaller);
  const whole = `${Math.floor(ms / unit)}${name}`;
  return rest === 0 ? whole : `${whole} ${rest}${smallerName}`;
}
