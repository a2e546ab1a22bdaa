// What services, target groups and Auto Scaling groups amount to.
import type { Account, Group, Service, TargetGroup } from "../wire";
import type { Section } from "./board";

export type Standing = "steady" | "working" | "short";

/** serviceSays sums a service up. Short of what is desired goes before steady: ECS calls a service steady whose tasks
 * it only believes to run. */
export function serviceSays(s: Service): { standing: Standing; word: string } {
  if (s.running < s.desired) return { standing: "short", word: `${s.desired - s.running} short` };
  if (s.healthy < s.desired) return { standing: "short", word: `${s.desired - s.healthy} not healthy` };
  if (s.pending > 0) return { standing: "working", word: "starting" };
  return s.steady ? { standing: "steady", word: "steady" } : { standing: "working", word: "settling" };
}

type Target = TargetGroup["targets"][number];

const stateOrder = ["healthy", "initial", "draining", "unhealthy", "unused"];

/** targetsByState groups targets, healthy ones first and unknown states last. */
export function targetsByState(targets: readonly Target[]): { state: string; targets: Target[] }[] {
  const by = new Map<string, Target[]>();
  for (const t of targets) by.set(t.state, [...(by.get(t.state) ?? []), t]);
  const rank = (s: string) => (stateOrder.indexOf(s) + stateOrder.length + 1) % (stateOrder.length + 1);
  return [...by].map(([state, list]) => ({ state, targets: list })).sort((a, b) => rank(a.state) - rank(b.state) || a.state.localeCompare(b.state));
}

export interface Seat {
  id?: string;
  kind: "member" | "missing" | "room";
}

const mostSeats = 24;

/** members is one seat for each member, then those still missing to desired, then the room up to max. */
export function members(g: Group): Seat[] {
  const seats: Seat[] = g.members.map((id) => ({ id, kind: "member" }));
  for (let n = seats.length; n < Math.min(g.max, mostSeats); n++) seats.push({ kind: n < g.desired ? "missing" : "room" });
  return seats;
}

/** groupsOf is what belongs to one cluster, "" meaning all. Target groups and Auto Scaling groups name no cluster: they
 * belong where their tasks and machines are, and those with neither belong everywhere. */
export function groupsOf(a: Account, sections: readonly Section[], cluster: string): { groups: Group[]; targetGroups: TargetGroup[] } {
  if (cluster === "") return { groups: a.groups, targetGroups: a.target_groups };
  const machines = new Map<string, string>();
  for (const s of sections) for (const t of s.tiles) machines.set(t.ec2_id, s.name);
  const tasks = new Map(a.tasks.map((t) => [t.arn, t.cluster]));
  const here = (places: (string | undefined)[]) => {
    const known = places.filter((p) => p !== undefined);
    return known.length === 0 || known.includes(cluster);
  };
  return {
    groups: a.groups.filter((g) => here(g.members.map((m) => machines.get(m)))),
    targetGroups: a.target_groups.filter((g) => here(g.targets.map((t) => tasks.get(t.task)))),
  };
}

/** whole gives every list that the server left out or sent as null. */
export function whole(a: Account): Account {
  return {
    ...a,
    clusters: a.clusters ?? [], instances: a.instances ?? [], tasks: a.tasks ?? [], groups: (a.groups ?? []).map((g) => ({ ...g, members: g.members ?? [] })),
    hosts: (a.hosts ?? []).map((h) => ({ ...h, containers: h.containers ?? [] })),
    services: (a.services ?? []).map((s) => ({ ...s, events: s.events ?? [] })),
    target_groups: (a.target_groups ?? []).map((g) => ({ ...g, targets: g.targets ?? [] })),
  };
}
