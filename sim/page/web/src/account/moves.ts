// ECS moves no task: it starts another one elsewhere and stops the first. To let the eye follow, the new chip flies in
// from the chip that it replaces.
import type { Section } from "./board";

interface Placed {
  tile: string;
  service?: string;
  cluster: string;
  leaving: boolean;
}

function placed(sections: readonly Section[]): Map<string, Placed> {
  const out = new Map<string, Placed>();
  for (const s of sections) {
    for (const t of s.tiles) {
      const ending = t.reg === undefined || t.reg.status === "DRAINING" || t.verdict.kind === "ghost";
      for (const c of t.chips) {
        out.set(c.key, { tile: t.key, cluster: s.name, leaving: ending || c.phase === "stopping" || c.phase === "orphan", ...(c.service && { service: c.service }) });
      }
    }
  }
  return out;
}

/** origins finds for each task that is new in next the task that it replaces: one of the same service, on another
 * machine, that is leaving and has no successor yet. taken remembers across events which tasks have one. */
export function origins(prev: readonly Section[], next: readonly Section[], taken: Set<string>): Map<string, string> {
  const before = placed(prev);
  const now = placed(next);
  const out = new Map<string, string>();
  for (const [key, p] of now) {
    if (before.has(key) || p.service === undefined) continue;
    for (const [old, q] of before) {
      const today = now.get(old) ?? { ...q, leaving: true };
      if (taken.has(old) || q.service !== p.service || q.cluster !== p.cluster || q.tile === p.tile || !(q.leaving || today.leaving)) continue;
      out.set(key, old);
      taken.add(old);
      break;
    }
  }
  return out;
}
