/** Two workers of this kind run, each with so many jobs at once as the first argument says. */
import { run } from "graphile-worker";
import * as stamps from "./stamps.mjs";

const concurrency = Number(process.argv[2]);

await run({
  connectionString: process.env.DATABASE_URL,
  preset: {
    worker: {
      concurrentJobs: concurrency,
      maxPoolSize: 10,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
  taskList: {
    noop: async ({ number }) => void stamps.noop(number),
    sleep: async ({ number }) => void (await stamps.sleep(number)),
  },
});
