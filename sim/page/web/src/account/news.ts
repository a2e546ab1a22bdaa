// What became of machines, in words, for who does not see the tiles change.
import type { Section, Tile } from "./board";

function tiles(sections: readonly Section[]): Map<string, Tile> {
  return new Map(sections.flatMap((s) => s.tiles.map((t) => [t.key, t] as const)));
}

const most = 4;

/** changes names the machines whose verdict is another one, that are new, or that are gone. */
export function changes(before: readonly Section[], after: readonly Section[]): string[] {
  const old = tiles(before);
  const now = tiles(after);
  const out: string[] = [];
  for (const [key, t] of now) {
    if (old.get(key)?.verdict.word !== t.verdict.word) out.push(`${t.name ?? t.ec2_id}: ${t.verdict.word}`);
  }
  for (const [key, t] of old) if (!now.has(key)) out.push(`${t.name ?? t.ec2_id} is gone`);
  return out.length > most ? [...out.slice(0, most), `and ${out.length - most} more`] : out;
}
