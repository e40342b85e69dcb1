import type { ComponentProps } from "react";
import { Controller, type Control } from "react-hook-form";
import { Choices } from "../../components/Choices";
import { Combobox } from "../../components/Combobox";
import { Field, TextInput } from "../../components/Field";
import { cronWords } from "../../cronwords";
import type { Faults, Kind, ScheduleFields } from "../../scheduleform";
import { momentOf, offsetAt, offsetName, zoneNames } from "../../zones";

type Tie = (name: keyof ScheduleFields) => ComponentProps<"input"> & ComponentProps<"select">;

interface TimingFieldsProps {
  readonly fields: ScheduleFields;
  readonly control: Control<ScheduleFields>;
  readonly tie: Tie;
  readonly faults: Faults;
  readonly onKind: (kind: Kind) => void;
}

const KINDS = { cron: "Cron", interval: "Interval", once: "Once" } as const;
const now = Date.now();
const ZONES = zoneNames().map((value) => ({ value, about: offsetName(offsetAt(now, value)) }));

export function TimingFields({ fields, control, tie, faults, onKind }: TimingFieldsProps) {
  return (
    <>
      <Choices label="It runs" words={KINDS} value={fields.kind} onChange={onKind} />
      {fields.kind === "cron" && <CronField cron={fields.cron} tie={tie} fault={faults.cron} />}
      {fields.kind === "interval" && <IntervalField tie={tie} fault={faults.every} />}
      {fields.kind === "once" && (
        <TextInput label="At" type="datetime-local" step={1} fault={faults.at} hint={clockHint(fields.at, fields.timezone)} {...tie("at")} />
      )}
      <Field label="Time zone" hint={zoneHint(fields.kind)} fault={faults.timezone}>
        {(own) => (
          <Controller
            control={control}
            name="timezone"
            render={({ field }) => (
              <Combobox control={own} testId="timezone" value={field.value} choices={ZONES} onChange={field.onChange} onBlur={field.onBlur} />
            )}
          />
        )}
      </Field>
      {fields.kind !== "once" && (
        <div className="form-columns">
          <TextInput
            label="Not before"
            type="datetime-local"
            step={1}
            fault={faults.starts_at}
            hint={clockHint(fields.starts_at, fields.timezone) ?? "Empty: from now on"}
            {...tie("starts_at")}
          />
          <TextInput
            label="Not after"
            type="datetime-local"
            step={1}
            fault={faults.ends_at}
            hint={clockHint(fields.ends_at, fields.timezone) ?? "Empty: without an end"}
            {...tie("ends_at")}
          />
        </div>
      )}
    </>
  );
}

interface CronFieldProps {
  readonly cron: string;
  readonly tie: Tie;
  readonly fault: string | undefined;
}

const PLACES = ["minute", "hour", "day of month", "month", "day of week"].join(" · ");

function CronField({ cron, tie, fault }: CronFieldProps) {
  const words = cronWords(cron);
  return (
    <div>
      <TextInput
        label="Cron expression"
        className="font-mono"
        spellCheck={false}
        fault={fault}
        hint={
          <>
            <span className="when-words block text-ink" data-testid="cron-words">
              {words ?? "No words for this yet"}
            </span>
            {PLACES}, or a name such as @daily
          </>
        }
        data-testid="cron"
        {...tie("cron")}
      />
    </div>
  );
}

function IntervalField({ tie, fault }: { readonly tie: Tie; readonly fault: string | undefined }) {
  return (
    <Field label="Every" fault={fault} hint="Of elapsed time, whatever the clock on the wall does; counted from the start, or from when it is made">
      {(own) => (
        <div className="flex gap-2">
          <input {...tie("every")} {...own} className="field w-28" type="number" min={0} step="any" required data-testid="every" />
          <select {...tie("unit")} className="field field-small" aria-label="Unit">
            <option>seconds</option>
            <option>minutes</option>
            <option>hours</option>
            <option>days</option>
          </select>
        </div>
      )}
    </Field>
  );
}

function zoneHint(kind: Kind): string {
  return kind === "cron" ? "The expression and the times on this page go by its clock" : "The times on this page go by its clock";
}

/** null: the clock there shows it once, as any other time. */
function clockHint(text: string, zone: string): string | null {
  switch (momentOf(text, zone)?.kind) {
    case "skipped":
      return `The clock in ${zone} passes this time by: as much later is meant`;
    case "twice":
      return `The clock in ${zone} shows this time twice: the first is meant`;
    case "plain":
    case undefined:
      return null;
  }
}
