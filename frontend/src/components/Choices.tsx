import "../styles/forms.css";
import { useId } from "react";

interface ChoicesProps<Value extends string> {
  readonly label: string;
  /** Each choice, and what it is called. */
  readonly words: Readonly<Record<Value, string>>;
  readonly value: Value;
  readonly isLabelHidden?: boolean;
  readonly disabled?: boolean;
  readonly onChange: (value: Value) => void;
}

/** One of a few, side by side. */
export function Choices<Value extends string>({ label, words, value, isLabelHidden = false, disabled = false, onChange }: ChoicesProps<Value>) {
  const name = useId();
  return (
    <fieldset className="choices" disabled={disabled}>
      <legend className={isLabelHidden ? "sr-only" : "label"}>{label}</legend>
      <div className="choices-row">
        {(Object.keys(words) as Value[]).map((each) => (
          <label key={each}>
            <input type="radio" name={name} value={each} checked={each === value} onChange={() => { onChange(each); }} />
            <span>{words[each]}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
