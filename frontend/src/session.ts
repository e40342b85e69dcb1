/**
 * The API key that the reader signed in with.
 *
 * It lies in this tab's storage, and in this computer's only when that was asked for. It goes into one header and nowhere else.
 */

const NAME = "api-key";

export interface Session {
  /** null: not signed in, or nobody needs to be. */
  readonly key: string | null;
  /** Why a key is asked for; null while nobody asks. */
  readonly asks: Ask | null;
}

/** missing: the API wants a key; refused: it does not want this one. */
export type Ask = "missing" | "refused";

export type SessionEvent =
  | { readonly type: "signed-in"; readonly key: string }
  | { readonly type: "signed-out" }
  // key: the one that the refused call was made with
  | { readonly type: "unauthenticated"; readonly key: string | null };

export function after(session: Session, event: SessionEvent): Session {
  switch (event.type) {
    case "signed-in":
      return { key: event.key, asks: null };
    case "signed-out":
      return { key: null, asks: "missing" };
    case "unauthenticated":
      if (event.key !== session.key) return session; // about a key that is not in use any more
      if (session.asks !== null) return session;
      return { key: null, asks: event.key === null ? "missing" : "refused" };
  }
}

/** What was pasted, as a header can carry it; null: that is no key. */
export function tidyKey(pasted: string): string | null {
  const key = pasted.trim().replace(/^(Authorization:\s*)?Bearer\s+/i, "");
  return /^[\x21-\x7e]+$/.test(key) ? key : null;
}

export function savedKey(): string | null {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

function save(key: string, isRemembered: boolean): void {
  forget();
  (isRemembered ? localStorage : sessionStorage).setItem(NAME, key);
}

function forget(): void {
  sessionStorage.removeItem(NAME);
  localStorage.removeItem(NAME);
}

/** The session of this page, and who wants to know when it changes. */
class CurrentSession {
  private session: Session | undefined;
  private readonly listeners = new Set<() => void>();

  readonly current = (): Session => (this.session ??= { key: savedKey(), asks: null });

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  signIn(key: string, isRemembered: boolean): void {
    save(key, isRemembered);
    this.take({ type: "signed-in", key });
  }

  signOut(): void {
    forget();
    this.take({ type: "signed-out" });
  }

  /** key: the one that the refused call was made with. */
  refuse(key: string | null): void {
    this.take({ type: "unauthenticated", key });
    if (this.current().key === null) forget();
  }

  private take(event: SessionEvent): void {
    const before = this.current();
    this.session = after(before, event);
    if (this.session !== before) for (const listener of this.listeners) listener();
  }
}

export const session = new CurrentSession();
