import type { ComponentProps } from "react";
import { Select, TextInput } from "../../components/Field";
import type { Faults, ScheduleFields } from "../../scheduleform";
import { MISFIRES, OVERLAPS } from "../../schedules";

interface RuleFieldsProps {
  readonly fields: ScheduleFields;
  readonly tie: (name: keyof ScheduleFields) => ComponentProps<"input"> & ComponentProps<"select">;
  readonly faults: Faults;
}

/** What a choice means stands below it: a name and a colon, which the list shows, and a sentence. */
export function RuleFields({ fields, tie, faults }: RuleFieldsProps) {
  return (
    <>
      <Select label="Times that passed while nothing ran" fault={faults.misfire} hint={sentence(MISFIRES[fields.misfire])} {...tie("misfire")}>
        <Options of={MISFIRES} />
      </Select>
      {fields.misfire === "run_all" && (
        <TextInput
          label="Catch up at most"
          type="number"
          min={1}
          max={100}
          required
          hint={
            fields.overlap === "allow"
              ? "Of the times missed, the latest so many are made up for; older ones are lost."
              : "Runs may not overlap, so of the times missed only the latest gets one, whatever stands here."
          }
          fault={faults.catch_up}
          {...tie("catch_up")}
        />
      )}
      <Select label="While a run is not finished, the next" fault={faults.overlap} hint={sentence(OVERLAPS[fields.overlap])} {...tie("overlap")}>
        <Options of={OVERLAPS} />
      </Select>
    </>
  );
}

function Options({ of }: { readonly of: Readonly<Record<string, string>> }) {
  return Object.entries(of).map(([value, words]) => (
    <option key={value} value={value}>
      {words.slice(0, words.indexOf(":"))}
    </option>
  ));
}

function sentence(words: string): string {
  const rest = words.slice(words.indexOf(":") + 2);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
