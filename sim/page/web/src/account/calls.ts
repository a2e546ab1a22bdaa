// The timeline's lines: which are shown, and which part of them is drawn.
import type { Line } from "../wire";

export type Sieve = "all" | "changes" | "errors" | "aws" | "slack";

export const sieves: readonly { id: Sieve; label: string }[] = [
  { id: "all", label: "All" }, { id: "changes", label: "Changes" }, { id: "errors", label: "Errors" },
  { id: "aws", label: "AWS" }, { id: "slack", label: "Slack" },
];

/** kept says whether the line passes the sieve. */
export function kept(l: Line, s: Sieve): boolean {
  switch (s) {
    case "all": return true;
    case "changes": return l.change === true;
    case "errors": return !l.ok;
    case "aws": return l.side === "aws";
    case "slack": return l.side === "slack";
  }
}

/** Span is a half-open range of rows. */
export interface Span {
  from: number;
  to: number;
}

/** span is the rows to draw of so many: those in view and some to either side. */
export function span(rows: number, rowHeight: number, scrollTop: number, height: number, extra = 8): Span {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight) - extra;
  const last = Math.ceil((Math.max(0, scrollTop) + Math.max(height, rowHeight)) / rowHeight) + extra;
  const to = Math.min(rows, Math.max(0, last));
  return { from: Math.max(0, Math.min(first, to)), to };
}

/** step is the row that a key leads to from the row at, or undefined when it is not a key for moving. Home and End
 * are the ends; without a row the way begins at the newest. */
export function step(key: string, at: number | undefined, rows: number, page: number): number | undefined {
  if (rows === 0) return undefined;
  const from = at ?? rows;
  const to = ({ ArrowUp: from - 1, ArrowDown: from + 1, PageUp: from - page, PageDown: from + page, Home: 0, End: rows - 1 } as Record<string, number>)[key];
  return to === undefined ? undefined : Math.min(rows - 1, Math.max(0, to));
}

/** outcomeWord is what the column of outcomes says. */
export function outcomeWord(l: Line): string {
  return l.outcome || (l.ok ? "OK" : "failed");
}
