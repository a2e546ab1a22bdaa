import assert from "node:assert/strict";
import { test } from "node:test";
import { clockTime, dayName, slackDate, type Reader } from "./date";

const now = Date.UTC(2026, 10, 23, 8, 30);
const helsinki: Reader = { tz: "Europe/Helsinki", now };
const at = (h: number, m = 0, day = 23) => Date.UTC(2026, 10, day, h, m) / 1000;

const table: [number, string, string][] = [
  [at(8), "{date_short_pretty} {time}", "today 10:00"],
  [at(8, 0, 22), "{date_short_pretty} {time}", "yesterday 10:00"],
  [at(23), "{date_short_pretty}", "tomorrow"],
  [at(8, 0, 20), "{date_short_pretty} {time}", "20 Nov 2026 10:00"],
  [at(8), "{date_num} {time_secs}", "2026-11-23 10:00:00"],
  [at(8), "{date_long}", "Monday 23 November 2026"],
  [at(8), "{date}", "23 November 2026"],
  [at(8), "{ago}", "30 minutes ago"],
  [at(10, 30), "{ago}", "in 2 hours"],
  [at(8), "on {date_nope}", "fallback"],
  [at(8), "{constructor}", "fallback"],
  [at(8), "no token", "no token"],
];
for (const [seconds, pattern, want] of table) {
  test(`date: ${pattern} gives ${want}`, () => assert.equal(slackDate(seconds, pattern, "fallback", helsinki), want));
}

test("date: a time zone that does not exist is UTC", () => assert.equal(clockTime(now, "Nowhere/Else"), "08:30"));
test("date: the heading of a day", () => {
  assert.equal(dayName(now, helsinki), "Today");
  assert.equal(dayName(now - 5 * 86_400_000, helsinki), "Wednesday 18 November");
});
