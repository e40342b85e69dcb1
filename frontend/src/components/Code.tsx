import { CopyButton } from "./CopyButton";

interface CodeProps {
  readonly text: string;
  readonly what: string;
}

/** Text to read and to copy. */
export function Code({ text, what }: CodeProps) {
  return (
    <div className="code">
      {/* It scrolls, so it can be reached by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} aria-label={what}>
        {text}
      </pre>
      <CopyButton text={text} what={what} />
    </div>
  );
}
