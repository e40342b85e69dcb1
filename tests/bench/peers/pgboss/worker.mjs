/** Two workers of this kind run. BATCH_SIZE jobs are fetched, run side by side, and settled each with its own result. */
import { QUEUES, started } from "./boss.mjs";
import * as stamps from "./stamps.mjs";

const options = {
  batchSize: Number(process.argv[2]),
  perJobResults: true,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};

const boss = await started();
for (const queue of QUEUES) await boss.work(queue, options, (jobs) => Promise.all(jobs.map((job) => run(queue, job))));

async function run(queue, job) {
  return { id: job.id, status: "completed", output: { number: await stamps[queue](job.data.number) } };
}
