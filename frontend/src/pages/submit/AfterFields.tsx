import type { ComponentProps } from "react";
import { Select, TextInput } from "../../components/Field";
import type { SubmitFields } from "../../optionfields";

interface AfterFieldsProps {
  readonly fields: SubmitFields;
  readonly tie: (name: keyof SubmitFields) => ComponentProps<"input"> & ComponentProps<"select">;
  readonly fault: string | undefined;
}

/** The jobs that must have ended before. */
export function AfterFields({ fields, tie, fault }: AfterFieldsProps) {
  return (
    <div className="form-columns">
      <TextInput label="Runs after" placeholder="no other job" hint="Ids of jobs, with commas between" fault={fault} {...tie("depends_on")} />
      {fields.depends_on.trim() && (
        <Select label="If one of those fails" {...tie("if_dependency_fails")}>
          <option value="fail">this job fails too</option>
          <option value="run">it runs when all have ended</option>
        </Select>
      )}
    </div>
  );
}
