import assert from "node:assert/strict";
import { test } from "node:test";
import { count, day, gib, headline, lastPart, latency, percent, shortId, storyLink, timeOfDay, vcpu, zoneLetters } from "./format";
import { anchor, at, paceName, tick } from "./time";

test("ids keep their kind and their end", () => {
  assert.equal(shortId("i-0a1b2c3d4e5f60001"), "i-…f60001");
  assert.equal(shortId("mi-0123456789abcdef0"), "mi-…bcdef0");
  assert.equal(shortId("i-1234"), "i-1234");
  assert.equal(shortId("0123456789abcdef0123456789ab0001"), "…ab0001");
  assert.equal(shortId("web"), "web");
  assert.equal(lastPart("arn:aws:ecs:x:1:task/prod/abc"), "abc");
});

test("numbers with as many digits as they are worth", () => {
  assert.deepEqual([vcpu(512), vcpu(8192), vcpu(65536), gib(31640), gib(0)], ["0.5", "8", "64", "30.9", "0"]);
  assert.deepEqual([latency(0.01), latency(0.4), latency(12.3), latency(999), latency(1234), latency(12345), latency(-1), latency(NaN)], ["<0.1 ms", "0.4 ms", "12 ms", "999 ms", "1.2 s", "12 s", "–", "–"]);
  assert.deepEqual([percent(1, 3), percent(5, 0), percent(9, 3), percent(-1, 3)], [33, 0, 100, 0]);
  assert.deepEqual([count(1, "task"), count(0, "task"), count(2, "entry", "entries")], ["1 task", "0 tasks", "2 entries"]);
});

test("times are UTC, and what is no time is a dash", () => {
  assert.equal(timeOfDay("2026-11-23T10:00:01+01:00"), "09:00:01");
  assert.equal(day("2026-11-23T00:30:00+01:00"), "22 Nov 2026");
  assert.equal(timeOfDay("soon"), "–");
  assert.equal(day("soon"), "–");
  assert.equal(zoneLetters("eu-central-1a"), "1a");
  assert.equal(zoneLetters("us-gov-west-1b"), "1b");
  assert.equal(zoneLetters("local"), "local");
});

test("the link of a story keeps the rest of the query", () => {
  assert.equal(storyLink("ghost", ""), "?story=ghost");
  assert.equal(storyLink("ghost", "?theme=dark&story=crash"), "?theme=dark&story=ghost");
});

test("virtual time runs at its pace and never backwards", () => {
  const a = anchor({ now: "2026-11-23T09:00:00Z", pace: 60 }, 1000);
  assert.equal(timeOfDay(at(a, 2000)), "09:01:00");
  assert.equal(timeOfDay(at(a, 500)), "09:00:00");
  assert.equal(at({ ...a, pace: 0 }, 1e9), a.virtual);
  assert.deepEqual([tick(0), tick(1), tick(10), tick(60)], [0, 250, 100, 100]);
  assert.deepEqual([paceName(0), paceName(10)], ["Pause", "10×"]);
});

test("a headline is one short line, with the whole behind it when that is more", () => {
  assert.deepEqual(headline("the card did not appear\n"), ["the card did not appear"]);
  assert.deepEqual(headline("first\nsecond"), ["first", "first\nsecond"]);
  const long = "x".repeat(300);
  assert.deepEqual(headline(long), ["x".repeat(179) + "…", long]);
});
