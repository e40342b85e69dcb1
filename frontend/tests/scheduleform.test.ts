import { describe, expect, it } from "vitest";
import { keyForm, keyState } from "../src/api/keys";
import { NO_FIELDS, submitOptionsOf } from "../src/optionfields";
import { definitionOf, emptyFields, faultsAt, fieldsOf, missing, timingOf } from "../src/scheduleform";
import type { Schedule } from "../src/schedules";
import { outcomesInWords, whenOf } from "../src/schedules";

const BIG = '{"id": 12345678901234567890, "2": 1, "1": 2}';

function schedule(changed: Partial<Schedule> = {}): Schedule {
  return {
    name: "nightly",
    cron: "30 2 * * *",
    interval_seconds: null,
    at: null,
    timezone: "Europe/Berlin",
    starts_at: null,
    ends_at: null,
    job: {
      job_type: "echo",
      payload: null,
      queue: "reports",
      priority: 5,
      max_attempts: 3,
      timeout_seconds: 30,
      tags: ["a", "b"],
      backoff: { type: "fixed", seconds: 9 },
      concurrency_key: null,
    },
    misfire: "run_all",
    overlap: "skip",
    catch_up: 20,
    source: "api",
    state: "active",
    paused: false,
    paused_note: null,
    paused_by: null,
    next_run_at: null,
    last_run_at: null,
    last_job_id: null,
    last_outcomes: [],
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    version: 1,
    ...changed,
  };
}

describe("a schedule that is edited", () => {
  it("goes back as it came", () => {
    const known = schedule({ paused: true, starts_at: "2027-01-01T05:00:00.000Z" });
    const body = JSON.parse(definitionOf(fieldsOf(known, "null"), known)) as unknown;
    expect(body).toEqual({
      cron: "30 2 * * *",
      timezone: "Europe/Berlin",
      starts_at: "2027-01-01T05:00:00.000Z",
      misfire: "run_all",
      overlap: "skip",
      catch_up: 20,
      paused: true,
      job: {
        job_type: "echo",
        queue: "reports",
        priority: 5,
        max_attempts: 3,
        timeout_seconds: 30,
        tags: ["a", "b"],
        backoff: { type: "fixed", seconds: 9 },
        payload: null,
      },
    });
  });

  it("keeps its payload to the digit", () => {
    expect(definitionOf(fieldsOf(schedule(), BIG), schedule())).toContain(`"payload": ${BIG}`);
  });

  it("keeps a time that was not touched, also the second of two that look the same", () => {
    const second = "2027-10-31T01:30:00.000Z";
    const known = schedule({ cron: null, at: second });
    const fields = fieldsOf(known, "null");
    expect(timingOf(fields, known).at).toBe(second);
    expect(timingOf({ ...fields, at: "2027-10-31T02:31" }, known).at).toBe("2027-10-31T00:31:00.000Z");
  });

  it("shows an interval in the largest unit that leaves no rest", () => {
    const of = (interval_seconds: number) => fieldsOf(schedule({ cron: null, interval_seconds }), "null");
    expect(of(7_200)).toMatchObject({ kind: "interval", every: "2", unit: "hours" });
    expect(of(90)).toMatchObject({ every: "90", unit: "seconds" });
  });
});

describe("a new schedule", () => {
  const fields = { ...emptyFields("Europe/Berlin"), name: " poll ", job_type: "echo", payload: "1" };

  it("leaves out what was not said", () => {
    expect(JSON.parse(definitionOf({ ...fields, kind: "interval" }))).toEqual({
      name: "poll",
      interval_seconds: 300,
      timezone: "Europe/Berlin",
      misfire: "run_once",
      overlap: "allow",
      catch_up: 10,
      job: { job_type: "echo", payload: 1 },
    });
  });

  it("goes by the clock of its zone", () => {
    expect(timingOf({ ...fields, kind: "once", at: "2027-07-01T09:00" })).toEqual({ at: "2027-07-01T07:00:00.000Z", timezone: "Europe/Berlin" });
  });

  it("needs a name that leads to it, a time, and a zone", () => {
    expect(missing({ ...fields, name: "", kind: "once" }, null)).toEqual({ name: "a name is missing", at: "a time is missing" });
    expect(missing({ ...fields, name: "new", timezone: "Mars" }, null)).toHaveProperty("timezone");
    expect(missing({ ...fields, name: "new" }, null)).toHaveProperty("name");
    expect(missing(fields, null)).toEqual({});
  });
});

describe("what the API found", () => {
  const fields = emptyFields("UTC");

  it.each([
    ["$.cron", "cron"],
    ["$.interval_seconds", "every"],
    ["$.job.job_type", "job_type"],
    ["$.job.tags[0]", "tags"],
    ["$.catch_up", "catch_up"],
  ])("%s stands at %s", (path, place) => {
    expect(faultsAt([{ path, detail: "no" }], fields)).toEqual({ [place]: "no" });
  });

  it("says where in the payload", () => {
    expect(faultsAt([{ path: "$.job.payload.steps", detail: "no" }], fields)).toEqual({ payload: "$.steps: no" });
  });

  it("stands at the whole where there is no field", () => {
    expect(faultsAt([{ path: "$", detail: "one of three" }, { path: "$.job.backoff", detail: "no" }], fields)).toEqual({
      whole: "one of three; $.job.backoff: no",
    });
  });
});

describe("in words", () => {
  it("says when", () => {
    expect(whenOf(schedule()).words).toBe("At 02:30, every day");
    expect(whenOf(schedule({ cron: null, interval_seconds: 300 }))).toEqual({ words: "Every 5 minutes", exact: null });
    expect(whenOf(schedule({ cron: null, at: "2027-03-28T01:30:00Z" })).words).toBe("Once, at Sun 28 Mar 2027, 03:30");
  });

  it("says how the last runs fared", () => {
    expect(outcomesInWords(["COMPLETED", "FAILED", "COMPLETED", null])).toBe("2 completed, 1 failed, 1 gone");
  });
});

describe("options of a submit", () => {
  it("are only those that were said", () => {
    expect(submitOptionsOf(NO_FIELDS, "UTC")).toEqual({});
  });

  it("are numbers, a list, a time by the reader's clock, and what is unique", () => {
    const fields = { ...NO_FIELDS, priority: "-5", tags: "a, b,,a", when: "at", run_at: "2027-07-01T09:00", is_unique: true, unique_for: "seconds", unique_key: "k" } as const;
    expect(submitOptionsOf(fields, "Europe/Berlin")).toEqual({
      priority: -5,
      tags: ["a", "b"],
      run_at: "2027-07-01T07:00:00.000Z",
      unique: { for: 3_600, key: "k" },
    });
  });

  it("name the jobs it runs after, however they were written", () => {
    expect(submitOptionsOf({ ...NO_FIELDS, depends_on: " a, b\n", if_dependency_fails: "fail" }, "UTC")).toEqual({ depends_on: ["a", "b"] });
    expect(submitOptionsOf({ ...NO_FIELDS, depends_on: "a", if_dependency_fails: "run" }, "UTC")).toEqual({
      depends_on: ["a"],
      if_dependency_fails: "run",
    });
    expect(submitOptionsOf({ ...NO_FIELDS, depends_on: " ,", if_dependency_fails: "run" }, "UTC")).toEqual({});
  });
});

describe("a key", () => {
  it("takes only what was said", () => {
    expect(keyForm({ name: " ci ", role: "viewer", rate_limit: "", expires_in: "" }, 0)).toEqual({ name: "ci", role: "viewer" });
    expect(keyForm({ name: "ci", role: "admin", rate_limit: "60", expires_in: "1" }, 0)).toEqual({
      name: "ci",
      role: "admin",
      rate_limit: 60,
      expires_at: "1970-01-02T00:00:00.000Z",
    });
  });

  it("is open until it expires or is revoked", () => {
    expect(keyState({ revoked_at: null, expires_at: "2027-01-01T00:00:00Z" }, Date.parse("2026-12-31T23:59:59Z"))).toBe("open");
    expect(keyState({ revoked_at: null, expires_at: "2027-01-01T00:00:00Z" }, Date.parse("2027-01-01T00:00:00Z"))).toBe("expired");
    expect(keyState({ revoked_at: "2026-01-01T00:00:00Z", expires_at: null }, 0)).toBe("revoked");
  });
});
