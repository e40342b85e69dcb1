/**
 * The API, typed by its own description: `await dataOf(client.GET("/queues/{name}", { params: { path: { name } }, signal }))`.
 *
 * Every request goes through `send`, so whatever is not an answer was thrown as Refused or Unreachable.
 */

import createClient from "openapi-fetch";
import { send } from "../http";
import type { components, paths } from "./schema.gen";

/** Beside the page, wherever that is. */
const BASE = new URL("api", typeof document === "undefined" ? "http://localhost/" : document.baseURI).href;

export const client = createClient<paths>({ baseUrl: BASE, fetch: (request) => send(request) });

export type Schemas = components["schemas"];

export async function dataOf<T>(call: Promise<{ readonly data?: T }>): Promise<Exclude<T, undefined>> {
  return (await call).data as Exclude<T, undefined>;
}
