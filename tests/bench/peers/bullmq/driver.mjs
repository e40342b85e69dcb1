import { Queue } from "bullmq";
import { payload, serve } from "./protocol.mjs";
import { QUEUE, connection } from "./queues.mjs";

let queue;

await serve({
  async prepare() {
    queue = new Queue(QUEUE, { connection });
    await queue.waitUntilReady();
  },
  submit: (kind, number) => queue.add(kind, payload(number)),
  submitBulk: (kind, numbers) => queue.addBulk(numbers.map((number) => ({ name: kind, data: payload(number) }))),
  finished: () => queue.getCompletedCount(),
});
