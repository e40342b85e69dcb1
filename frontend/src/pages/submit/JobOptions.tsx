import type { ComponentProps } from "react";
import { TextInput } from "../../components/Field";
import type { JobType } from "../../jobs";
import type { OptionFields } from "../../optionfields";

interface JobOptionsProps {
  /** Whose defaults are shown where nothing is typed. */
  readonly jobType: JobTypeDefaults | undefined;
  /** What ties a field to its form. */
  readonly tie: (name: keyof OptionFields) => ComponentProps<"input">;
  readonly faults: Partial<Record<keyof OptionFields, string>>;
}

/** Newer APIs tell of them. */
export type JobTypeDefaults = JobType & { readonly queue?: string; readonly priority?: number };

/** What may be said of a job beside its type and payload; a submit and a schedule take the same. */
export function JobOptions({ jobType, tie, faults }: JobOptionsProps) {
  return (
    <div className="form-columns">
      <TextInput label="Queue" placeholder={jobType?.queue ?? "default"} fault={faults.queue} {...tie("queue")} />
      <TextInput
        label="Priority"
        type="number"
        min={-100}
        max={100}
        placeholder={String(jobType?.priority ?? 0)}
        hint="−100 to 100; higher goes first"
        fault={faults.priority}
        {...tie("priority")}
      />
      <TextInput
        label="Attempts"
        type="number"
        min={1}
        max={100}
        placeholder={jobType && String(jobType.max_attempts)}
        hint="At most so many"
        fault={faults.max_attempts}
        {...tie("max_attempts")}
      />
      <TextInput
        label="Timeout, seconds"
        type="number"
        min={0}
        max={86_400}
        step="any"
        placeholder={jobType && String(jobType.timeout_seconds)}
        hint="For one attempt"
        fault={faults.timeout_seconds}
        {...tie("timeout_seconds")}
      />
      <TextInput label="Tags" placeholder="none" hint="With commas between" fault={faults.tags} {...tie("tags")} />
      <TextInput
        label="Concurrency key"
        placeholder="none"
        hint="Jobs with the same key take turns where their queue limits keys"
        fault={faults.concurrency_key}
        {...tie("concurrency_key")}
      />
    </div>
  );
}
