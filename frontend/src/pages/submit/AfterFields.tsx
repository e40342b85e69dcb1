import { Select, TextInput } from "../../components/Field";
import type { PartProps } from "./UniqueFields";

/** The jobs that must have ended before. */
export function AfterFields({ fields, tie, fault }: PartProps) {
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
