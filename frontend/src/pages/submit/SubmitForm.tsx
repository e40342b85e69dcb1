import "../../styles/forms.css";
import { useRef, useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import type { Submission } from "../../api/calls";
import { Command, KeyHint } from "../../components/Command";
import { Combobox } from "../../components/Combobox";
import { Field } from "../../components/Field";
import { JsonEditor, usePayloadFaults } from "../../components/JsonEditor";
import { curlSubmit } from "../../curl";
import { MAY_NOT } from "../../hooks";
import { Refused } from "../../http";
import { ALL_JOBS, type JobType } from "../../jobs";
import { fieldOf, NO_FIELDS, submitOptionsOf, type SubmitFields } from "../../optionfields";
import { useMay, useSubmit } from "../../queries";
import { hrefTo } from "../../route";
import { samplePayload } from "../../sample";
import { readerZone } from "../../zones";
import { AfterFields } from "./AfterFields";
import { JobOptions, type JobTypeDefaults } from "./JobOptions";
import { SubmitOutcome } from "./SubmitOutcome";
import { UniqueFields } from "./UniqueFields";
import { WhenFields } from "./WhenFields";

interface SubmitFormProps {
  /** The job types there are; at least one. */
  readonly jobTypes: readonly JobType[];
  /** The one that the address names. */
  readonly asked: string | undefined;
}

export function SubmitForm({ jobTypes, asked }: SubmitFormProps) {
  const [name, setName] = useState(() => preferred(jobTypes, asked));
  const jobType = jobTypes.find((each) => each.name === name) ?? jobTypes[0];
  return jobType && <FormOf jobTypes={jobTypes} jobType={jobType} onChoose={setName} />;
}

interface FormOfProps {
  readonly jobTypes: readonly JobType[];
  readonly jobType: JobTypeDefaults;
  readonly onChoose: (name: string) => void;
}

function FormOf({ jobTypes, jobType, onChoose }: FormOfProps) {
  const [edited, setEdited] = useState<Readonly<Record<string, string>>>({}); // what was typed, by job type
  const { register, control, setValue } = useForm<SubmitFields>({ defaultValues: NO_FIELDS });
  const fields = { ...NO_FIELDS, ...useWatch({ control }) };
  const submit = useSubmit();
  const form = useRef<HTMLFormElement>(null);
  const onlyReads = useMay("operator") === false;

  const sample = JSON.stringify(samplePayload(jobType), null, 2);
  const payload = edited[jobType.name] ?? sample;
  const faults = usePayloadFaults(payload, jobType.schema);
  const submission: Submission = { jobType: jobType.name, payload, options: submitOptionsOf(fields, readerZone()) };
  const isReady = faults.length === 0 && !submit.isPending && !onlyReads;
  const problem = submit.error instanceof Refused ? submit.error.problem : null;
  const refused = Object.fromEntries((problem?.errors ?? []).map(({ path, detail }) => [fieldOf(path), detail]));
  const edit = (text: string) => { setEdited({ ...edited, [jobType.name]: text }); };

  function send() {
    if (isReady && form.current?.reportValidity()) submit.mutate(submission);
  }

  return (
    <form
      ref={form}
      className="form-halves"
      aria-label="Submit a job"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div>
        <section className="box" aria-label="The job">
          <div className="box-body pt-3">
            <Field label="Job type" hint={jobType.description}>
              {(tie) => (
                <Combobox
                  control={tie}
                  testId="job-type"
                  value={jobType.name}
                  choices={jobTypes.map((each) => ({ value: each.name, about: each.description }))}
                  onChange={(chosen) => {
                    onChoose(chosen);
                    submit.reset();
                  }}
                />
              )}
            </Field>
            <div className="relative">
              <JsonEditor label="Payload" text={payload} schema={jobType.schema} refused={refused["payload"]} onChange={edit} onSend={send} />
              {payload !== sample && (
                <button type="button" className="button-quiet editor-sample" onClick={() => { edit(sample); }}>
                  Back to the sample
                </button>
              )}
            </div>
          </div>
        </section>
        <div className="form-foot">
          <button type="submit" className="button-primary" data-testid="submit" disabled={!isReady}>
            {submit.isPending ? "Submitting…" : "Submit job"}
          </button>
          {onlyReads ? (
            <span className="text-muted">{MAY_NOT}</span>
          ) : (
            <kbd className="text-muted">{isMac() ? "⌘" : "Ctrl"} + Enter</kbd>
          )}
        </div>
        <SubmitOutcome
          problem={problem}
          isUnanswered={submit.isError && problem === null}
          job={submit.data ?? null}
          hrefOf={(job) => hrefTo({ jobId: job.id, filter: ALL_JOBS })}
        />
      </div>
      <div>
        <section className="box" aria-label="Options">
          <h2 className="box-head">Options</h2>
          <div className="box-body">
            <WhenFields when={fields.when} tie={register} onChange={(when) => { setValue("when", when); }} faults={refused} />
            <AfterFields fields={fields} tie={register} fault={refused["depends_on"]} />
            <JobOptions jobType={jobType} tie={register} faults={refused} />
            <UniqueFields fields={fields} tie={register} fault={refused["unique"]} />
          </div>
        </section>
        <section className="box" aria-label="The same as a command">
          <h2 className="box-head">The same as a command</h2>
          <div className="box-body">
            <Command make={(caller) => curlSubmit(caller, submission)} what="the curl command" />
            <KeyHint />
          </div>
        </section>
      </div>
    </form>
  );
}

/** The one that is asked for; else the example everyone meets first, where it is offered. */
function preferred(jobTypes: readonly JobType[], asked: string | undefined): string {
  const names = jobTypes.map(({ name }) => name);
  if (asked !== undefined && names.includes(asked)) return asked;
  return names.includes("process_data") ? "process_data" : (names[0] ?? "");
}

function isMac(): boolean {
  return navigator.userAgent.includes("Mac");
}
