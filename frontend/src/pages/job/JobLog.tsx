import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { CopyButton } from "../../components/CopyButton";
import { Icon } from "../../components/Icon";
import { useWhileLive } from "../../hooks";
import { mayGrow, MOST_LINES, type LogLine } from "../../joblog";
import type { Job } from "../../jobs";
import { asText, cut, fromLevel, hitsIn, LEVELS, type Level } from "../../logview";
import { useJobLog } from "../../queries";

const NEAR_END = 24; // px

interface JobLogProps {
  readonly job: Job;
}

/** What the job's handlers logged, in each of its states. */
export function JobLog({ job }: JobLogProps) {
  const isGrowing = useWhileLive((time) => Number(mayGrow(job, time))) === 1;
  const { data, error } = useJobLog(job.id, isGrowing, `${job.status} ${job.attempt}`);
  const lines = data?.lines ?? NO_LINES;
  if (error && lines.length === 0) return <p className="text-muted">The log could not be read: {error.message}</p>;
  if (!data) return <p className="text-muted">Reading…</p>;
  if (lines.length === 0) return <p className="text-muted">{isGrowing ? "Nothing logged yet." : "Nothing was logged."}</p>;
  return <Log lines={lines} isGrowing={isGrowing} />;
}

const NO_LINES: readonly LogLine[] = [];

interface LogProps {
  readonly lines: readonly LogLine[];
  readonly isGrowing: boolean;
}

function Log({ lines, isGrowing }: LogProps) {
  const [level, setLevel] = useState<Level>("DEBUG");
  const [text, setText] = useState("");
  const [at, setAt] = useState(0); // of the hits
  const [follows, setFollows] = useState(isGrowing);
  const box = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => fromLevel(lines, level), [lines, level]);
  const hits = useMemo(() => hitsIn(shown, text), [shown, text]);
  const hit = hits[Math.min(at, hits.length - 1)];

  useLayoutEffect(() => {
    if (follows && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [shown, follows]);
  useEffect(() => {
    if (hit !== undefined) showLine(box.current, hit);
  }, [hit, text]);

  function step(by: 1 | -1): void {
    if (hits.length > 0) setAt((Math.min(at, hits.length - 1) + by + hits.length) % hits.length);
  }

  return (
    <div className="log-view">
      <div className="log-tools">
        <Search
          text={text}
          at={hits.length === 0 ? 0 : Math.min(at, hits.length - 1) + 1}
          count={hits.length}
          onText={(typed) => {
            setText(typed);
            setAt(0);
            setFollows(false);
          }}
          onStep={step}
        />
        <select
          className="field field-small"
          aria-label="Lowest level"
          data-testid="log-level"
          value={level}
          onChange={({ target }) => { setLevel(LEVELS.find((name) => name === target.value) ?? "DEBUG"); }}
        >
          <option value="DEBUG">All levels</option>
          <option value="INFO">Info and up</option>
          <option value="WARNING">Warnings and up</option>
          <option value="ERROR">Errors</option>
        </select>
        {isGrowing && (
          <button type="button" className="button" data-testid="log-follow" aria-pressed={follows} onClick={() => { setFollows(!follows); }}>
            <Icon name={follows ? "check" : "down"} />
            Follow
          </button>
        )}
        <CopyButton text={asText(shown)} what="the log" />
      </div>
      {lines.length >= MOST_LINES && <p className="hint">The last {MOST_LINES.toLocaleString("en")} lines.</p>}
      <div
        ref={box}
        className="log"
        data-testid="job-log"
        // It scrolls, so it can be reached by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="log"
        aria-label="Log"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          setFollows(isGrowing && scrollTop + clientHeight > scrollHeight - NEAR_END);
        }}
      >
        {shown.map((line, place) => (
          <Line
            key={`${line.attempt} ${line.line}`}
            line={line}
            isFirst={place > 0 && shown[place - 1]?.attempt !== line.attempt}
            text={text}
            isHit={place === hit}
          />
        ))}
        {shown.length === 0 && <p className="text-muted">Nothing of this level.</p>}
      </div>
    </div>
  );
}

function showLine(box: HTMLElement | null, place: number): void {
  const line = box?.querySelectorAll<HTMLElement>("[data-line]")[place];
  if (box && line) box.scrollTop = line.offsetTop - box.clientHeight / 2;
}

interface SearchProps {
  readonly text: string;
  /** From 1; 0: nothing was found. */
  readonly at: number;
  readonly count: number;
  readonly onText: (text: string) => void;
  readonly onStep: (by: 1 | -1) => void;
}

function Search({ text, at, count, onText, onStep }: SearchProps) {
  return (
    <div className="log-search">
      <input
        className="field field-small"
        type="search"
        placeholder="Search the log"
        aria-label="Search the log"
        data-testid="log-search"
        spellCheck={false}
        value={text}
        onChange={({ target }) => { onText(target.value); }}
        onKeyDown={(event: KeyboardEvent) => {
          if (event.key === "Enter") onStep(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") onText("");
        }}
      />
      {text !== "" && (
        <>
          <span className="tabular-nums text-muted" role="status" data-testid="log-hits">
            {count === 0 ? "none" : `${at} of ${count}`}
          </span>
          <button type="button" className="button-quiet" aria-label="Previous hit" title="Previous (Shift+Enter)" disabled={count === 0} onClick={() => { onStep(-1); }}>
            <Icon name="down" className="rotate-180" />
          </button>
          <button type="button" className="button-quiet" aria-label="Next hit" title="Next (Enter)" disabled={count === 0} onClick={() => { onStep(1); }}>
            <Icon name="down" />
          </button>
        </>
      )}
    </div>
  );
}

interface LineProps {
  readonly line: LogLine;
  /** Of another attempt than the line above it. */
  readonly isFirst: boolean;
  readonly text: string;
  readonly isHit: boolean;
}

const Line = memo(function Line({ line: { attempt, at, level, logger, message }, isFirst, text, isHit }: LineProps) {
  return (
    <>
      {isFirst && <p className="log-attempt">Attempt {attempt}</p>}
      <p data-line data-level={level} data-hit={isHit || undefined} title={`attempt ${attempt} · ${at} · ${logger}`}>
        <time dateTime={at}>{at.slice(11, 23)}</time>
        <span className="log-level">{level}</span>
        <span className="log-message">
          {text === "" ? message : cut(message, text).map((piece, place) => (piece.isHit ? <mark key={place}>{piece.text}</mark> : piece.text))}
        </span>
      </p>
    </>
  );
});
