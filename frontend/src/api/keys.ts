/** Requests about API keys and about what was changed. */

import { client, dataOf, type Schemas } from "./client";

export type ApiKey = Schemas["KeyView"];
export type NewKey = Schemas["NewKeyView"];
export type Entry = Schemas["AuditView"];

export interface KeyFields {
  readonly name: string;
  readonly role: ApiKey["role"];
  /** Requests a minute; empty: as many as anyone. */
  readonly rate_limit: string;
  /** Days; empty: it does not expire. */
  readonly expires_in: string;
}

const DAY_MS = 86_400_000;

/** As the API takes it. */
export function keyForm({ name, role, rate_limit, expires_in }: KeyFields, now: number): Schemas["KeyForm"] {
  return {
    name: name.trim(),
    role,
    ...(rate_limit.trim() && { rate_limit: Number(rate_limit) }),
    ...(expires_in.trim() && { expires_at: new Date(now + Number(expires_in) * DAY_MS).toISOString() }),
  };
}

export function readKeys(signal: AbortSignal): Promise<readonly ApiKey[]> {
  return dataOf(client.GET("/keys", { signal }));
}

export function makeKey(form: Schemas["KeyForm"]): Promise<NewKey> {
  return dataOf(client.POST("/keys", { body: form }));
}

export async function revokeKey(key_id: string): Promise<void> {
  await client.DELETE("/keys/{key_id}", { params: { path: { key_id } } });
}

export type KeyState = "open" | "expired" | "revoked";

export function keyState({ revoked_at, expires_at }: Pick<ApiKey, "revoked_at" | "expires_at">, now: number): KeyState {
  if (revoked_at !== null) return "revoked";
  return expires_at !== null && Date.parse(expires_at) <= now ? "expired" : "open";
}
