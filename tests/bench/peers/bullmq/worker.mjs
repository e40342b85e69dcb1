import { Worker } from "bullmq";
import { QUEUE, connection } from "./queues.mjs";
import * as stamps from "./stamps.mjs";

const worker = new Worker(QUEUE, async (job) => stamps[job.name](job.data.number), { connection, concurrency: 100 });
worker.on("error", console.error);
