import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../wire";
import { kept, outcomeWord, sieves, span, step } from "./calls";

const line = (more: Partial<Line>): Line => ({ seq: 1, at: "", side: "aws", what: "ecs:ListTasks", outcome: "OK", ok: true, ms: 1, ...more });

test("each sieve keeps its own", () => {
  const lines = [line({}), line({ side: "slack" }), line({ ok: false }), line({ change: true })];
  const got = Object.fromEntries(sieves.map((s) => [s.id, lines.map((l) => Number(kept(l, s.id))).join("")]));
  assert.deepEqual(got, { all: "1111", changes: "0001", errors: "0010", aws: "1011", slack: "0100" });
});

test("only rows in view are drawn, whatever the scroll", () => {
  assert.deepEqual(span(2000, 24, 0, 240, 2), { from: 0, to: 12 });
  assert.deepEqual(span(2000, 24, 24 * 1000, 240, 2), { from: 998, to: 1012 });
  assert.deepEqual(span(2000, 24, 24 * 1990, 240, 2), { from: 1988, to: 2000 });
  assert.deepEqual(span(3, 24, 24 * 1990, 240, 2), { from: 3, to: 3 });
  assert.deepEqual(span(0, 24, 0, 240), { from: 0, to: 0 });
  assert.deepEqual(span(5, 24, -80, 0, 0), { from: 0, to: 1 });
});

test("keys walk the lines and stop at the ends", () => {
  assert.equal(step("ArrowUp", undefined, 10, 5), 9);
  assert.equal(step("ArrowDown", 9, 10, 5), 9);
  assert.equal(step("ArrowUp", 0, 10, 5), 0);
  assert.equal(step("PageUp", 9, 10, 5), 4);
  assert.equal(step("PageDown", 4, 10, 5), 9);
  assert.equal(step("Home", 7, 10, 5), 0);
  assert.equal(step("End", undefined, 10, 5), 9);
  assert.equal(step("a", 3, 10, 5), undefined);
  assert.equal(step("ArrowUp", undefined, 0, 5), undefined);
});

test("an outcome is never empty", () => {
  assert.equal(outcomeWord(line({ outcome: "" })), "OK");
  assert.equal(outcomeWord(line({ outcome: "", ok: false })), "failed");
  assert.equal(outcomeWord(line({ outcome: "ThrottlingException", ok: false })), "ThrottlingException");
});
