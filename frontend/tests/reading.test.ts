import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readAgain } from "../src/reading";

/** One query that is shown. Its answers come when the test gives them. */
function shown() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const answers: { give: (answer: string) => void; fail: () => void; signal: AbortSignal }[] = [];
  const observer = new QueryObserver(queries, {
    queryKey: ["jobs"],
    queryFn: ({ signal }) =>
      new Promise<string>((resolve, reject) => {
        answers.push({ give: resolve, fail: () => { reject(new Error("away")); }, signal });
      }),
  });
  const stop = observer.subscribe(() => undefined);
  return { queries, answers, data: () => observer.getCurrentResult().data, stop };
}

const turns = () => vi.advanceTimersByTimeAsync(0);

describe("everything is read again", () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it("after a first read that was under way, whose answer is shown meanwhile", async () => {
    const { queries, answers, data, stop } = shown();
    const done = vi.fn();
    void readAgain(queries).then(done);
    await turns();
    expect(answers).toHaveLength(1);

    answers[0]?.give("early");
    await turns();
    expect(data()).toBe("early");
    expect(answers).toHaveLength(2);
    expect(done).not.toHaveBeenCalled();

    answers[1]?.give("whole");
    await turns();
    expect(data()).toBe("whole");
    expect(done).toHaveBeenCalled();
    stop();
  });

  it("also after a first read that failed", async () => {
    const { queries, answers, data, stop } = shown();
    const done = readAgain(queries);
    answers[0]?.fail();
    await turns();

    answers[1]?.give("whole");
    await done;

    expect(data()).toBe("whole");
    stop();
  });

  it("without waiting for a first read that does not end", async () => {
    const { queries, answers, stop } = shown();
    void readAgain(queries);
    await vi.advanceTimersByTimeAsync(5_000);

    expect(answers[0]?.signal.aborted).toBe(true);
    expect(answers).toHaveLength(2);
    answers[1]?.give("whole");
    await turns();
    stop();
  });

  it("at once where something is shown, by a read begun from now on", async () => {
    const { queries, answers, stop } = shown();
    answers[0]?.give("old");
    await turns();
    void queries.refetchQueries();
    void readAgain(queries);
    await turns();

    expect(answers[1]?.signal.aborted).toBe(true);
    expect(answers).toHaveLength(3);
    answers[2]?.give("whole");
    await turns();
    stop();
  });

  it("and is not done when it could not be read", async () => {
    const { queries, answers, stop } = shown();
    answers[0]?.give("old");
    await turns();
    const done = readAgain(queries);
    const failed = expect(done).rejects.toThrow("away");
    await turns();

    answers[1]?.fail();

    await failed;
    stop();
  });
});
