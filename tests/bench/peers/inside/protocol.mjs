/**
 * What runs inside a Node peer's environment: protocol.py's twin, one JSON command a line in, one JSON answer a line out.
 *
 * A driver is an object with prepare, submit, finished and, where the peer has such an API, submitBulk.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const BULK_SIZE = 1000; // jobs in one call of a bulk API

export const payload = (number) => ({ number, note: "a small JSON payload" });

/** Answer commands until the harness hangs up. */
export async function serve(driver) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: command, ...args } = JSON.parse(line);
    process.stdout.write(JSON.stringify(await answer(driver, command, args)) + "\n");
  }
  process.exit(0);
}

async function answer(driver, command, args) {
  try {
    return { answer: (await commands[command](driver, args)) ?? null };
  } catch (error) {
    console.error(error);
    return { error: String(error) };
  }
}

const commands = {
  prepare: (driver) => driver.prepare(),
  finished: (driver) => driver.finished(),

  /** Seconds for all, one by one. */
  async submit(driver, { kind, first, count }) {
    const began = performance.now();
    for (let number = first; number < first + count; number++) await driver.submit(kind, number);
    return (performance.now() - began) / 1000;
  },

  /** Seconds for all, in calls of BULK_SIZE. */
  async submit_bulk(driver, { kind, first, count }) {
    const began = performance.now();
    for (let start = first; start < first + count; start += BULK_SIZE) {
      await driver.submitBulk(kind, range(start, Math.min(start + BULK_SIZE, first + count)));
    }
    return (performance.now() - began) / 1000;
  },

  /** Submit one job at each of these seconds from now on. Answers when each was begun, on the monotonic clock in ns. */
  async pace(driver, { kind, first, offsets }) {
    const began = performance.now();
    const sent = [];
    for (const [index, offset] of offsets.entries()) {
      const wait = began + offset * 1000 - performance.now();
      if (wait > 0) await sleep(wait);
      sent.push(Number(process.hrtime.bigint()));
      await driver.submit(kind, first + index);
    }
    return sent;
  },
};

const range = (start, end) => Array.from({ length: end - start }, (_, index) => start + index);
