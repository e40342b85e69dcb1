import { useId, useState, type SubmitEvent } from "react";
import type { SubmitOptions } from "../../api/calls";
import { MAY_NOT } from "../../hooks";
import { Refused } from "../../http";
import { ALL_JOBS, type JobType } from "../../jobs";
import { payloadFaults } from "../../payload";
import { useMay, useSubmit } from "../../queries";
import { hrefTo } from "../../route";
import { samplePayload } from "../../sample";
import { AdvancedFields, NO_ADVANCED, optionsOf, type Advanced } from "./AdvancedFields";
import { PayloadField } from "./PayloadField";
import { SubmitOutcome } from "./SubmitOutcome";

interface SubmitFormProps {
  /** The job types there are; at least one. */
  readonly jobTypes: readonly JobType[];
  /** The one that the address names. */
  readonly asked: string | undefined;
}

export function SubmitForm({ jobTypes, asked }: SubmitFormProps) {
  const [name, setName] = useState(() => preferred(jobTypes, asked));
  const [edited, setEdited] = useState<Readonly<Record<string, string>>>({}); // what was typed, by job type
  const [advanced, setAdvanced] = useState<Advanced>(NO_ADVANCED);
  const submit = useSubmit();
  const onlyReads = useMay("operator") === false;
  const ids = { type: useId(), about: useId() };

  const jobType = jobTypes.find((each) => each.name === name) ?? jobTypes[0];
  if (!jobType) return null;
  const payload = edited[jobType.name] ?? JSON.stringify(samplePayload(jobType), null, 2);
  const faults = payloadFaults(payload, jobType.schema);
  const options: SubmitOptions | null = optionsOf(advanced);
  const isReady = faults.length === 0 && options !== null && !submit.isPending && !onlyReads;

  function send() {
    if (isReady && jobType) submit.mutate({ jobType: jobType.name, payload, options });
  }

  return (
    <form
      className="form form-narrow"
      aria-label="Submit a job"
      onSubmit={(event: SubmitEvent) => {
        event.preventDefault();
        send();
      }}
    >
      <div>
        <label className="label" htmlFor={ids.type}>
          Job type
        </label>
        <select
          id={ids.type}
          className="field"
          data-testid="job-type"
          value={jobType.name}
          aria-describedby={ids.about}
          onChange={({ target }) => {
            setName(target.value);
            submit.reset();
          }}
        >
          {jobTypes.map((each) => (
            <option key={each.name}>{each.name}</option>
          ))}
        </select>
        <p id={ids.about} className="hint">
          {jobType.description}
        </p>
      </div>
      <PayloadField
        text={payload}
        faults={faults}
        onChange={(text) => { setEdited({ ...edited, [jobType.name]: text }); }}
        onSend={send}
      />
      <AdvancedFields advanced={advanced} jobType={jobType} onChange={setAdvanced} />
      <div className="flex items-center gap-3">
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
        problem={submit.error instanceof Refused ? submit.error.problem : null}
        isUnanswered={submit.isError && !(submit.error instanceof Refused)}
        job={submit.data ?? null}
        hrefOf={(job) => hrefTo({ jobId: job.id, filter: ALL_JOBS })}
      />
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
