import type { ComponentProps } from "react";
import { Choices } from "../../components/Choices";
import { TextInput } from "../../components/Field";
import type { SubmitFields } from "../../optionfields";
import { readerZone } from "../../zones";

interface WhenFieldsProps {
  readonly when: SubmitFields["when"];
  readonly tie: (name: keyof SubmitFields) => ComponentProps<"input">;
  readonly onChange: (when: SubmitFields["when"]) => void;
  readonly faults: Readonly<Record<string, string>>;
}

const WORDS = { now: "Now", delay: "After a delay", at: "At a time" } as const;

export function WhenFields({ when, tie, onChange, faults }: WhenFieldsProps) {
  return (
    <div className="grid gap-2">
      <Choices label="It runs" words={WORDS} value={when} onChange={onChange} />
      {when === "delay" && (
        <TextInput label="Delay, seconds" type="number" min={0} max={31_622_400} step="any" fault={faults["delay_seconds"]} {...tie("delay_seconds")} />
      )}
      {when === "at" && (
        <TextInput
          label="Time"
          type="datetime-local"
          step={1}
          hint={`By your clock, ${readerZone()}`}
          fault={faults["run_at"]}
          {...tie("run_at")}
        />
      )}
    </div>
  );
}
