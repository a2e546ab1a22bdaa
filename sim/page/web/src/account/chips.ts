// What a task's chip says.
import type { Task } from "../wire";

/** Phase is what a chip's icon, word and pattern tell. */
export type Phase = "pending" | "running" | "stopping" | "stopped" | "orphan" | "stale";

export interface Chip {
  key: string; // the task's ARN
  id: string;
  label: string; // the family without its revision
  definition: string; // the family, with its revision if that is known
  service?: string;
  phase: Phase;
  word: string; // what the phase is called; never left to colour
  last: string;
  desired: string;
  health?: "healthy" | "unhealthy";
  protected: boolean;
  reason?: string;
  cpu: number;
  memory: number;
}

const starting = new Set(["PROVISIONING", "PENDING", "ACTIVATING"]);
const ending = new Set(["DEACTIVATING", "STOPPING", "DEPROVISIONING"]);

const words: Record<Phase, string> = {
  pending: "starting", running: "running", stopping: "stopping", stopped: "stopped", orphan: "orphan", stale: "only in ECS",
};

/** phaseOf says where a task stands. A container that runs on although ECS says STOPPED is an orphan; one that ECS
 * still counts although its machine is gone exists only in ECS. */
export function phaseOf(task: Task, containerRuns: boolean, machineGone: boolean): Phase {
  if (task.orphan || (task.last === "STOPPED" && containerRuns)) return "orphan";
  if (task.last === "STOPPED" || task.last === "DELETED") return "stopped";
  if (machineGone) return "stale";
  if (ending.has(task.last) || task.desired === "STOPPED") return "stopping";
  return starting.has(task.last) ? "pending" : "running";
}

/** chipOf makes the chip of a task. */
export function chipOf(task: Task, containerRuns: boolean, machineGone: boolean): Chip {
  const phase = phaseOf(task, containerRuns, machineGone);
  const chip: Chip = {
    key: task.arn, id: task.id, label: task.family.replace(/:\d+$/, "") || task.service || task.id, definition: task.family, phase, word: words[phase],
    last: task.last, desired: task.desired, protected: task.protected === true, cpu: task.cpu, memory: task.memory,
  };
  if (task.service) chip.service = task.service;
  if (task.reason) chip.reason = task.reason;
  if (task.health === "HEALTHY" || task.health === "healthy") chip.health = "healthy";
  if (task.health === "UNHEALTHY" || task.health === "unhealthy") chip.health = "unhealthy";
  return chip;
}

/** says is the chip in words, for who cannot see it, and for its tooltip. */
export function says(c: Chip): string {
  const parts = [c.definition || c.label, c.service ? `service ${c.service}` : "no service"];
  parts.push(c.phase === "orphan" ? `orphan: ECS says ${c.last}, its container runs on`
    : c.phase === "stale" ? `ECS says ${c.last}, but its machine is gone`
    : c.desired === "STOPPED" && c.last !== "STOPPED" ? `${c.last}, to be STOPPED` : c.last);
  if (c.health) parts.push(c.health);
  if (c.protected) parts.push("protected from scale-in");
  if (c.reason) parts.push(c.reason);
  return parts.join(", ");
}

/** inOrder sorts chips by service, those without one last, and then by id, so that a chip keeps its place while its
 * state changes. */
export function inOrder(a: Chip, b: Chip): number {
  if ((a.service === undefined) !== (b.service === undefined)) return a.service === undefined ? 1 : -1;
  return (a.service ?? a.label).localeCompare(b.service ?? b.label) || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
