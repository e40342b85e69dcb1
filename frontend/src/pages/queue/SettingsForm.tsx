import { useState } from "react";
import { useForm, type UseFormRegister } from "react-hook-form";
import { TextInput } from "../../components/Field";
import { Refused } from "../../http";
import type { QueueView } from "../../limits";
import { tell } from "../../notices";
import { useChangeQueue } from "../../queries";
import { changeOf, fieldOf, formOf, plainly, type FieldName, type QueueForm } from "../../queueform";

/** For admins. What somebody else sets meanwhile comes into the fields that were not touched. */
export function SettingsForm({ queue }: { readonly queue: QueueView }) {
  const change = useChangeQueue(queue.name);
  const [complaint, complain] = useState<string | null>(null);
  const { register, handleSubmit, reset, setError, formState } = useForm<QueueForm>({
    values: formOf(queue),
    resetOptions: { keepDirtyValues: true },
  });
  const faultAt = (name: FieldName) => {
    const [part, inner] = name.split(".") as [keyof QueueForm, keyof QueueForm["rate_limit"] | undefined];
    const fault: unknown = inner ? (formState.errors[part] as Readonly<Record<string, unknown>> | undefined)?.[inner] : formState.errors[part];
    return (fault as { readonly message?: string } | undefined)?.message;
  };

  function refused(error: Error): void {
    const faults = error instanceof Refused ? error.problem.errors : [];
    const placed = faults.map(({ path, detail }) => ({ field: fieldOf(path), message: plainly(detail) }));
    for (const { field, message } of placed) if (field) setError(field, { message }, { shouldFocus: true });
    complain(placed.some(({ field }) => field) ? null : error.message);
  }

  async function save(form: QueueForm): Promise<void> {
    complain(null);
    try {
      const changed = await change.mutateAsync(changeOf(form, formOf(queue)));
      reset(formOf(changed));
      tell("ok", `The settings of ${queue.name} are saved. They hold from the next job that is taken.`);
    } catch (error) {
      refused(error as Error);
    }
  }

  const field = (name: FieldName) => ({ ...register(name), fault: faultAt(name), inputMode: "decimal" as const });
  return (
    <form noValidate onSubmit={(event) => void handleSubmit(save)(event)} data-testid="settings">
      <div className="settings">
        <TextInput label="Jobs at a time" placeholder="no limit" hint="So many of its jobs run at once, over all workers. 0 starts none. A lower limit ends nothing that runs." {...field("max_running")} />
        <RateFields name="rate_limit" legend="Starts" hint="So many of its jobs start in a time. A burst is how many may start together after a pause." register={register} faultAt={faultAt} />
        <TextInput label="Weight" hint="Its share of the workers’ turns where several queues have jobs: 2 gets twice as many as 1." {...field("weight")} />
        <TextInput label="Jobs at a time per key" placeholder="no limit" hint="The same for the jobs of each concurrency key: so no customer takes all there is." {...field("max_running_per_key")} />
        <RateFields name="rate_limit_per_key" legend="Starts per key" hint="So many jobs of each concurrency key start in a time." register={register} faultAt={faultAt} />
        <TextInput label="Default priority" placeholder="0" hint="From −100 to 100, higher first. For jobs that are submitted without one." {...field("default_priority")} />
        <TextInput label="Default attempts" placeholder="as the job type says" hint="How often a job may fail before it is given up, if it does not say so itself." {...field("default_max_attempts")} />
        <TextInput label="Default timeout" placeholder="as the job type says" hint="Seconds that an attempt may run, if its job does not say so itself." {...field("default_timeout_seconds")} />
      </div>
      <div className="settings-end">
        <button type="submit" className="button-primary" data-testid="settings-save" disabled={!formState.isDirty || change.isPending}>
          {change.isPending ? "Saving…" : "Save"}
        </button>
        <button type="button" className="button" disabled={!formState.isDirty || change.isPending} onClick={() => { reset(formOf(queue)); complain(null); }}>
          Undo
        </button>
        {complaint && (
          <p className="text-bad" role="alert">
            {complaint}
          </p>
        )}
      </div>
    </form>
  );
}

interface RateFieldsProps {
  readonly name: "rate_limit" | "rate_limit_per_key";
  readonly legend: string;
  readonly hint: string;
  readonly register: UseFormRegister<QueueForm>;
  readonly faultAt: (name: FieldName) => string | undefined;
}

function RateFields({ name, legend, hint, register, faultAt }: RateFieldsProps) {
  const part = (inner: keyof QueueForm["rate_limit"]) => ({ ...register(`${name}.${inner}`), fault: faultAt(`${name}.${inner}`), inputMode: "decimal" as const });
  return (
    <fieldset>
      <legend className="label">{legend}</legend>
      <div className="settings-rate">
        <TextInput label="Jobs" placeholder="no limit" {...part("jobs")} />
        <TextInput label="In seconds" {...part("per_seconds")} />
        <TextInput label="Burst" placeholder="of 1 s" {...part("burst")} />
      </div>
      <p className="hint">{hint}</p>
    </fieldset>
  );
}
