import { expect, it } from "vitest";
import { applies, orderBefore, ordersFor, workedThrough, type BulkProgress, type Order } from "../src/bulk";

const SIGNAL = new AbortController().signal;

it("ids are ordered by the thousand", () => {
  const orders = ordersFor(Array.from({ length: 2_001 }, (_, n) => String(n)));

  expect(orders.map((order) => ("ids" in order ? order.ids.length : 0))).toEqual([1_000, 1_000, 1]);
});

it("jobs that are submitted after the count are left alone, unless the filter ends before", () => {
  expect(orderBefore({ queue: "mail" }, 0)).toEqual({ queue: "mail", created_before: "1970-01-01T00:00:00.000Z" });
  expect(orderBefore({ created_before: "1969-01-01T00:00:00.000Z" }, 0)).toEqual({ created_before: "1969-01-01T00:00:00.000Z" });
});

it("an order goes on from where the call before ended, and the next one begins anew", async () => {
  const answers: BulkProgress[] = [{ count: 3, cursor: "c" }, { count: 2, cursor: null }, { count: 1, cursor: null }];
  const asked: Order[] = [];
  const counts: number[] = [];
  const call = (order: Order) => {
    asked.push(order);
    return Promise.resolve(answers[asked.length - 1] ?? { count: 0, cursor: null });
  };

  const count = await workedThrough([{ queue: "a" }, { queue: "b" }], call, { onCount: (each) => counts.push(each), signal: SIGNAL });

  expect(count).toBe(6);
  expect(counts).toEqual([3, 5, 6]);
  expect(asked).toEqual([{ queue: "a" }, { queue: "a", cursor: "c" }, { queue: "b" }]);
});

it("whoever stops it stops what has not been asked for yet", async () => {
  const stop = new AbortController();
  const call = () => {
    stop.abort();
    return Promise.resolve({ count: 1, cursor: "more" });
  };

  await expect(workedThrough([{ queue: "a" }], call, { onCount: () => undefined, signal: stop.signal })).rejects.toThrow();
});

it("what cannot be moved is not offered to be", () => {
  expect([applies("revive", "FAILED"), applies("revive", "RUNNING"), applies("cancel", "RUNNING"), applies("cancel", "FAILED")]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(applies("cancel", null)).toBe(true);
});
