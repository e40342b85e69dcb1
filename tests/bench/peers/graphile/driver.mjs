import { makeWorkerUtils } from "graphile-worker";
import { payload, serve } from "./protocol.mjs";

let utils;
let submitted = 0;

const sent = (count) => (submitted += count);

await serve({
  async prepare() {
    utils = await makeWorkerUtils({ connectionString: process.env.DATABASE_URL });
    await utils.migrate();
  },
  async submit(kind, number) {
    await utils.addJob(kind, payload(number));
    sent(1);
  },
  async submitBulk(kind, numbers) {
    await utils.addJobs(numbers.map((number) => ({ identifier: kind, payload: payload(number) })));
    sent(numbers.length);
  },
  /** Rows are deleted when done: what is gone has finished. */
  async finished() {
    const { rows } = await utils.withPgClient((client) =>
      client.query("SELECT count(*)::int FROM graphile_worker._private_jobs"),
    );
    return submitted - rows[0].count;
  },
});
