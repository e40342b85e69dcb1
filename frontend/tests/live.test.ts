import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StatsNow } from "../src/frames";
import type { Job } from "../src/jobs";
import { Live } from "../src/live";
import { aJob } from "./job";
import { FakeSocket } from "./socket";

/** Reads over HTTP that a test lets end. */
class Reads {
  begun = 0;
  private readonly waiting: ((isDone: boolean) => void)[] = [];

  readonly begin = (): Promise<void> => {
    this.begun += 1;
    return new Promise((resolve, reject) => {
      this.waiting.push((isDone) => { if (isDone) resolve(); else reject(new Error("no answer")); });
    });
  };

  async end(isDone = true): Promise<void> {
    for (const end of this.waiting.splice(0)) end(isDone);
    await vi.advanceTimersByTimeAsync(0);
  }
}

let reads: Reads;
let updates: Job[];
let stats: StatsNow[];
let live: Live;
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("document", Object.assign(new EventTarget(), { hidden: false }));
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("navigator", { onLine: true });
  FakeSocket.all = [];
  reads = new Reads();
  updates = [];
  stats = [];
  live = new Live({
    url: () => Promise.resolve("ws://localhost/ws"),
    onUpdates: (jobs) => updates.push(...jobs),
    onStats: (told) => stats.push(told),
    onLogs: () => undefined,
    catchUp: reads.begin,
  });
  live.want({ jobs: "all" });
  stop = live.start();
  await connected();
});

afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** The next socket opens, however long that is put off. */
async function connected(): Promise<FakeSocket> {
  const before = FakeSocket.all.filter(({ readyState }) => readyState === FakeSocket.CLOSED).length;
  for (let waits = 0; FakeSocket.all.length === before && waits < 40; waits += 1) await vi.advanceTimersByTimeAsync(1_000);
  FakeSocket.last.open();
  return FakeSocket.last;
}

async function madeLive(eventId = "5-0"): Promise<FakeSocket> {
  FakeSocket.last.tell({ type: "Subscribed", event_id: eventId });
  await reads.end();
  expect(live.current().state).toBe("live");
  return FakeSocket.last;
}

describe("the first connection", () => {
  it("is live once it was subscribed and everything was read after that", async () => {
    expect(FakeSocket.last.said).toEqual([{ action: "subscribe", batch: true }]);
    expect(reads.begun).toBe(0);

    FakeSocket.last.tell({ type: "Subscribed", event_id: "5-0" });
    expect(reads.begun).toBe(1);
    expect(live.current()).toMatchObject({ state: "reconnecting", phase: "reading" });
    await reads.end();

    expect(live.current()).toMatchObject({ state: "live", phase: "following" });
  });

  it("is not live after a read that failed, which is made again", async () => {
    FakeSocket.last.tell({ type: "Subscribed", event_id: "5-0" });
    await reads.end(false);
    expect(live.current().state).not.toBe("live");

    await vi.advanceTimersByTimeAsync(2_000);
    await reads.end();

    expect(live.current().state).toBe("live");
  });
});

describe("a connection that was lost", () => {
  it("goes on where it ended, without reading, and is not live before it is told that it can", async () => {
    (await madeLive()).tell({ type: "JobStatusUpdates", data: [aJob(1)], event_id: "6-0" });
    FakeSocket.last.drop();
    expect(live.current().state).not.toBe("live");

    const socket = await connected();
    expect(socket.said).toEqual([{ action: "subscribe", batch: true, after: "6-0" }]);
    expect(live.current().state).not.toBe("live");
    socket.tell({ type: "Subscribed", event_id: "6-0" });

    expect(live.current().state).toBe("live");
    expect(reads.begun).toBe(1);
  });

  it.each([
    ["something was missed", { type: "Resync", event_id: "9-0" }],
    ["it goes on somewhere else", { type: "Subscribed", event_id: "9-0" }],
  ])("reads everything again when %s", async (_, frame) => {
    (await madeLive()).drop();
    const socket = await connected();

    socket.tell(frame);
    expect(live.current().state).not.toBe("live");
    expect(reads.begun).toBe(2);
    await reads.end();

    expect(live.current().state).toBe("live");
  });

  it("reads again when it was lost before everything was read", async () => {
    FakeSocket.last.tell({ type: "Subscribed", event_id: "5-0" });
    FakeSocket.last.drop();
    await reads.end(); // the answer to a question of the lost connection
    const socket = await connected();

    socket.tell({ type: "Subscribed", event_id: "5-0" });

    expect(live.current().state).not.toBe("live");
    expect(reads.begun).toBe(2);
    await reads.end();
    expect(live.current().state).toBe("live");
  });

  it("reads again when it was lost while a gap was made up for", async () => {
    (await madeLive()).tell({ type: "Resync", event_id: "8-0" });
    FakeSocket.last.drop();

    (await connected()).tell({ type: "Subscribed", event_id: "8-0" });

    expect(live.current().state).not.toBe("live");
    expect(reads.begun).toBe(3);
  });

  it("was right until its last sign of life", async () => {
    const socket = await madeLive();
    const heardAt = Date.now();
    await vi.advanceTimersByTimeAsync(3_000);

    socket.drop();

    expect(live.current().currentUntil).toBe(heardAt);
  });
});

it("a gap in a live connection is made up for before it is live again", async () => {
  const socket = await madeLive();

  socket.tell({ type: "Resync", event_id: "8-0" });
  expect(live.current()).toMatchObject({ state: "reconnecting", phase: "reading" });
  await reads.end();
  expect(live.current().state).toBe("live");
});

it("a socket that has fallen silent is asked for a sign of life, and given up when none comes", async () => {
  const socket = await madeLive();

  await vi.advanceTimersByTimeAsync(25_000);
  expect(socket.said.at(-1)).toEqual({ action: "ping" });
  expect(live.current().state).toBe("live");
  await vi.advanceTimersByTimeAsync(10_000);

  expect(live.current().state).not.toBe("live");
});

describe("an older release", () => {
  it("that refuses what it does not know is followed as a whole", async () => {
    live.want({ stats: true });
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.tell({ type: "Error", code: "invalid_input", detail: "unknown field `stats`" });

    expect(FakeSocket.last.said.at(-1)).toEqual({ action: "subscribe", batch: true });
    expect(reads.begun).toBe(1);
    await reads.end();
    expect(live.current().state).toBe("live");
  });

  it("that does not answer is followed as a whole, and asked for nothing else", async () => {
    await vi.advanceTimersByTimeAsync(2_900);
    expect(reads.begun).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    await reads.end();
    expect(live.current().state).toBe("live");

    live.want({ logs: ["a"] });
    await vi.advanceTimersByTimeAsync(5_000);

    expect(FakeSocket.last.said.filter(({ action }) => action === "subscribe")).toHaveLength(2);
    expect(live.current().state).toBe("live");
    FakeSocket.last.tell({ type: "JobStatusUpdates", data: [aJob(1)] });
    await vi.advanceTimersByTimeAsync(200);
    expect(updates).toEqual([aJob(1)]);
  });

  it("was none after all when it answers late", async () => {
    live.want({ stats: true });
    await vi.advanceTimersByTimeAsync(3_100);
    await reads.end();

    FakeSocket.last.tell({ type: "Subscribed", event_id: "5-0" });

    expect(FakeSocket.last.said.at(-1)).toEqual({ action: "subscribe", batch: true, stats: true, after: "5-0" });
  });
});

describe("what pages want to be told", () => {
  it("is asked for after the last change that was told, and the page stays live", async () => {
    const socket = await madeLive();

    live.want({ stats: true, logs: ["b", "a"] });
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.said.at(-1)).toEqual({ action: "subscribe", batch: true, stats: true, logs: ["a", "b"], after: "5-0" });
    socket.tell({ type: "Subscribed", event_id: "5-0" });

    expect(live.current().state).toBe("live");
    expect(reads.begun).toBe(1);
  });

  it.each([
    ["", { type: "Subscribed", event_id: "5-0" }],
    [", though something was missed", { type: "Resync", event_id: "5-0" }],
  ])("is asked for after the answer to what was asked before, and nothing is read twice%s", async (_, answer) => {
    const socket = FakeSocket.last;
    live.want({ stats: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.said).toEqual([{ action: "subscribe", batch: true }]);

    socket.tell(answer);
    expect(socket.said.at(-1)).toEqual({ action: "subscribe", batch: true, stats: true, after: "5-0" });
    socket.tell({ type: "Subscribed", event_id: "5-0" });
    await reads.end();

    expect(live.current().state).toBe("live");
    expect(reads.begun).toBe(1);
  });

  it("is one subscription when one page makes way for another", async () => {
    const socket = await madeLive();
    const release = live.want({ stats: true });
    await vi.advanceTimersByTimeAsync(0);
    socket.tell({ type: "Subscribed", event_id: "5-0" });
    const said = socket.said.length;

    release();
    live.want({ stats: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(socket.said).toHaveLength(said);
    live.want({ logs: ["a"] });
    live.want({ logs: ["b"] });
    await vi.advanceTimersByTimeAsync(0);

    expect(socket.said).toHaveLength(said + 1);
  });

  it("comes as it is told", async () => {
    const socket = await madeLive();

    socket.tell({ type: "Stats", data: { at: "2026-11-25T14:00:00Z" }, event_id: "7-0" });

    expect(stats).toEqual([{ at: "2026-11-25T14:00:00Z" }]);
    socket.drop();
    expect((await connected()).said.at(-1)).toMatchObject({ after: "7-0" });
  });
});
