import assert from "node:assert/strict";
import { test } from "node:test";
import { board } from "./board";
import { account, host, instance, task } from "./fixture";
import { share } from "./share";

const copy = <T>(v: T): T => JSON.parse(JSON.stringify(v)) as T;

test("equal is the same", () => {
  const a = { list: [{ arn: "a", deep: { n: 1 } }], none: null, text: "x" };
  assert.equal(share(a, copy(a)), a);
  assert.equal(share(undefined, a), a);
});

test("only what changed, and what holds it, is new", () => {
  const a = { left: [{ arn: "a", n: 1 }, { arn: "b", n: 2 }], right: { n: 3 } };
  const b = share(a, { left: [{ arn: "a", n: 1 }, { arn: "b", n: 9 }], right: { n: 3 } });
  assert.notEqual(b, a);
  assert.notEqual(b.left, a.left);
  assert.equal(b.left[0], a.left[0]);
  assert.equal(b.left[1]?.n, 9);
  assert.equal(b.right, a.right);
});

test("a record is known by its key, wherever it stands", () => {
  const a = [{ arn: "a" }, { arn: "b" }];
  const b = share(a, [{ arn: "new" }, { arn: "a" }, { arn: "b" }]);
  assert.deepEqual(b.map((x) => x.arn), ["new", "a", "b"]);
  assert.equal(b[1], a[0]);
  assert.equal(b[2], a[1]);
});

test("fewer, more, other order and left out fields are changes", () => {
  assert.deepEqual(share([{ arn: "a" }, { arn: "b" }], [{ arn: "b" }]), [{ arn: "b" }]);
  assert.deepEqual(share([{ arn: "a" }, { arn: "b" }], [{ arn: "a" }]), [{ arn: "a" }]);
  assert.deepEqual(share([{ arn: "a" }, { arn: "b" }], [{ arn: "b" }, { arn: "a" }]), [{ arn: "b" }, { arn: "a" }]);
  assert.deepEqual(share<Record<string, number>>({ a: 1, b: 2 }, { a: 1 }), { a: 1 });
  assert.deepEqual(share<Record<string, number | undefined>>({ a: 1 }, { b: undefined }), { b: undefined });
  assert.deepEqual(share<unknown>([1], { 0: 1 }), { 0: 1 });
});

test("one task of two hundred changes one tile and no other", () => {
  const machines = [1, 2, 3, 4, 5, 6, 7, 8];
  const tasks = Array.from({ length: 200 }, (_, i) => task(`t${i}`, `service-${i % 20}`, machines[i % 8] ?? 1));
  const at = (list: typeof tasks) => board(account({ instances: machines.map((n) => instance(n)), hosts: machines.map((n) => host(n)), tasks: copy(list) }));
  const before = at(tasks);
  const after = share(before, at(tasks.map((t, i) => (i === 0 ? { ...t, last: "DEACTIVATING" } : t))));
  const tiles = after[0]?.tiles ?? [];
  assert.equal(tiles.length, 8);
  const other = tiles.filter((t, i) => t !== before[0]?.tiles[i]);
  assert.deepEqual(other.map((t) => t.name), ["prod-1"]);
  const chips = other[0]?.chips.filter((c) => !before[0]?.tiles[0]?.chips.includes(c));
  assert.deepEqual(chips?.map((c) => c.id), ["t0"]);
});
