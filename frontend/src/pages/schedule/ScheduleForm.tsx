import "../../styles/forms.css";
import "../../styles/schedule.css";
import { useRef, useState } from "react";
import { Controller, useForm, useWatch } from "react-hook-form";
import { ChangedMeanwhile } from "../../api/schedules";
import { Combobox } from "../../components/Combobox";
import { Field, TextInput } from "../../components/Field";
import { JsonEditor, usePayloadFaults } from "../../components/JsonEditor";
import { isForbidden, Refused } from "../../http";
import { mayNot } from "../../hooks";
import type { JobType } from "../../jobs";
import { samplePayload } from "../../sample";
import { definitionOf, faultsAt, missing, type Faults, type ScheduleFields } from "../../scheduleform";
import { failureOf, useSaveSchedule } from "../../schedulequeries";
import type { Schedule } from "../../schedules";
import { JobOptions } from "../submit/JobOptions";
import { PlanPreview } from "./PlanPreview";
import { RuleFields } from "./RuleFields";
import { TimingFields } from "./TimingFields";

interface ScheduleFormProps {
  readonly jobTypes: readonly JobType[];
  /** What is edited; null: a new one is made. */
  readonly known: Schedule | null;
  /** What the form begins with. */
  readonly fields: ScheduleFields;
  readonly onSaved: (schedule: Schedule) => void;
}

/** What it began with stays: what is read later, the reader has not seen, and may not overwrite without being told. */
export function ScheduleForm({ jobTypes, known: given, fields: givenFields, onSaved }: ScheduleFormProps) {
  const [{ known, first }] = useState(() => ({ known: given, first: begun(givenFields, jobTypes) }));
  const { register, control, setValue } = useForm<ScheduleFields>({ defaultValues: first });
  const fields = { ...first, ...useWatch({ control }) };
  const [isAsked, setAsked] = useState(false); // once it is, what is missing is said
  const [overwritten, setOverwritten] = useState<number | null>(null); // another's version, which is known by now to go
  const save = useSaveSchedule();
  const form = useRef<HTMLFormElement>(null);

  const jobType = jobTypes.find(({ name }) => name === fields.job_type);
  const schema = jobType?.schema ?? ANYTHING;
  const payloadFaults = usePayloadFaults(fields.payload, schema);
  const lacks = missing(fields, known);
  const faults: Faults = { ...(isAsked && lacks), ...refusedAt(save.error, fields) };

  function send() {
    setAsked(true);
    if (save.isPending || payloadFaults.length > 0 || Object.keys(lacks).length > 0) return;
    if (!form.current?.reportValidity()) return;
    const seen = known && { name: known.name, version: overwritten ?? known.version };
    save.mutate(
      { known: seen, definition: definitionOf(fields, known) },
      {
        onSuccess: onSaved,
        onError: (error) => { if (error instanceof ChangedMeanwhile) setOverwritten(error.version); },
      },
    );
  }

  function choose(name: string) {
    const chosen = jobTypes.find((each) => each.name === name);
    const wasSample = fields.payload === sampleOf(jobType);
    setValue("job_type", name);
    if (wasSample || fields.payload.trim() === "") setValue("payload", sampleOf(chosen));
  }

  return (
    <form
      ref={form}
      className="form-halves"
      aria-label={known ? `Edit ${known.name}` : "New schedule"}
      onChange={() => { if (save.isError) save.reset(); }}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div>
        <section className="box" aria-label="When">
          <div className="box-body pt-3">
            {known === null && (
              <TextInput
                label="Name"
                hint="Letters, digits and _ . : -"
                maxLength={80}
                fault={faults.name}
                data-testid="schedule-name"
                {...register("name")}
              />
            )}
            <TimingFields fields={fields} control={control} tie={register} faults={faults} onKind={(kind) => { setValue("kind", kind); }} />
          </div>
        </section>
        <section className="box" aria-label="The job">
          <h2 className="box-head">The job of each run</h2>
          <div className="box-body">
            <Field label="Job type" hint={jobType?.description} fault={faults.job_type}>
              {(tie) => (
                <Combobox
                  control={tie}
                  testId="job-type"
                  value={fields.job_type}
                  choices={jobTypes.map((each) => ({ value: each.name, about: each.description }))}
                  onChange={choose}
                />
              )}
            </Field>
            <Controller
              control={control}
              name="payload"
              render={({ field }) => (
                <JsonEditor
                  label="Payload"
                  text={field.value}
                  schema={schema}
                  refused={faults.payload}
                  onChange={(text) => {
                    field.onChange(text);
                    if (save.isError) save.reset();
                  }}
                  onSend={send}
                />
              )}
            />
            <JobOptions jobType={jobType} tie={register} faults={faults} />
          </div>
        </section>
        <section className="box" aria-label="Rules">
          <h2 className="box-head">When a time was missed, or a run takes long</h2>
          <div className="box-body">
            <RuleFields fields={fields} tie={register} faults={faults} />
          </div>
        </section>
        <div aria-live="polite" data-testid="schedule-problem">
          {faults.whole && <p className="notice notice-bad">{faults.whole}</p>}
          {save.isError && !faults.whole && <p className="sr-only">The API refused it: see the fields.</p>}
        </div>
        <div className="form-foot">
          <button type="submit" className="button-primary" data-testid="save-schedule" disabled={save.isPending}>
            {save.isPending ? "Saving…" : known ? "Save" : "Make schedule"}
          </button>
          <a className="button-quiet" href={known ? `#/schedules/${encodeURIComponent(known.name)}` : "#/schedules"}>
            Leave it
          </a>
        </div>
      </div>
      <div className="form-aside">
        <PlanPreview fields={fields} known={known} />
      </div>
    </form>
  );
}

const ANYTHING = {};

function begun(fields: ScheduleFields, jobTypes: readonly JobType[]): ScheduleFields {
  if (fields.job_type !== "") return fields;
  const first = jobTypes.find(({ name }) => name === "http_request") ?? jobTypes[0];
  return { ...fields, job_type: first?.name ?? "", payload: sampleOf(first) };
}

function sampleOf(jobType: JobType | undefined): string {
  return jobType ? JSON.stringify(samplePayload(jobType), null, 2) : "";
}

function refusedAt(error: Error | null, fields: ScheduleFields): Faults {
  if (error === null) return {};
  if (error instanceof ChangedMeanwhile) return { whole: error.message };
  if (!(error instanceof Refused)) return { whole: failureOf(error) };
  const { problem } = error;
  if (isForbidden(problem)) return { whole: mayNot(problem.detail) };
  if (problem.code === "schedule_exists") return { name: problem.detail };
  return problem.errors.length > 0 ? faultsAt(problem.errors, fields) : { whole: problem.detail };
}
