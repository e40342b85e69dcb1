import { describe, expect, it } from "vitest";
import { waitAsked } from "../src/http";
import { after, tidyKey, type Session } from "../src/session";

const NOBODY: Session = { key: null, asks: null };
const SIGNED_IN: Session = { key: "js_1", asks: null };

describe("the session", () => {
  it("asks for a key when the API wants one", () => {
    expect(after(NOBODY, { type: "unauthenticated", key: null })).toEqual({ ...NOBODY, asks: "missing" });
  });

  it("forgets a key that is refused, and says so", () => {
    expect(after(SIGNED_IN, { type: "unauthenticated", key: "js_1" })).toEqual({ ...NOBODY, asks: "refused" });
  });

  it("still says so when calls without a key are refused after that", () => {
    const refused = after(SIGNED_IN, { type: "unauthenticated", key: "js_1" });

    expect(after(refused, { type: "unauthenticated", key: null }).asks).toBe("refused");
  });

  it("is not changed by a late answer to another key", () => {
    expect(after(SIGNED_IN, { type: "unauthenticated", key: "js_0" })).toBe(SIGNED_IN);
  });

  it("asks again after signing out", () => {
    expect(after(SIGNED_IN, { type: "signed-out" })).toEqual({ ...NOBODY, asks: "missing" });
  });
});

describe("a pasted key", () => {
  it.each([" js_1-a\n", "Bearer js_1-a", "Authorization: Bearer js_1-a"])("is taken as it comes: %j", (pasted) => {
    expect(tidyKey(pasted)).toBe("js_1-a");
  });

  it.each(["", "two words", "schlüssel"])("that no header carries is none: %j", (pasted) => {
    expect(tidyKey(pasted)).toBeNull();
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-25T14:00:00Z");

  it.each([
    ["7", 7_000],
    ["Wed, 25 Nov 2026 14:00:09 GMT", 9_000],
    ["Wed, 25 Nov 2026 13:00:00 GMT", 0],
    ["86400", 60_000],
    ["soon", 1_000],
    [null, 1_000],
  ])("%j is %i ms", (header, ms) => {
    expect(waitAsked(header, now)).toBe(ms);
  });
});
