import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account } from "../wire";
import { board } from "./board";
import { account, ec2, host, instance, service, task } from "./fixture";
import { changes } from "./news";
import { groupsOf, members, serviceSays, targetsByState, whole } from "./tallies";

test("what a service amounts to", () => {
  assert.deepEqual(serviceSays(service("web")), { standing: "steady", word: "steady" });
  assert.deepEqual(serviceSays(service("web", { running: 1 })), { standing: "short", word: "1 short" });
  assert.deepEqual(serviceSays(service("web", { healthy: 1, steady: true })), { standing: "short", word: "1 not healthy" });
  assert.deepEqual(serviceSays(service("web", { pending: 1, steady: false })), { standing: "working", word: "starting" });
  assert.deepEqual(serviceSays(service("web", { steady: false })), { standing: "working", word: "settling" });
  assert.deepEqual(serviceSays(service("off", { desired: 0, running: 0, healthy: 0 })), { standing: "steady", word: "steady" });
});

test("targets by state, healthy first and unknown states last", () => {
  const target = (id: string, state: string) => ({ id, port: 80, state, task: "" });
  const got = targetsByState([target("a", "draining"), target("b", "odd"), target("c", "healthy"), target("d", "healthy")]);
  assert.deepEqual(got.map((s) => [s.state, s.targets.length]), [["healthy", 2], ["draining", 1], ["odd", 1]]);
});

test("a group has a seat for each member, each that is wanted and each there is room for", () => {
  const kinds = (desired: number, max: number, ...ids: string[]) => members({ name: "asg", min: 0, desired, max, members: ids }).map((s) => s.kind);
  assert.deepEqual(kinds(2, 4, "a"), ["member", "missing", "room", "room"]);
  assert.deepEqual(kinds(1, 1, "a", "b"), ["member", "member"]);
  assert.equal(kinds(1, 5000, "a").length, 24);
});

test("groups are shown where their machines and tasks are", () => {
  const web = task("a", "web", 1);
  const a = account({
    clusters: [{ arn: "p", name: "prod" }, { arn: "s", name: "staging" }], instances: [instance(1), instance(2, { cluster: "staging" })], hosts: [host(1), host(2)], tasks: [web],
    groups: [{ name: "prod-asg", min: 0, max: 1, desired: 1, members: [ec2(1)] }, { name: "staging-asg", min: 0, max: 1, desired: 1, members: [ec2(2)] }, { name: "empty", min: 0, max: 1, desired: 0, members: [] }],
    target_groups: [{ arn: "tg", name: "web", targets: [{ id: "x", port: 1, state: "healthy", task: web.arn }] }],
  });
  const names = (cluster: string) => {
    const got = groupsOf(a, board(a), cluster);
    return [...got.groups, ...got.targetGroups].map((g) => g.name);
  };
  assert.deepEqual(names(""), ["prod-asg", "staging-asg", "empty", "web"]);
  assert.deepEqual(names("prod"), ["prod-asg", "empty", "web"]);
  assert.deepEqual(names("staging"), ["staging-asg", "empty"]);
});

test("an account with nothing in it has empty lists", () => {
  const bare = { at: "", clusters: null, instances: null, hosts: [{ ...host(1), containers: null }], tasks: null, services: null, groups: null, target_groups: null };
  const a = whole(bare as unknown as Account);
  assert.deepEqual(a.hosts[0]?.containers, []);
  assert.equal(board(a)[0]?.tiles.length, 1);
});

test("news names what became of machines, and no more than a few", () => {
  const at = (status: string, ...ns: number[]) => board(account({ instances: ns.map((n) => instance(n, n === 1 ? { status } : {})), hosts: ns.map((n) => host(n)) }));
  assert.deepEqual(changes(at("ACTIVE", 1, 2), at("ACTIVE", 1, 2)), []);
  assert.deepEqual(changes(at("ACTIVE", 1, 2), at("DRAINING", 1)), ["prod-1: Drained", "prod-2 is gone"]);
  assert.equal(changes([], at("ACTIVE", 1, 2, 3, 4, 5, 6)).at(-1), "and 2 more");
});
