import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../wire";
import { board, placement, type Section, type Tile } from "./board";
import { account, ec2, host, instance, task } from "./fixture";

const forced = "Container instance deregistration forced by user";

function section(a: Account, name = "prod"): Section {
  const s = board(a).find((x) => x.name === name);
  assert.ok(s, `no section ${name}`);
  return s;
}

function tile(a: Account, n: number, name = "prod"): Tile {
  const t = section(a, name).tiles.find((x) => x.ec2_id === ec2(n));
  assert.ok(t, `no tile of ${ec2(n)}`);
  return t;
}

test("a task stands on the tile of its registration", () => {
  const a = account({ instances: [instance(1), instance(2)], hosts: [host(1), host(2)], tasks: [task("b", "web", 2), task("a", "api", 1)] });
  assert.deepEqual(tile(a, 1).chips.map((c) => c.id), ["a"]);
  assert.deepEqual(tile(a, 2).chips.map((c) => c.id), ["b"]);
  assert.equal(tile(a, 1).verdict.kind, "ok");
});

test("a stopped task is not among the live ones", () => {
  const a = account({ instances: [instance(1)], hosts: [host(1)], tasks: [task("a", "web", 1, { last: "STOPPED", desired: "STOPPED" })] });
  assert.deepEqual(tile(a, 1).chips, []);
  assert.deepEqual(tile(a, 1).stopped.map((c) => c.phase), ["stopped"]);
});

test("a deregistered machine keeps its tile, in the cluster it was in, with the containers that run on", () => {
  const gone = task("a", "web", 1, { last: "STOPPED", desired: "STOPPED", reason: forced });
  for (const [why, instances] of [["ECS still describes it", [instance(1, { status: "INACTIVE" })]], ["ECS has forgotten it", []]] as const) {
    const a = account({ instances: [...instances], hosts: [host(1, { containers: [gone.arn] })], tasks: [gone] });
    const t = tile(a, 1);
    assert.equal(t.key, ec2(1), why);
    assert.equal(t.reg, undefined, why);
    assert.equal(t.verdict.kind, "orphans", why);
    assert.deepEqual(t.chips.map((c) => c.phase), ["orphan"], why);
    assert.equal(t.cpu, undefined, why);
  }
});

test("a machine without registration and container is billed for nothing", () => {
  const a = account({ instances: [instance(1, { status: "INACTIVE" })], hosts: [host(1)] });
  assert.equal(tile(a, 1).verdict.kind, "empty");
  assert.equal(tile(a, 1).was, instance(1).id);
});

test("a terminated machine is a ghost while registered, and nothing afterwards", () => {
  const dead = host(1, { state: "terminated" });
  const t = tile(account({ instances: [instance(1, { connected: false })], hosts: [dead], tasks: [task("a", "api", 1)] }), 1);
  assert.equal(t.verdict.kind, "ghost");
  assert.deepEqual(t.chips.map((c) => c.phase), ["stale"]);
  assert.deepEqual(section(account({ instances: [instance(1, { status: "INACTIVE" })], hosts: [dead] })).tiles, []);
});

test("a registration that EC2 knows no machine for is a ghost too, an external one is not", () => {
  assert.equal(tile(account({ instances: [instance(1)] }), 1).verdict.kind, "ghost");
  const external = board(account({ instances: [instance(1, { ec2_id: "mi-0123456789abcdef0" })] }))[0]?.tiles[0];
  assert.equal(external?.verdict.kind, "ok");
});

test("of two registrations the live one speaks, and the other is named", () => {
  const again = instance(1, { arn: "arn:zz", id: "again" });
  const a = account({ instances: [instance(1, { connected: false }), again], hosts: [host(1)], tasks: [task("a", "web", 1)] });
  assert.equal(section(a).tiles.length, 1);
  assert.equal(tile(a, 1).reg?.id, "again");
  assert.deepEqual(tile(a, 1).others.map((o) => o.id), [instance(1).id]);
  assert.deepEqual(tile(a, 1).chips.map((c) => c.id), ["a"]);
});

test("a second live registration in another cluster is a tile there, with its own tasks", () => {
  const other = instance(1, { arn: "arn:other", id: "other", cluster: "staging" });
  const a = account({
    clusters: [{ arn: "p", name: "prod" }, { arn: "s", name: "staging" }], instances: [instance(1, { connected: false }), other], hosts: [host(1)],
    tasks: [task("a", "web", 1), task("b", "hello", 1, { instance: "arn:other", cluster: "staging" })],
  });
  assert.deepEqual(tile(a, 1, "staging").chips.map((c) => c.id), ["b"]);
  assert.deepEqual(tile(a, 1, "prod").chips.map((c) => c.id), ["a"]);
});

test("a machine that launches stands with its group, one that nobody knows without a cluster", () => {
  const fresh = host(2, { state: "pending", group: "asg", lifecycle: "Pending" });
  const a = account({ instances: [instance(1)], hosts: [host(1, { group: "asg" }), fresh, host(3)] });
  assert.equal(tile(a, 2).verdict.kind, "launching");
  assert.equal(tile(a, 3, "").verdict.kind, "launching");
});

test("tasks on no instance are serverless", () => {
  const t = task("a", "site", 1);
  delete t.ec2_id;
  delete t.instance;
  assert.deepEqual(section(account({ tasks: [t, { ...t, arn: "x", last: "STOPPED" }] })).serverless.map((c) => c.id), ["a"]);
});

test("placement changes with where things stand and what they are, and with nothing else", () => {
  const at = (t: ReturnType<typeof task>, more: Partial<Account> = {}) =>
    placement(board(account({ instances: [instance(1), instance(2)], hosts: [host(1), host(2)], tasks: [t], ...more })));
  const before = at(task("a", "web", 1));
  assert.equal(at(task("a", "web", 1), { at: "later" }), before);
  assert.notEqual(at(task("a", "web", 2)), before);
  assert.notEqual(at(task("a", "web", 1, { last: "STOPPING" })), before);
});
