import { describe, expect, it } from "vitest";
import { cronWords, intervalWords } from "../src/cronwords";

describe("cron in words", () => {
  it.each([
    ["30 2 * * mon-fri", "At 02:30, Monday through Friday"],
    ["*/5 * * * *", "Every 5 minutes"],
    ["@daily", "At 00:00, every day"],
    [" @HOURLY ", "Every hour"],
    ["0 0 1 * 1", "At 00:00, on day 1 of the month or on Monday"],
    ["0 0 */2 * 1", "At 00:00, every 2 days in a month, and on Monday"],
  ])("%s", (expression, words) => {
    expect(cronWords(expression)).toBe(words);
  });

  it.each(["", "99 * * * *", "* * * *", "0 0 * * * *", "@reboot", "nonsense"])("has none for %j", (expression) => {
    expect(cronWords(expression)).toBeNull();
  });
});

it.each([
  [300, "every 5 minutes"],
  [86_400, "every day"],
  [60, "every minute"],
  [5_400, "every 1 hour 30 minutes"],
  [90_061, "every 1 day 1 hour 1 minute 1 second"],
])("an interval of %i s", (seconds, words) => {
  expect(intervalWords(seconds)).toBe(words);
});
