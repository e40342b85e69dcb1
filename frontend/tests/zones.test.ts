import { describe, expect, it } from "vitest";
import { changeBetween, changeInWords, inZone, isZone, momentOf, offsetAt, offsetName, planned, wallText, zoneNames } from "../src/zones";

const BERLIN = "Europe/Berlin";
const at = (text: string) => Date.parse(text);

describe("a moment on another clock", () => {
  it("is shown with its day, and seconds only where there are any", () => {
    expect(inZone(at("2027-03-28T01:30:00Z"), BERLIN)).toBe("Sun 28 Mar 2027, 03:30");
    expect(inZone(at("2027-03-27T23:59:07Z"), "Asia/Kolkata")).toBe("Sun 28 Mar 2027, 05:29:07");
  });

  it("is so far from UTC", () => {
    expect(offsetName(offsetAt(at("2027-01-01T00:00:00Z"), "Asia/Kolkata"))).toBe("UTC+05:30");
    expect(offsetName(offsetAt(at("2027-01-01T00:00:00Z"), "America/St_Johns"))).toBe("UTC−03:30");
    expect(offsetName(0)).toBe("UTC");
  });
});

describe("what the clock shows, as a moment", () => {
  it.each(["2027-01-15T08:00", "2027-07-15T23:59:30", "2027-03-28T03:00", "2027-10-31T01:59"])("comes back as it was: %s", (text) => {
    const moment = momentOf(text, BERLIN);
    expect(moment?.kind).toBe("plain");
    expect(wallText(moment?.at ?? 0, BERLIN)).toBe(text);
  });

  it("is passed by where the clock is put forward: as much later is meant", () => {
    const moment = momentOf("2027-03-28T02:30", BERLIN);
    expect(moment).toEqual({ at: at("2027-03-28T01:30:00Z"), kind: "skipped" });
    expect(wallText(moment?.at ?? 0, BERLIN)).toBe("2027-03-28T03:30");
  });

  it("comes twice where the clock is put back: the first is meant", () => {
    expect(momentOf("2027-10-31T02:30", BERLIN)).toEqual({ at: at("2027-10-31T00:30:00Z"), kind: "twice" });
  });

  it("is none when it is no time", () => {
    expect(momentOf("", BERLIN)).toBeNull();
    expect(momentOf("tomorrow", BERLIN)).toBeNull();
  });
});

describe("a change of the clock", () => {
  it("is found to the second, and said", () => {
    const change = changeBetween(at("2027-03-27T01:30:00Z"), at("2027-03-28T01:00:00Z"), BERLIN);
    expect(change).toEqual({ at: at("2027-03-28T01:00:00Z"), zone: BERLIN, by: 60 });
    expect(change && changeInWords(change)).toBe("Clocks in Europe/Berlin go forward by 1 h, from 02:00 to 03:00, on Sun 28 Mar 2027.");
  });

  it("may be half an hour, and back", () => {
    const change = changeBetween(at("2027-04-03T00:00:00Z"), at("2027-04-05T00:00:00Z"), "Australia/Lord_Howe");
    expect(change?.by).toBe(-30);
    expect(change && changeInWords(change)).toContain("back by 30 min, from 02:00 to 01:30");
  });

  it("is not there between two summers' days", () => {
    expect(changeBetween(at("2027-06-01T00:00:00Z"), at("2027-07-01T00:00:00Z"), BERLIN)).toBeNull();
  });

  it("stands before the first time after it, for either zone", () => {
    const times = ["2027-03-12T07:00:00Z", "2027-03-19T07:00:00Z", "2027-03-26T07:00:00Z", "2027-04-02T06:00:00Z"];
    const rows = planned(times, at("2027-03-10T00:00:00Z"), [BERLIN, "America/New_York", BERLIN]);
    expect(rows.map(({ changes }) => changes.map(({ zone }) => zone))).toEqual([[], ["America/New_York"], [], [BERLIN]]);
  });

  it("before the first time counts from when it was asked", () => {
    const [first] = planned(["2027-04-01T00:00:00Z"], at("2027-03-01T00:00:00Z"), [BERLIN]);
    expect(first?.changes).toHaveLength(1);
  });
});

it("knows zones by name, UTC among the first", () => {
  expect(zoneNames().slice(0, 2)).toContain("UTC");
  expect(zoneNames()).toContain(BERLIN);
  expect(isZone("Mars/Olympus")).toBe(false);
});
