import type { ComponentProps } from "react";
import { Select, TextInput } from "../../components/Field";
import type { SubmitFields } from "../../optionfields";

/** Of a part of the form that shows and hides fields by what others say. */
export interface PartProps {
  readonly fields: SubmitFields;
  readonly tie: (name: keyof SubmitFields) => ComponentProps<"input"> & ComponentProps<"select">;
  readonly fault: string | undefined;
}

/** That there is to be one such job. */
export function UniqueFields({ fields, tie, fault }: PartProps) {
  return (
    <div className="grid gap-3">
      <label className="check">
        <input type="checkbox" {...tie("is_unique")} />
        <span>
          Unique
          <span className="hint block">While a job with the same key is there, no second one is made.</span>
        </span>
      </label>
      {fault && <p className="text-bad">{fault}</p>}
      {fields.is_unique && (
        <div className="form-columns">
          <Select label="Keeps others out" {...tie("unique_for")}>
            <option value="unfinished">until it has ended</option>
            <option value="queued">while it waits</option>
            <option value="seconds">for so many seconds</option>
          </Select>
          {fields.unique_for === "seconds" && (
            <TextInput label="Seconds" type="number" min={1} max={31_622_400} {...tie("unique_seconds")} />
          )}
          <TextInput label="Key" placeholder="job type, queue and payload" hint="Jobs with one key are the same" {...tie("unique_key")} />
          <Select label="The job that is there" {...tie("on_conflict")}>
            <option value="return">stays as it is</option>
            <option value="replace">gets this payload and time, if it waits</option>
            <option value="replace_payload">gets this payload, if it waits</option>
            <option value="replace_run_at">gets this time, if it waits</option>
          </Select>
        </div>
      )}
    </div>
  );
}
