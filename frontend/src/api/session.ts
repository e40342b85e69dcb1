/** Requests of who has just come, and of the socket. */

import { send } from "../http";
import type { Me } from "../me";

/** Whose key that is. Throws Refused when it opens nothing. */
export async function readMe(init: { readonly key?: string; readonly signal?: AbortSignal }): Promise<Me> {
  const response = await send("api/me", init);
  return (await response.json()) as Me;
}

/** For one connect of a WebSocket. */
export async function readTicket(): Promise<string> {
  const response = await send("api/ws-tickets", { method: "POST" });
  return ((await response.json()) as { readonly ticket: string }).ticket;
}
