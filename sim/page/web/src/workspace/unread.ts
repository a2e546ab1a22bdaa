// Unread marks are the page's own: what each person has seen of each channel.
import type { Log } from "../store/store";
import { keep, kept } from "../shell/prefs";
import { isReply, sees } from "./people";

type Marks = Record<string, string>;

/** Reads remembers per person and channel the last ts seen; a new run begins anew. */
export class Reads {
  private run = -1;
  private marks: Marks = {};
  private readonly watchers = new Set<() => void>();
  private version = 0;

  subscribe = (w: () => void): (() => void) => {
    this.watchers.add(w);
    return () => this.watchers.delete(w);
  };
  snapshot = (): number => this.version;

  /** begin takes up what was kept for a run, and forgets other runs. */
  begin(run: number): void {
    if (run === this.run) return;
    this.run = run;
    this.marks = {};
    try {
      const stored = JSON.parse(kept("reads") ?? "{}") as { run?: number; marks?: Marks };
      if (stored.run === run && stored.marks) this.marks = stored.marks;
    } catch {
      // What can't be read is forgotten.
    }
    this.changed();
  }

  last = (user: string, channel: string): string => this.marks[`${user} ${channel}`] ?? "";

  see(user: string, channel: string, log: Log): void {
    const ts = log.findLast((m) => sees(m, user))?.ts;
    if (!ts || ts <= this.last(user, channel)) return;
    this.marks = { ...this.marks, [`${user} ${channel}`]: ts };
    keep("reads", JSON.stringify({ run: this.run, marks: this.marks }));
    this.changed();
  }

  /** unread counts what a person has not seen in a channel itself; replies in threads don't mark it. */
  unread(user: string, channel: string, log: Log): number {
    const last = this.last(user, channel);
    let n = 0;
    for (let i = log.length - 1; i >= 0; i--) {
      const m = log[i]!;
      if (m.ts <= last) break;
      if (!isReply(m) && m.user !== user && sees(m, user)) n++;
    }
    return n;
  }

  private changed(): void {
    this.version++;
    for (const w of this.watchers) w();
  }
}

/** One for the page: marks are kept in the browser's storage. */
export const reads = new Reads();
