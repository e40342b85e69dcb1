import { expect, it } from "vitest";
import { subscriptionTo } from "../src/interest";

it.each([
  ["nothing: no job at all", [], { batch: true, jobs: [] }],
  ["statistics alone", [{ stats: true }], { batch: true, jobs: [], stats: true }],
  ["some jobs, whoever asks for them", [{ jobs: ["b"] }, { jobs: ["a", "b"] }], { batch: true, jobs: ["a", "b"] }],
  ["all jobs, whatever else is named", [{ jobs: ["b"] }, { jobs: "all" }, { queues: ["slow"] }], { batch: true }],
  ["queues and types", [{ queues: ["slow"] }, { jobTypes: ["echo"] }], { batch: true, queues: ["slow"], job_types: ["echo"] }],
  ["logs", [{ logs: ["a"] }, { jobs: ["a"] }], { batch: true, jobs: ["a"], logs: ["a"] }],
] as const)("pages that want %s", (_, interests, subscription) => {
  expect(subscriptionTo(interests)).toEqual(subscription);
});

it("more jobs than can be named are all jobs", () => {
  const names = Array.from({ length: 101 }, (_, n) => String(n));

  expect(subscriptionTo([{ jobs: names }])).toEqual({ batch: true });
});
