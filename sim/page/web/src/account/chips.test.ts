import assert from "node:assert/strict";
import { test } from "node:test";
import { chipOf, inOrder, phaseOf, says, type Phase } from "./chips";
import { task } from "./fixture";

test("what a task's phase is", () => {
  const rows: { why: string; last: string; desired?: string; runs?: boolean; gone?: boolean; orphan?: boolean; want: Phase }[] = [
    { why: "an image is pulled", last: "PENDING", want: "pending" },
    { why: "a network interface is attached", last: "PROVISIONING", want: "pending" },
    { why: "targets are registered", last: "ACTIVATING", want: "pending" },
    { why: "it runs", last: "RUNNING", runs: true, want: "running" },
    { why: "ECS wants it stopped, the agent has not heard yet", last: "RUNNING", desired: "STOPPED", want: "stopping" },
    { why: "a pending task is given up", last: "PENDING", desired: "STOPPED", want: "stopping" },
    { why: "connections drain; the running count has forgotten it already", last: "DEACTIVATING", desired: "STOPPED", want: "stopping" },
    { why: "its interface is detached", last: "DEPROVISIONING", desired: "STOPPED", want: "stopping" },
    { why: "it is over", last: "STOPPED", desired: "STOPPED", want: "stopped" },
    { why: "ECS says STOPPED and the container runs on", last: "STOPPED", desired: "STOPPED", runs: true, want: "orphan" },
    { why: "the estate calls it an orphan", last: "STOPPED", desired: "STOPPED", orphan: true, want: "orphan" },
    { why: "ECS says RUNNING on a machine that is gone", last: "RUNNING", gone: true, want: "stale" },
    { why: "it was over before its machine was gone", last: "STOPPED", desired: "STOPPED", gone: true, want: "stopped" },
  ];
  for (const r of rows) {
    const t = task("a", "web", 1, { last: r.last, desired: r.desired ?? "RUNNING", ...(r.orphan && { orphan: true }) });
    assert.equal(phaseOf(t, r.runs ?? false, r.gone ?? false), r.want, r.why);
  }
});

test("a chip in words says all that its icons and patterns say", () => {
  const reason = "Container instance deregistration forced by user";
  assert.equal(says(chipOf(task("a", "web", 1, { health: "HEALTHY", protected: true }), true, false)), "web, service web, RUNNING, healthy, protected from scale-in");
  assert.equal(says(chipOf(task("a", "web", 1, { last: "STOPPED", desired: "STOPPED", reason }), true, false)),
    `web, service web, orphan: ECS says STOPPED, its container runs on, ${reason}`);
  assert.equal(says(chipOf(task("a", "job", 1, { service: "" }), true, true)), "job, no service, ECS says RUNNING, but its machine is gone");
  assert.equal(says(chipOf(task("a", "web", 1, { last: "DEACTIVATING", desired: "STOPPED" }), true, false)), "web, service web, DEACTIVATING, to be STOPPED");
});

test("a chip is called by its family, and tells the revision in words", () => {
  const c = chipOf(task("a", "web", 1, { family: "web:12" }), true, false);
  assert.equal(c.label, "web");
  assert.match(says(c), /^web:12, service web/);
});

test("chips keep their order while they change, and those of no service come last", () => {
  const order = (last: string) => [task("c", "job", 1, { service: "" }), task("b", "web", 1, { last }), task("a", "web", 1), task("d", "api", 1)]
    .map((t) => chipOf(t, false, false)).sort(inOrder).map((c) => c.id);
  assert.deepEqual(order("RUNNING"), ["d", "a", "b", "c"]);
  assert.deepEqual(order("STOPPING"), order("RUNNING"));
});
