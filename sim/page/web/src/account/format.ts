// How numbers, ids and times are written.

const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** shortId keeps the kind and the end of an id, where ids of one estate differ: i-0a1b2c3d4e5f60001 is i-…f60001. */
export function shortId(id: string): string {
  const dash = id.indexOf("-");
  if (dash < 0) return id.length > 9 ? "…" + id.slice(-6) : id;
  const rest = id.slice(dash + 1);
  return rest.length > 8 ? id.slice(0, dash + 1) + "…" + rest.slice(-6) : id;
}

/** lastPart is what follows the last slash of an ARN: the id or the name. */
export function lastPart(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

/** zoneLetters shortens a zone to its Region-less end (eu-central-1a is 1a); what is no such name stays. */
export function zoneLetters(az: string): string {
  return /^[a-z]+(?:-[a-z]+)+-(\d+[a-z])$/.exec(az)?.[1] ?? az;
}

/** timeOfDay is HH:MM:SS in UTC of an RFC 3339 moment, or a dash when it is none. */
export function timeOfDay(at: string | number): string {
  const d = new Date(at);
  return Number.isNaN(d.getTime()) ? "–" : d.toISOString().slice(11, 19);
}

/** day is "23 Nov 2026" in UTC. */
export function day(at: string | number): string {
  const d = new Date(at);
  if (Number.isNaN(d.getTime())) return "–";
  return `${d.getUTCDate()} ${monthNames[d.getUTCMonth()] ?? ""} ${d.getUTCFullYear()}`;
}

/** latency writes milliseconds with as many digits as they are worth. */
export function latency(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 0.05) return "<0.1 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** percent is used/total in whole percent within 0 to 100; nothing of nothing is 0. */
export function percent(used: number, total: number): number {
  if (!(total > 0)) return 0;
  return Math.min(100, Math.max(0, Math.round((used / total) * 100)));
}

/** vcpu writes CPU units (1024 to a vCPU) as vCPU. */
export function vcpu(units: number): string {
  return trim(units / 1024);
}

/** gib writes MiB as GiB. */
export function gib(mib: number): string {
  return trim(mib / 1024);
}

function trim(n: number): string {
  return n >= 100 ? n.toFixed(0) : n.toFixed(n >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

/** count is "1 task", "3 tasks". */
export function count(n: number, one: string, many = one + "s"): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** storyLink is the address that starts a story; other parts of the query stay. */
export function storyLink(id: string, search: string): string {
  const q = new URLSearchParams(search);
  q.set("story", id);
  return "?" + q.toString();
}

const headlineLength = 180;

/** headline splits a long text into what fits a line or two, and the whole when that is not all. */
export function headline(text: string): [short: string, whole?: string] {
  const first = text.trim().split("\n", 1)[0] ?? "";
  if (first.length > headlineLength) return [first.slice(0, headlineLength - 1) + "…", text.trim()];
  return first === text.trim() ? [first] : [first, text.trim()];
}
