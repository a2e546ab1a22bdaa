// What Slack itself would tell a person: that a command failed, or is none.
import { useMemo, useSyncExternalStore } from "react";
import type { Message } from "../wire";

export const slackbot = "USLACKBOT";

let all: readonly Message[] = [];
const watchers = new Set<() => void>();

/** tell shows a person a notice in a channel, after what stands there now. */
export function tell(user: string, channel: string, text: string, lastTs: string, nowMs: number, thread?: string): void {
  const now = (Date.now() / 1000).toFixed(6); // a ts is of the workspace's clock, which is real
  const ts = now > lastTs ? now : `${lastTs}1`;
  all = [...all, { channel, ts, at: new Date(nowMs).toISOString(), thread_ts: thread, user: slackbot, text, ephemeral_to: user, via: "notice" }];
  for (const w of watchers) w();
}

/** forget drops every notice: a new run has begun. */
export function forget(): void {
  if (all.length === 0) return;
  all = [];
  for (const w of watchers) w();
}

const subscribe = (w: () => void) => {
  watchers.add(w);
  return () => watchers.delete(w);
};

/** useNotices are a person's notices in a channel or in one of its threads. */
export function useNotices(user: string, channel: string, thread?: string): readonly Message[] {
  const now = useSyncExternalStore(subscribe, () => all);
  return useMemo(
    () => now.filter((m) => m.ephemeral_to === user && m.channel === channel && m.thread_ts === thread),
    [now, user, channel, thread],
  );
}
