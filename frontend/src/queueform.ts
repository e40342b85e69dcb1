/** The form in which a queue's settings are changed. Its fields are named as the API names what they set. */

import type { Schemas } from "./api/client";
import type { QueueView } from "./limits";

type Rate = Schemas["Rate"];
export type QueueChange = Schemas["QueueChange"];

/** What stands in the fields. Empty: no limit, no default. */
export interface QueueForm {
  readonly max_running: string;
  readonly rate_limit: RateForm;
  readonly max_running_per_key: string;
  readonly rate_limit_per_key: RateForm;
  readonly weight: string;
  readonly default_priority: string;
  readonly default_max_attempts: string;
  readonly default_timeout_seconds: string;
}

export interface RateForm {
  readonly jobs: string;
  readonly per_seconds: string;
  readonly burst: string;
}

const NUMBERS = ["max_running", "max_running_per_key", "default_priority", "default_max_attempts", "default_timeout_seconds"] as const;
const RATES = ["rate_limit", "rate_limit_per_key"] as const;

export const FIELDS = [
  ...NUMBERS,
  "weight",
  ...RATES.flatMap((name) => [`${name}.jobs`, `${name}.per_seconds`, `${name}.burst`] as const),
] as const;

export type FieldName = (typeof FIELDS)[number];

export function formOf(queue: QueueView): QueueForm {
  return {
    max_running: written(queue.max_running),
    rate_limit: rateForm(queue.rate_limit),
    max_running_per_key: written(queue.max_running_per_key),
    rate_limit_per_key: rateForm(queue.rate_limit_per_key),
    weight: written(queue.weight),
    default_priority: written(queue.default_priority),
    default_max_attempts: written(queue.default_max_attempts),
    default_timeout_seconds: written(queue.default_timeout_seconds),
  };
}

/** Only what is different from what the reader began with: what somebody else set meanwhile stays. */
export function changeOf(form: QueueForm, before: QueueForm): QueueChange {
  const numbers = NUMBERS.filter((name) => form[name].trim() !== before[name]).map((name) => [name, read(form[name])]);
  const rates = RATES.filter((name) => isChanged(form[name], before[name])).map((name) => [name, rateOf(form[name])]);
  const weight = form.weight.trim() !== before.weight ? [["weight", read(form.weight) ?? 1]] : [];
  // What was typed may be no number: the API says so, at its field.
  return Object.fromEntries([...numbers, ...rates, ...weight]) as QueueChange;
}

/** The field that a fault is about: `$.rate_limit.jobs`, and `$.rate_limit` where a part is missing. */
export function fieldOf(path: string): FieldName | null {
  const name = path.replace(/^\$\.?/, "");
  return FIELDS.find((field) => field === name) ?? FIELDS.find((field) => field === `${name}.jobs`) ?? null;
}

/** A refusal in the reader's words; others stay as they are. */
export function plainly(detail: string): string {
  const bound = /^Expected `(?:int|float)(?: \| null)?` (>=|<=|>|<) (-?[\d.e+-]+)/.exec(detail);
  if (bound) return `Must be ${BOUNDS[bound[1] ?? ""] ?? ""} ${Number(bound[2]).toLocaleString("en", { maximumFractionDigits: 6 })}.`;
  const kind = /^Expected `([^`]*)`, got /.exec(detail)?.[1]?.split(" | ") ?? [];
  if (kind.includes("float")) return "Must be a number.";
  return kind.includes("int") ? "Must be a whole number." : detail;
}

const BOUNDS: Readonly<Record<string, string>> = { ">=": "at least", "<=": "at most", ">": "more than", "<": "less than" };

function written(value: number | null): string {
  return value === null ? "" : String(value);
}

function rateForm(rate: Rate | null): RateForm {
  return { jobs: written(rate?.jobs ?? null), per_seconds: written(rate?.per_seconds ?? 1), burst: written(rate?.burst ?? null) };
}

function isChanged(rate: RateForm, before: RateForm): boolean {
  return (["jobs", "per_seconds", "burst"] as const).some((part) => rate[part].trim() !== before[part]);
}

function rateOf({ jobs, per_seconds, burst }: RateForm): unknown {
  if (jobs.trim() === "" && burst.trim() === "") return null;
  return {
    ...(jobs.trim() !== "" && { jobs: read(jobs) }),
    ...(per_seconds.trim() !== "" && { per_seconds: read(per_seconds) }),
    burst: read(burst),
  };
}

function read(text: string): number | string | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
}
