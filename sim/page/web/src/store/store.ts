// What the server told, as immutable pieces: whoever draws one channel or one
// list is told only when that piece changed.
import type { Account, Bot, Clock, Faults, Hello, Line, Message, StoryState, View } from "../wire";

export type Link = "connecting" | "open" | "lost";

/** All but the messages and views; every field is replaced as a whole. */
export interface PageState {
  link: Link;
  /** The whole present state has come. */
  ready: boolean;
  hello?: Hello;
  clock?: Clock;
  /** performance.now() when the clock was told, to extrapolate from. */
  clockAt: number;
  bot?: Bot;
  faults: Faults;
  account?: Account;
  /** Oldest first, at most maxLines. */
  timeline: readonly Line[];
  story?: StoryState;
}

/** One channel's messages in the order of their ts; deleted ones are left out. */
export type Log = readonly Message[];

export interface State {
  page: PageState;
  /** By channel id. */
  logs: Readonly<Record<string, Log>>;
  /** Everybody's open views, the one in front last. */
  views: readonly View[];
}

const maxLines = 2000;
const nothing: Log = [];

const empty = (link: Link): State => ({
  page: { link, ready: false, clockAt: 0, faults: {}, timeline: [] },
  logs: {},
  views: [],
});

/** keyOf tells messages apart: a person's ephemeral ones have ts of their own. */
export const keyOf = (m: Message): string => `${m.channel} ${m.ts} ${m.ephemeral_to ?? ""}`;

const order = (a: Message, b: Message): number => (a.ts < b.ts ? -1 : a.ts > b.ts ? 1 : 0);

/** merge upserts messages into a log and returns it, changed or not. */
export function merge(log: Log, news: readonly Message[]): Log {
  const out = new Map(log.map((m) => [keyOf(m), m]));
  let changed = false;
  for (const m of news) {
    const key = keyOf(m);
    const old = out.get(key);
    if (m.deleted ? !old : same(old, m)) continue;
    changed = true;
    if (m.deleted) out.delete(key);
    else out.set(key, m);
  }
  return changed ? [...out.values()].sort(order) : log;
}

/** same says that a message was only told again, so that what is drawn of it may stay. */
const same = (a: Message | undefined, b: Message): boolean =>
  a !== undefined && (a.edits ?? 0) === (b.edits ?? 0) && a.text === b.text && a.edited === b.edited && JSON.stringify(a.blocks) === JSON.stringify(b.blocks);

/** Store holds the state and takes in the server's events. */
export class Store {
  private state = empty("connecting");
  private readonly watchers = new Set<() => void>();
  /** Between hello and ready nobody is told, so that a reconnection does not flicker. */
  private quiet = false;
  /** A connection has just begun: what follows is the whole state, even of the same run. */
  private fresh = true;

  get = (): State => this.state;

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  log = (channel: string): Log => this.state.logs[channel] ?? nothing;

  setLink(link: Link): void {
    if (link === "open") this.fresh = true;
    if (link !== this.state.page.link) this.change({ page: { ...this.state.page, link } });
  }

  /** take takes in one event of /live. Unknown ones are left alone: they are of a newer server. */
  take(event: string, data: unknown): void {
    switch (event) {
      case "hello":
        return this.hello(data as Hello);
      case "ready":
        this.quiet = false;
        return this.change({ page: { ...this.state.page, ready: true } });
      case "messages":
        return this.messages(list<Message>(data));
      case "views":
        return this.change({ views: list<View>(data) });
      case "timeline":
        return this.lines(list<Line>(data));
      case "clock":
        return this.change({ page: { ...this.state.page, clock: data as Clock, clockAt: performance.now() } });
      case "bot":
        return this.change({ page: { ...this.state.page, bot: data as Bot } });
      case "faults":
        return this.change({ page: { ...this.state.page, faults: (data ?? {}) as Faults } });
      case "account":
        return this.change({ page: { ...this.state.page, account: data as Account } });
      case "story":
        return this.change({ page: { ...this.state.page, story: data as StoryState } });
    }
  }

  /** hello begins a run, or only tells anew who and what is there. */
  private hello(hello: Hello): void {
    if (!this.fresh && hello.run === this.state.page.hello?.run) return this.change({ page: { ...this.state.page, hello } });
    this.fresh = false;
    this.quiet = true;
    const begun = empty("open");
    this.state = { ...begun, page: { ...begun.page, hello } };
  }

  private messages(news: Message[]): void {
    const logs: Record<string, Log> = { ...this.state.logs };
    for (const channel of new Set(news.map((m) => m.channel))) {
      logs[channel] = merge(logs[channel] ?? nothing, news.filter((m) => m.channel === channel));
    }
    this.change({ logs });
  }

  private lines(news: Line[]): void {
    const last = this.state.page.timeline.at(-1)?.seq ?? 0;
    const fresh = news.filter((l) => l.seq > last);
    if (fresh.length === 0) return;
    const timeline = [...this.state.page.timeline, ...fresh].slice(-maxLines);
    this.change({ page: { ...this.state.page, timeline } });
  }

  private change(part: Partial<State>): void {
    this.state = { ...this.state, ...part };
    if (this.quiet) return;
    for (const w of this.watchers) w();
  }
}

function list<T>(data: unknown): T[] {
  return Array.isArray(data) ? (data as T[]) : data ? [data as T] : [];
}
