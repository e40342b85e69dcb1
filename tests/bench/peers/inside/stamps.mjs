/** The handlers of all Node peers: stamps.py's twin. */
import { openSync, writeSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const SLEEP_MS = 10;

const file = openSync(process.env.BENCH_STAMPS, "a");
const stamp = Buffer.alloc(16);

export function noop(number) {
  stamp.writeBigInt64LE(BigInt(number), 0);
  stamp.writeBigInt64LE(process.hrtime.bigint(), 8);
  writeSync(file, stamp);
  return number;
}

export async function sleep(number) {
  await wait(SLEEP_MS);
  return noop(number);
}
