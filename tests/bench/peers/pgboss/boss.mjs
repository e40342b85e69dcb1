/** A started pg-boss that listens, so that workers are woken and do not only poll. */
import { PgBoss } from "pg-boss";

export const QUEUES = ["noop", "sleep"];

export async function started() {
  const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, useListenNotify: true });
  boss.on("error", console.error);
  await boss.start();
  return boss;
}
