/** Times as `<input type="datetime-local">` has them: by this computer's clock, to the minute. */

export function toField(at: string): string {
  const time = new Date(at);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** null: there is none. */
export function ofField(text: string): string | null {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
