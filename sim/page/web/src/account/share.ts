// Every account event brings the whole account anew. share keeps the old objects wherever nothing changed, so that
// memoised tiles and chips see the very same props and are not drawn again.

type Plain = Record<string, unknown>;

function isPlain(v: unknown): v is Plain {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

/** keyOf is what tells records of a list apart, whatever their place in it. */
function keyOf(v: unknown): string | undefined {
  if (!isPlain(v)) return undefined;
  for (const name of ["key", "arn", "ec2_id", "name", "id"]) {
    const k = v[name];
    if (typeof k === "string") return name + ":" + k;
  }
  return undefined;
}

/** share returns next with every part that equals its counterpart in prev replaced by that counterpart; prev itself
 * when all is equal. Neither is changed. Only for data that JSON can hold. */
export function share<T>(prev: T | undefined, next: T): T {
  return merge(prev, next) as T;
}

function merge(prev: unknown, next: unknown): unknown {
  if (Object.is(prev, next)) return prev;
  if (Array.isArray(next)) return Array.isArray(prev) ? mergeLists(prev, next) : next;
  if (isPlain(next) && isPlain(prev)) return mergeRecords(prev, next);
  return next;
}

function mergeLists(prev: unknown[], next: unknown[]): unknown[] {
  const byKey = new Map<string, unknown>();
  for (const v of prev) {
    const k = keyOf(v);
    if (k !== undefined) byKey.set(k, v);
  }
  let same = prev.length === next.length;
  const out = next.map((v, i) => {
    const k = keyOf(v);
    const merged = merge(k === undefined ? prev[i] : byKey.get(k), v);
    same &&= Object.is(merged, prev[i]);
    return merged;
  });
  return same ? prev : out;
}

function mergeRecords(prev: Plain, next: Plain): Plain {
  const names = Object.keys(next);
  let same = names.length === Object.keys(prev).length;
  const out: Plain = {};
  for (const name of names) {
    out[name] = merge(prev[name], next[name]);
    same &&= name in prev && Object.is(out[name], prev[name]);
  }
  return same ? prev : out;
}
