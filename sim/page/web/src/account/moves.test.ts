import assert from "node:assert/strict";
import { test } from "node:test";
import type { Task } from "../wire";
import { board, type Section } from "./board";
import { account, host, instance, task } from "./fixture";
import { origins } from "./moves";

function estate(tasks: Task[], firstStatus = "DRAINING"): Section[] {
  return board(account({ instances: [instance(1, { status: firstStatus }), instance(2), instance(3)], hosts: [host(1), host(2), host(3)], tasks }));
}

const ids = (m: Map<string, string>) => [...m].map(([to, from]) => [to.slice(to.lastIndexOf("/") + 1), from.slice(from.lastIndexOf("/") + 1)]);

test("a replacement comes from the task that leaves", () => {
  const old = task("old", "web", 1);
  assert.deepEqual(ids(origins(estate([old]), estate([old, task("new", "web", 2, { last: "PENDING" })]), new Set())), [["new", "old"]]);
});

test("each task has one successor, across events too", () => {
  const old = [task("a", "web", 1), task("b", "web", 1)];
  const taken = new Set<string>();
  const first = estate([...old, task("n1", "web", 2)]);
  assert.deepEqual(ids(origins(estate(old), first, taken)), [["n1", "a"]]);
  assert.deepEqual(ids(origins(first, estate([...old, task("n1", "web", 2), task("n2", "web", 3), task("n3", "web", 3)]), taken)), [["n2", "b"]]);
});

test("what replaces nothing comes from nowhere", () => {
  const rows: { why: string; before: Task[]; new: Task; status?: string }[] = [
    { why: "another service leaves", before: [task("old", "api", 1)], new: task("new", "web", 2) },
    { why: "nothing leaves", before: [task("old", "web", 1)], new: task("new", "web", 2), status: "ACTIVE" },
    { why: "a task of no service replaces none", before: [task("old", "job", 1, { service: "" })], new: task("new", "job", 2, { service: "" }) },
    { why: "it is on the same machine", before: [task("old", "web", 1)], new: task("new", "web", 1) },
  ];
  for (const r of rows) {
    assert.equal(origins(estate(r.before, r.status), estate([...r.before, r.new], r.status), new Set()).size, 0, r.why);
  }
});

test("a task that is gone at once still has its successor", () => {
  const before = estate([task("old", "web", 1)], "ACTIVE");
  assert.deepEqual(ids(origins(before, estate([task("new", "web", 2)], "ACTIVE"), new Set())), [["new", "old"]]);
});
