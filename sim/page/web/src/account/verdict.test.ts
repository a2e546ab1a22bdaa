import assert from "node:assert/strict";
import { test } from "node:test";
import { chipOf } from "./chips";
import { task } from "./fixture";
import { judge, type Facts, type Kind } from "./verdict";

const one = chipOf(task("a", "web", 1), true, false);
const leaving = chipOf(task("b", "web", 1, { last: "DEACTIVATING", desired: "STOPPED" }), true, false);
const orphan = chipOf(task("c", "web", 1, { last: "STOPPED", desired: "STOPPED", orphan: true }), true, false);
const active = { status: "ACTIVE", connected: true };
const draining = { status: "DRAINING", connected: true };

test("what a machine says of itself", () => {
  const rows: ({ why: string; want: Kind; note?: RegExp } & Partial<Facts>)[] = [
    { why: "all is well", reg: active, chips: [one], want: "ok" },
    { why: "ACTIVE, but EC2 has terminated it", reg: { ...active, connected: false }, ec2: "terminated", chips: [one], want: "ghost", note: /ACTIVE and counts 1 task/ },
    { why: "ACTIVE, but stopped", reg: { ...active, connected: false }, ec2: "stopped", want: "stopped", note: /still says ACTIVE/ },
    { why: "the agent is away, the machine is not", reg: { ...active, connected: false }, want: "cut-off" },
    { why: "a drain that its agent can't carry out", reg: { ...draining, connected: false }, chips: [one], want: "cut-off" },
    { why: "tasks leave", reg: draining, chips: [one, leaving], want: "draining", note: /^1 task stopping, 1 still to go\.$/ },
    { why: "a stopping task is not gone yet", reg: draining, chips: [leaving], want: "draining", note: /^1 task stopping\.$/ },
    { why: "nothing is left", reg: draining, want: "drained" },
    { why: "the trunk interface failed", reg: { status: "REGISTRATION_FAILED", connected: true }, want: "failed" },
    { why: "the trunk interface goes", reg: { status: "DEREGISTERING", connected: true }, want: "changing" },
    { why: "Auto Scaling takes it", reg: draining, ec2: "shutting-down", want: "leaving" },
    { why: "deregistered by force", chips: [orphan], want: "orphans", note: /1 container runs on it/ },
    { why: "deregistered after its drain", want: "empty" },
    { why: "it starts", ec2: "pending", wasRegistered: false, want: "launching" },
    { why: "it runs, its agent is not there yet", wasRegistered: false, want: "launching" },
    { why: "stopped and forgotten", ec2: "stopped", want: "stopped" },
  ];
  for (const { why, want, note, ...facts } of rows) {
    const got = judge({ ec2: "running", chips: [], wasRegistered: true, ...facts });
    assert.equal(got.kind, want, why);
    if (note) assert.match(got.note ?? "", note, why);
  }
});
