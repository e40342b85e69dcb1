/** What may be said of a job beside its type and payload: as it is typed, and as the API takes it. */

import type { SubmitOptions } from "./api/calls";
import { momentOf } from "./zones";

/** As typed; empty for the default. */
export interface OptionFields {
  readonly queue: string;
  readonly priority: string;
  readonly max_attempts: string;
  readonly timeout_seconds: string;
  /** With commas between. */
  readonly tags: string;
  readonly concurrency_key: string;
}

export const NO_OPTIONS: OptionFields = {
  queue: "",
  priority: "",
  max_attempts: "",
  timeout_seconds: "",
  tags: "",
  concurrency_key: "",
};

/** When it is to run, and that there is to be one such job: said of a single submit alone. */
export interface SubmitFields extends OptionFields {
  readonly when: "now" | "delay" | "at";
  readonly delay_seconds: string;
  /** By the reader's clock. */
  readonly run_at: string;
  /** Ids, with commas or blanks between. */
  readonly depends_on: string;
  readonly if_dependency_fails: "fail" | "run";
  readonly is_unique: boolean;
  readonly unique_for: "unfinished" | "queued" | "seconds";
  readonly unique_seconds: string;
  readonly unique_key: string;
  readonly on_conflict: "return" | "replace" | "replace_payload" | "replace_run_at";
}

export const NO_FIELDS: SubmitFields = {
  ...NO_OPTIONS,
  when: "now",
  delay_seconds: "60",
  run_at: "",
  depends_on: "",
  if_dependency_fails: "fail",
  is_unique: false,
  unique_for: "unfinished",
  unique_seconds: "3600",
  unique_key: "",
  on_conflict: "return",
};

/** Only what was said. */
export function optionsOf(fields: OptionFields): SubmitOptions {
  return {
    ...(fields.queue.trim() && { queue: fields.queue.trim() }),
    ...numbers(fields, ["priority", "max_attempts", "timeout_seconds"]),
    ...(tagsOf(fields.tags).length > 0 && { tags: tagsOf(fields.tags) }),
    ...(fields.concurrency_key && { concurrency_key: fields.concurrency_key }),
  };
}

export function submitOptionsOf(fields: SubmitFields, zone: string): SubmitOptions {
  return { ...optionsOf(fields), ...timeOf(fields, zone), ...dependenciesOf(fields), ...(fields.is_unique && { unique: uniqueOf(fields) }) };
}

function timeOf({ when, delay_seconds, run_at }: SubmitFields, zone: string): SubmitOptions {
  switch (when) {
    case "now":
      return {};
    case "delay":
      return { delay_seconds: number(delay_seconds) };
    case "at": {
      const moment = momentOf(run_at, zone);
      return { run_at: moment ? new Date(moment.at).toISOString() : run_at };
    }
  }
}

function dependenciesOf({ depends_on, if_dependency_fails }: SubmitFields): SubmitOptions {
  const ids = depends_on.split(/[\s,]+/).filter(Boolean);
  return ids.length === 0 ? {} : { depends_on: ids, ...(if_dependency_fails !== "fail" && { if_dependency_fails }) };
}

function uniqueOf({ unique_for, unique_seconds, unique_key, on_conflict }: SubmitFields): NonNullable<SubmitOptions["unique"]> {
  return {
    ...(unique_for === "seconds" ? { for: number(unique_seconds) } : unique_for === "queued" ? { for: "queued" as const } : {}),
    ...(unique_key && { key: unique_key }),
    ...(on_conflict !== "return" && { on_conflict }),
  };
}

export function tagsOf(text: string): readonly string[] {
  return [...new Set(text.split(",").map((tag) => tag.trim()).filter(Boolean))];
}

type NumberName = "priority" | "max_attempts" | "timeout_seconds";

function numbers(fields: OptionFields, names: readonly NumberName[]): Partial<Record<NumberName, number>> {
  return Object.fromEntries(names.filter((name) => fields[name].trim() !== "").map((name) => [name, number(fields[name])]));
}

/** None is sent as null, which the API refuses in its own words. */
function number(text: string): number {
  return Number(text.trim() || "NaN");
}

/** Where a fault of the API belongs: "$.job.tags[0]" with the prefix "$.job" is "tags"; "" for the whole. */
export function fieldOf(path: string, prefix = "$"): string {
  const rest = path === prefix ? "" : path.startsWith(`${prefix}.`) ? path.slice(prefix.length + 1) : null;
  return rest === null ? "" : (/^[^.[]*/.exec(rest)?.[0] ?? "");
}
