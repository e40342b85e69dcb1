import { describe, expect, it } from "vitest";
import { jobsQuery, nextQuery, submissionBody } from "../src/api/calls";
import { curlAgain, curlShow, curlSubmit } from "../src/curl";
import { ALL_JOBS } from "../src/jobs";
import { hrefTo } from "../src/route";
import { auditSearch, filterOf, jobsSearch, parsed } from "../src/search";
import { aJob } from "./job";

describe("the address", () => {
  it.each([ALL_JOBS, { ...ALL_JOBS, status: "FAILED", jobType: "csv_summary", queue: "slow", tag: "a b&c" }, { ...ALL_JOBS, key: "user:7", id: "01a2", within: "1h" }, { ...ALL_JOBS, tag: "123" }, { ...ALL_JOBS, after: "2026-11-01T00:00:00.000Z", before: "2026-11-02T00:00:00.000Z" }] as const)(
    "says what is shown: %o",
    (filter) => {
      const [, query = ""] = hrefTo({ jobId: "01a2", filter }).split("?");

      expect(filterOf(jobsSearch(parsed(query)))).toEqual(filter);
    },
  );

  it.each(["", "status=LOST", "page=2", "status=", "created_after=soon", "created_after=1", "id=xyz", "within=3w"])("that says nothing known shows all jobs: %s", (query) => {
    expect(jobsSearch(parsed(query))).toEqual({});
  });
});

it("a day alone in an address is its first moment, as the API takes it", () => {
  expect(jobsSearch({ created_after: "2026-11-01" })).toEqual({ created_after: "2026-11-01T00:00:00.000Z" });
  expect(auditSearch({ until: "2026-11-01T02:00:00+02:00" })).toEqual({ until: "2026-11-01T00:00:00.000Z" });
});

it("a list is asked for by everything that it is filtered by", () => {
  const query = jobsQuery({ ...ALL_JOBS, status: "FAILED", jobType: "echo", queue: "slow", tag: "a b", key: "k", id: "01a2" }, 100);

  expect(query.toString()).toBe("limit=100&exclude=payload&status=FAILED&job_type=echo&queue=slow&tag=a+b&concurrency_key=k&id=01a2");
});

it("the next page is read from the Link header, whatever stands in front of its query", () => {
  expect(nextQuery('</stage/api/jobs?limit=2&cursor=01a2>; rel="next"')).toBe("?limit=2&cursor=01a2");
  expect(nextQuery(null)).toBeNull();
});

it("a payload is sent as it was typed, so that large numbers keep their digits", () => {
  const body = submissionBody({ jobType: "echo", payload: ' {"n": 12345678901234567890}\n', options: { priority: 5 } });

  expect(body).toBe('{"job_type": "echo", "payload": {"n": 12345678901234567890}, "priority": 5}');
});

describe("the command", () => {
  it("quotes for the shell", () => {
    const command = curlSubmit({ origin: "http://localhost:8000/", hasKey: false }, { jobType: "echo", payload: `"it's"`, options: {} });

    expect(command).toContain(String.raw`-d '{"job_type": "echo", "payload": "it'\''s"}'`);
    expect(command).toContain("curl -sS 'http://localhost:8000/api/jobs'");
  });

  it("takes the key from the environment, where one is needed", () => {
    expect(curlShow({ origin: "http://h/", hasKey: true }, "01a")).toBe(
      `curl -sS 'http://h/api/jobs/01a' \\\n  -H "Authorization: Bearer $JOBS_KEY"`,
    );
    expect(curlShow({ origin: "http://h/", hasKey: false }, "01a")).toBe("curl -sS 'http://h/api/jobs/01a'");
  });

  it("names what is not the default", () => {
    const caller = { origin: "http://h/", hasKey: false };
    const jobType = { name: "echo", description: "", timeout_seconds: 30, max_attempts: 3, schema: {} };

    expect(curlAgain(caller, aJob(1), jobType)).not.toContain("max_attempts");
    expect(curlAgain(caller, aJob(1, { max_attempts: 7, queue: "slow" }), jobType)).toContain(
      '"queue": "slow", "max_attempts": 7',
    );
  });
});
