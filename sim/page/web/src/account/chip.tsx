import { memo } from "react";
import { says, type Chip as ChipData, type Phase } from "./chips";
import { Icon, type IconName } from "./icons";

const icons: Record<Phase, IconName> = {
  pending: "pending", running: "running", stopping: "stopping", stopped: "stopped", orphan: "orphan", stale: "stale",
};

const hues = 10;

/** hue gives a service its stripe, to follow it by eye; the name beside it is what tells. */
export function hue(name: string): number {
  let h = 2166136261; // FNV-1a
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619) >>> 0;
  return ((h ^ (h >>> 11)) >>> 0) % hues;
}

function icon(c: ChipData): IconName {
  if (c.phase !== "running" || !c.health) return icons[c.phase];
  return c.health;
}

/** Chip is one task. */
export const Chip = memo(function Chip({ chip }: { chip: ChipData }) {
  const word = chip.phase !== "running" ? chip.word : chip.health === "unhealthy" ? "unhealthy" : "";
  return (
    <li className={`acct-chip acct-hue-${hue(chip.service ?? chip.label)}`} data-phase={chip.phase} data-health={chip.phase === "running" ? chip.health : undefined} data-flip={chip.key} title={says(chip)}>
      <Icon name={icon(chip)} />
      <span aria-hidden="true" className="acct-chip-name">{chip.label}</span>
      {word && <span aria-hidden="true" className="acct-chip-word">{word}</span>}
      {!chip.service && <span aria-hidden="true" className="acct-chip-word acct-alone">no service</span>}
      {chip.protected && <Icon name="lock" className="acct-lock" />}
      <span className="hidden-text">{says(chip)}</span>
    </li>
  );
});

const legend: { phase: Phase; text: string; health?: "healthy" | "unhealthy"; lock?: boolean }[] = [
  { phase: "running", text: "running" },
  { phase: "running", health: "healthy", text: "running and healthy" },
  { phase: "running", health: "unhealthy", text: "running, fails its health check" },
  { phase: "pending", text: "starting: PROVISIONING, PENDING, ACTIVATING" },
  { phase: "stopping", text: "stopping: DEACTIVATING, STOPPING, DEPROVISIONING" },
  { phase: "orphan", text: "orphan: ECS says STOPPED, the container runs on" },
  { phase: "stale", text: "only in ECS: the machine is gone" },
  { phase: "running", lock: true, text: "protected from scale-in" },
];

/** Legend explains the chips' icons and patterns. */
export function Legend() {
  return (
    <ul className="acct-legend">
      {legend.map((l) => (
        <li key={l.text}>
          <span className="acct-chip acct-hue-2" data-phase={l.phase} data-health={l.health} aria-hidden="true">
            <Icon name={l.health ?? icons[l.phase]} />
            <span className="acct-chip-name">task</span>
            {l.lock && <Icon name="lock" className="acct-lock" />}
          </span>
          <span>{l.text}</span>
        </li>
      ))}
    </ul>
  );
}
