import { useEffect, useId, useRef, useState, type SubmitEvent } from "react";
import { Refused } from "../http";
import { useSignIn } from "../queries";
import { tidyKey, type Ask } from "../session";
import { Icon } from "../components/Icon";
import { Mark } from "./Mark";

interface SignInProps {
  readonly asks: Ask;
}

export default function SignIn({ asks }: SignInProps) {
  const [text, setText] = useState("");
  const [isRemembered, setRemembered] = useState(false);
  const signIn = useSignIn();
  const ids = { key: useId(), about: useId() };
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  const key = tidyKey(text);
  const complaint = complaintOf(text, key, signIn.error, asks);
  return (
    <main className="sign-in">
      <form
        className="sign-in-card form"
        aria-labelledby="sign-in-heading"
        data-testid="sign-in"
        onSubmit={(event: SubmitEvent) => {
          event.preventDefault();
          if (key) signIn.mutate({ key, isRemembered });
        }}
      >
        <div className="flex items-center gap-2.5">
          <Mark />
          <h1 id="sign-in-heading" className="text-base font-semibold tracking-tight">
            Job Scheduler
          </h1>
        </div>
        <div aria-live="polite">
          {complaint && (
            <p className="notice notice-bad" data-testid="sign-in-complaint">
              {complaint}
            </p>
          )}
        </div>
        <div>
          <label className="label" htmlFor={ids.key}>
            API key
          </label>
          <input
            ref={field}
            id={ids.key}
            className="field font-mono"
            data-testid="api-key"
            type="password"
            placeholder="js_…"
            value={text}
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
            aria-describedby={ids.about}
            onChange={({ target }) => {
              setText(target.value);
              signIn.reset();
            }}
          />
          <p id={ids.about} className="hint">
            Keys come from an administrator: <code>jobs keys create</code> makes one. On your own computer,{" "}
            <code>make up API_AUTH=on</code> printed the first one.
          </p>
        </div>
        <label className="check">
          <input type="checkbox" checked={isRemembered} onChange={({ target }) => { setRemembered(target.checked); }} />
          <span>
            Remember on this computer
            <span className="hint block">Otherwise the key is forgotten with this tab.</span>
          </span>
        </label>
        <button type="submit" className="button-primary" data-testid="sign-in-button" disabled={signIn.isPending || !text}>
          <Icon name="lock" />
          {signIn.isPending ? "Asking…" : "Sign in"}
        </button>
        <p className="hint">
          The API can be read about without a key: <a className="link" href="api/docs">API reference</a>
        </p>
      </form>
    </main>
  );
}

/** key: what was typed, as a key; null: it cannot be one. */
function complaintOf(text: string, key: string | null, error: Error | null, asks: Ask): string | null {
  if (text && !key) return "A key is one word of letters, digits and signs.";
  if (error instanceof Refused && error.problem.status === 401) return "This key opens nothing: it is unknown, revoked or expired.";
  if (error) return error.message;
  return asks === "refused" && !text ? "The key you used opens nothing any more: it was revoked, or has expired. Another one is needed." : null;
}
