// What a tile says about its machine, in one word and one sentence.
import type { Chip } from "./chips";
import { count } from "./format";

export type Kind =
  | "ok" | "draining" | "drained" | "ghost" | "stopped" | "cut-off" | "orphans" | "empty" | "launching" | "leaving" | "changing" | "failed";

export type Tone = "calm" | "busy" | "warn" | "bad" | "quiet";

export interface Verdict {
  kind: Kind;
  tone: Tone;
  word: string;
  note?: string;
}

export interface Facts {
  ec2: string;
  reg?: { status: string; connected: boolean } | undefined;
  chips: readonly Chip[];
  lifecycle?: string | undefined;
  wasRegistered: boolean;
}

const verdict = (kind: Kind, tone: Tone, word: string, note?: string): Verdict => ({ kind, tone, word, ...(note && { note }) });

/** judge names what matters most about a machine: what EC2 says goes before what ECS says, since ECS goes on calling
 * a machine ACTIVE that was stopped or terminated. */
export function judge(f: Facts): Verdict {
  return f.reg ? registered(f, f.reg) : unregistered(f);
}

function unregistered(f: Facts): Verdict {
  const orphans = f.chips.filter((c) => c.phase === "orphan").length;
  switch (f.ec2) {
    case "pending":
      return verdict("launching", "busy", "Launching", "EC2 is starting it; it has not registered yet.");
    case "shutting-down":
      return verdict("leaving", "quiet", "Terminating", "EC2 is ending it.");
    case "stopping":
    case "stopped":
      return verdict("stopped", "quiet", "Machine stopped", "Not registered; its volumes are still billed.");
  }
  if (orphans > 0) {
    return verdict("orphans", "bad", "Orphans run on",
      `Deregistered, but the machine is billed and ${count(orphans, "container runs", "containers run")} on it that ECS calls STOPPED.`);
  }
  if (f.lifecycle?.startsWith("Pending") || !f.wasRegistered) {
    return verdict("launching", "busy", "Not registered yet", "The machine runs; its agent has not registered with a cluster.");
  }
  return verdict("empty", "warn", "Deregistered, still billed", "ECS no longer knows it. The EC2 instance runs until its owner terminates it.");
}

function registered(f: Facts, reg: { status: string; connected: boolean }): Verdict {
  const on = f.chips.length;
  switch (f.ec2) {
    case "terminated":
    case "":
      return verdict("ghost", "bad", "Ghost", `EC2 has terminated it, ECS still says ${reg.status}${on > 0 ? ` and counts ${count(on, "task")}` : ""}.`);
    case "stopping":
    case "stopped":
      return verdict("stopped", "warn", "Machine stopped", `ECS still says ${reg.status}; nothing runs here.`);
    case "shutting-down":
      return verdict("leaving", "quiet", "Terminating", "EC2 is ending it; ECS lets go of it once it is gone.");
    case "pending":
      return verdict("launching", "busy", "Launching");
  }
  switch (reg.status) {
    case "REGISTERING":
    case "DEREGISTERING":
      return verdict("changing", "busy", reg.status === "REGISTERING" ? "Registering" : "Deregistering");
    case "REGISTRATION_FAILED":
      return verdict("failed", "bad", "Registration failed");
  }
  if (!reg.connected) {
    return verdict("cut-off", "bad", "Agent not connected", "The machine runs, but ECS cannot reach its agent: it can neither start nor stop tasks here.");
  }
  if (reg.status !== "DRAINING") return verdict("ok", "calm", "In service");
  return on === 0 ? verdict("drained", "busy", "Drained", "No task is left; it can be deregistered without force.")
    : verdict("draining", "busy", "Draining", drainNote(f.chips));
}

function drainNote(chips: readonly Chip[]): string {
  const leaving = chips.filter((c) => c.phase === "stopping").length;
  const parts = [leaving > 0 ? `${count(leaving, "task")} stopping` : "", chips.length > leaving ? `${chips.length - leaving} still to go` : ""];
  return parts.filter(Boolean).join(", ") + ".";
}
