/** Requests about schedules that say more than the typed client can: pages, and payloads as they were written. */

import { partOf } from "../exact";
import { Refused, send } from "../http";
import type { Timing } from "../scheduleform";
import type { Run, Schedule } from "../schedules";
import { nextQuery } from "./calls";
import { client, dataOf, type Schemas } from "./client";

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** The query of the page that follows; null: there is none. */
  readonly next: string | null;
}

/** query: begins with "?". */
export async function readPage<Row>(path: string, query: string, signal: AbortSignal): Promise<Page<Row>> {
  const response = await send(`api/${path}${query}`, { signal });
  return { rows: (await response.json()) as Row[], next: nextQuery(response.headers.get("Link")) };
}

export function readRuns(name: string, query: string, signal: AbortSignal): Promise<Page<Run>> {
  return readPage(`schedules/${encodeURIComponent(name)}/runs`, query, signal);
}

export interface KnownSchedule {
  readonly schedule: Schedule;
  /** JSON as it was written. */
  readonly payload: string;
}

/** null: there is no such schedule. */
export async function findSchedule(name: string, signal: AbortSignal): Promise<KnownSchedule | null> {
  try {
    const response = await send(`api/schedules/${encodeURIComponent(name)}`, { signal });
    const source = await response.text();
    return { schedule: JSON.parse(source) as Schedule, payload: partOf(source, ["job", "payload"]) ?? "null" };
  } catch (error) {
    if (error instanceof Refused && error.problem.code === "schedule_not_found") return null;
    throw error;
  }
}

const GONE = 0; // versions begin with 1

/** Somebody else has changed what is being edited. version: the one that is there now. */
export class ChangedMeanwhile extends Error {
  constructor(readonly version: number) {
    super(
      version === GONE
        ? "Somebody has deleted this schedule meanwhile. Save once more to make it anew."
        : "Somebody has changed this schedule meanwhile. Open it again to see how, or save once more to put yours in its place.",
    );
  }
}

/** Replaces the one that had this version when it was read. Throws ChangedMeanwhile; of two in the same moment the later stays. */
export async function replaceSchedule(name: string, version: number, definition: string): Promise<Schedule> {
  const now = await findSchedule(name, AbortSignal.timeout(15_000));
  const there = now?.schedule.version ?? GONE;
  if (there !== version) throw new ChangedMeanwhile(there);
  return saveSchedule(name, definition);
}

/** name null: a new one, whose name is in the definition. */
export async function saveSchedule(name: string | null, definition: string): Promise<Schedule> {
  const response = await send(name === null ? "api/schedules" : `api/schedules/${encodeURIComponent(name)}`, {
    method: name === null ? "POST" : "PUT",
    headers: { "Content-Type": "application/json" },
    body: definition,
  });
  return (await response.json()) as Schedule;
}

/** The next times that this would have. */
export async function previewTiming(timing: Timing | null, count: number, signal: AbortSignal): Promise<readonly string[]> {
  const response = await send("api/schedules/preview", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...timing, count }),
    signal,
  });
  return ((await response.json()) as Schemas["PreviewView"]).times;
}

const of = (name: string) => ({ params: { path: { name } } });

export function pauseSchedule(name: string, note: string): Promise<Schedule> {
  return dataOf(client.POST("/schedules/{name}/pause", { ...of(name), body: { note: note.trim() || null } }));
}

export function resumeSchedule(name: string): Promise<Schedule> {
  return dataOf(client.POST("/schedules/{name}/resume", of(name)));
}

export function runSchedule(name: string): Promise<Schemas["JobView"]> {
  return dataOf(client.POST("/schedules/{name}/run", of(name)));
}

export async function deleteSchedule(name: string): Promise<void> {
  await client.DELETE("/schedules/{name}", of(name));
}

export function backfillSchedule(name: string, range: { readonly from: string; readonly to: string; readonly dry_run: boolean }) {
  return dataOf(client.POST("/schedules/{name}/backfill", { ...of(name), body: { ...range, limit: 1_000 } }));
}
