import { QUEUES, started } from "./boss.mjs";
import { payload, serve } from "./protocol.mjs";

let boss;

await serve({
  async prepare() {
    boss = await started();
    for (const queue of QUEUES) await boss.createQueue(queue, { notify: true });
  },
  submit: (kind, number) => boss.send(kind, payload(number)),
  submitBulk: (kind, numbers) => boss.insert(kind, numbers.map((number) => ({ data: payload(number) }))),
  async finished() {
    const { rows } = await boss.getDb().executeSql("SELECT count(*)::int FROM pgboss.job WHERE state = 'completed'");
    return rows[0].count;
  },
});
