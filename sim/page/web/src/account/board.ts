// The account as a board: clusters, their machines as tiles, and the tasks on each.
import type { Account, Host, Instance, Task } from "../wire";
import { chipOf, inOrder, type Chip } from "./chips";
import { judge, type Verdict } from "./verdict";

export interface Registration {
  arn: string;
  id: string;
  cluster: string;
  status: string;
  connected: boolean;
  provider?: string;
}

/** Tile is one machine as AWS knows it: an EC2 instance, a registration whose machine is gone, or both in one. */
export interface Tile {
  key: string;
  ec2_id: string;
  name?: string;
  az: string;
  type: string;
  ec2: string; // EC2's state; "terminated" when EC2 no longer knows it
  group?: string;
  lifecycle?: string;
  reg?: Registration;
  was?: string; // the registration it had, when it has none now
  others: Registration[]; // further registrations of the same machine, dead ones included
  cpu?: { total: number; used: number };
  memory?: { total: number; used: number };
  chips: Chip[]; // what is not over
  stopped: Chip[]; // what ECS still shows as STOPPED
  verdict: Verdict;
}

export interface Section {
  key: string;
  name: string; // "" for machines that belong to no cluster
  tiles: Tile[];
  serverless: Chip[]; // tasks on no instance: Fargate
}

const gone = new Set(["terminated", ""]);

/** isLive says whether ECS still counts the registration. */
export function isLive(i: { status: string }): boolean {
  return i.status !== "INACTIVE";
}

/** board puts every machine into a cluster and every task onto a machine. */
export function board(a: Account): Section[] {
  const sections = new Map<string, Section>();
  const section = (name: string): Section => {
    let s = sections.get(name);
    if (!s) sections.set(name, s = { key: name, name, tiles: [], serverless: [] });
    return s;
  };
  for (const c of a.clusters) section(c.name);
  const tasks = tasksByPlace(a);
  for (const m of machines(a)) {
    const t = tileOf(m, tasks.get(m.key) ?? [], m.host ? new Set(m.host.containers) : new Set());
    if (t) section(clusterOf(m, a)).tiles.push(t);
  }
  for (const t of a.tasks) {
    if (!t.instance && !t.ec2_id && t.last !== "STOPPED") section(t.cluster).serverless.push(chipOf(t, false, false));
  }
  for (const s of sections.values()) {
    s.tiles.sort(byName);
    s.serverless.sort(inOrder);
  }
  return [...sections.values()].filter((s) => s.name !== "" || s.tiles.length > 0);
}

interface Machine {
  key: string;
  host?: Host;
  regs: Instance[]; // live ones first, connected before not
}

/** machines joins hosts and registrations by EC2 id. A second live registration in another cluster is a tile of its
 * own: both clusters have to show it. */
function machines(a: Account): Machine[] {
  const byId = new Map<string, Machine>();
  for (const h of a.hosts) byId.set(h.ec2_id, { key: h.ec2_id, host: h, regs: [] });
  for (const i of a.instances) {
    const m = byId.get(i.ec2_id);
    if (m) m.regs.push(i);
    else byId.set(i.ec2_id, { key: i.ec2_id, regs: [i] });
  }
  const out: Machine[] = [];
  for (const m of byId.values()) {
    m.regs.sort(livelier);
    out.push(m);
    const first = m.regs[0];
    for (const i of m.regs.slice(1)) {
      if (first && isLive(i) && i.cluster !== first.cluster) {
        out.push({ key: i.arn, regs: [i], ...(m.host && { host: { ...m.host, containers: [] } }) });
      }
    }
  }
  return out;
}

function livelier(a: Instance, b: Instance): number {
  return Number(isLive(b)) - Number(isLive(a)) || Number(b.connected) - Number(a.connected) || (a.arn < b.arn ? -1 : 1);
}

/** tasksByPlace groups tasks by tile: by the registration's own tile where there is one, else by the machine. */
function tasksByPlace(a: Account): Map<string, Task[]> {
  const tileOfReg = new Map<string, string>();
  for (const m of machines(a)) for (const i of m.regs) if (!tileOfReg.has(i.arn) || m.key === i.arn) tileOfReg.set(i.arn, m.key);
  const place = new Map<string, string>();
  for (const h of a.hosts) for (const arn of h.containers) place.set(arn, h.ec2_id);
  const out = new Map<string, Task[]>();
  for (const t of a.tasks) {
    const key = (t.instance && tileOfReg.get(t.instance)) || place.get(t.arn) || t.ec2_id;
    if (!key) continue;
    const on = out.get(key);
    if (on) on.push(t);
    else out.set(key, [t]);
  }
  return out;
}

function clusterOf(m: Machine, a: Account): string {
  if (m.regs[0]) return m.regs[0].cluster;
  const ran = a.tasks.find((t) => t.ec2_id === m.key || m.host?.containers.includes(t.arn));
  if (ran) return ran.cluster;
  const mates = new Set(a.hosts.filter((h) => h.group && h.group === m.host?.group).map((h) => h.ec2_id));
  return a.instances.find((i) => mates.has(i.ec2_id))?.cluster ?? "";
}

function registration(i: Instance): Registration {
  return { arn: i.arn, id: i.id, cluster: i.cluster, status: i.status, connected: i.connected, ...(i.provider && { provider: i.provider }) };
}

/** tileOf is undefined for a machine that is over and done: terminated, and no longer registered. */
function tileOf(m: Machine, tasks: Task[], containers: Set<string>): Tile | undefined {
  const live = m.regs.filter(isLive);
  const reg = live[0];
  const ec2 = m.host?.state ?? (m.key.startsWith("mi-") ? "external" : "terminated");
  if (!reg && gone.has(ec2)) return undefined;
  const machineGone = gone.has(ec2);
  const chips: Chip[] = [];
  const stopped: Chip[] = [];
  for (const t of tasks) {
    const c = chipOf(t, containers.has(t.arn), machineGone);
    (c.phase === "stopped" ? stopped : chips).push(c);
  }
  chips.sort(inOrder);
  stopped.sort(inOrder);
  const from = reg ?? m.regs[0];
  const tile: Tile = {
    key: m.key, ec2_id: m.host?.ec2_id ?? from?.ec2_id ?? m.key, az: m.host?.az || from?.az || "", type: m.host?.type || from?.type || "",
    ec2, others: m.regs.filter((i) => i !== reg).map(registration), chips, stopped,
    verdict: judge({ ec2, reg, chips, lifecycle: m.host?.lifecycle, wasRegistered: m.regs.length > 0 || stopped.length + chips.length > 0 }),
  };
  const name = m.host?.name ?? from?.name;
  if (name) tile.name = name;
  if (m.host?.group) tile.group = m.host.group;
  if (m.host?.lifecycle) tile.lifecycle = m.host.lifecycle;
  if (reg) Object.assign(tile, { reg: registration(reg), cpu: reg.cpu, memory: reg.memory });
  else if (m.regs[0]) tile.was = m.regs[0].id;
  return tile;
}

/** byName keeps tiles where they are while their state changes. */
function byName(a: Tile, b: Tile): number {
  return a.ec2_id < b.ec2_id ? -1 : a.ec2_id > b.ec2_id ? 1 : a.key < b.key ? -1 : 1;
}

/** placement changes when, and only when, a chip or a tile may have another place on the screen. */
export function placement(sections: readonly Section[]): string {
  return sections.map((s) => s.name + "{" + s.tiles.map((t) => `${t.key}:${t.verdict.kind}:${t.chips.map((c) => c.key + c.phase).join(",")}:${t.stopped.length}`).join(";") + "}"
    + s.serverless.map((c) => c.key).join(",")).join("|");
}
