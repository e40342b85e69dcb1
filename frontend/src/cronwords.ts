/** Cron expressions and intervals as people say them. */

import cronstrue from "cronstrue";

const NAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** null: no words for it. Whether it is one at all is for the API to say. */
export function cronWords(expression: string): string | null {
  const trimmed = expression.trim().toLowerCase();
  const fields = (NAMES[trimmed] ?? trimmed).split(/\s+/);
  if (fields.length !== 5) return null;
  try {
    const words = cronstrue.toString(fields.join(" "), { use24HourTimeFormat: true });
    return eitherDay(fields, everyDay(fields, words));
  } catch {
    return null;
  }
}

/** "At 02:30" alone leaves open on which days. */
function everyDay([, , day, month, weekday]: readonly string[], words: string): string {
  return day === "*" && month === "*" && weekday === "*" && words.startsWith("At ") ? `${words}, every day` : words;
}

/** Where days of the month and of the week are both named, either will do. */
function eitherDay([, , day = "", , weekday = ""]: readonly string[], words: string): string {
  return day.startsWith("*") || weekday.startsWith("*") ? words : words.replace(/,? and (?=(only )?on )/, " or ");
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** "every 5 minutes", "every day", "every 1 hour 30 minutes". */
export function intervalWords(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
  }
  return `every ${parts.length === 1 ? (parts[0] ?? "").replace(/^1 /, "") : parts.join(" ")}`;
}

export function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}
