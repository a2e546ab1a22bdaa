// Small line drawings in the text's colour. They say nothing to a screen reader: a word stands beside each.
import { memo } from "react";

const paths = {
  running: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM6.6 5.4 10.7 8l-4.1 2.6Z",
  healthy: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM5.2 8.2l2 2 3.7-4.2",
  unhealthy: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
  pending: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM8 4.6V8l2.4 1.5",
  stopping: "M8 2v7.4M4.6 6.4 8 9.8l3.4-3.4M3 13.5h10",
  stopped: "M3.5 3.5h9v9h-9Z",
  orphan: "M6.2 9.8 4.6 11.4a2.2 2.2 0 0 1-3.1-3.1l2.3-2.3M9.8 6.2l1.6-1.6a2.2 2.2 0 0 1 3.1 3.1l-2.3 2.3M5 2.2v2M2.2 5h2M11 13.8v-2M13.8 11h-2",
  stale: "M5.8 5.9a2.3 2.3 0 1 1 3.5 2c-.9.55-1.3.95-1.3 2M8 12.3v.2",
  lock: "M4 7.3h8v6.2H4ZM5.7 7.3V5.2a2.3 2.3 0 0 1 4.6 0v2.1",
  agent: "M1.8 6.1a9 9 0 0 1 12.4 0M4 8.7a5.8 5.8 0 0 1 8 0M6.2 11.2a2.6 2.6 0 0 1 3.6 0M8 13.2v.1",
  cut: "M2 2l12 12M1.8 6.1a9 9 0 0 1 3-2M8 3.6a9 9 0 0 1 6.2 2.5M4 8.7a5.8 5.8 0 0 1 2.2-1.4M9.6 7.3A5.8 5.8 0 0 1 12 8.7M8 13.2v.1",
  machine: "M2 3h12v4H2ZM2 9h12v4H2ZM4.5 5h.1M4.5 11h.1",
  power: "M8 1.8v6M4.7 3.9a5.4 5.4 0 1 0 6.6 0",
  ghost: "M3 14V7a5 5 0 0 1 10 0v7l-1.7-1.4L9.7 14 8 12.6 6.3 14l-1.6-1.4ZM6.2 6.8v.1M9.8 6.8v.1",
  drain: "M4 2.5 8 6l4-3.5M4 6.5 8 10l4-3.5M3 13.5h10",
  launch: "M8 13.5V4.5M4.5 8 8 4.5 11.5 8M3 2h10",
  bill: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8ZM10 6c-.3-.8-1-1.2-2-1.2-1.2 0-2 .6-2 1.5 0 2.3 4 1.1 4 3.4 0 .9-.8 1.5-2 1.5-1.1 0-1.8-.4-2.1-1.3M8 3.8v1M8 11.2v1",
  warn: "M8 2 14.5 13.5h-13ZM8 6.3v3.5M8 11.6v.1",
  ok: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5h8v8h-8ZM10.5 5.5v-3h-8v8h3",
  change: "M3 13h10M4 10.5 10.8 3.7l2 2L6 12.5l-2.5.5Z",
  cloud: "M4.6 12.5a3 3 0 0 1-.3-6 4 4 0 0 1 7.7-.7 3.2 3.2 0 0 1-.4 6.7Z",
  slack: "M6 2 4.8 14M11.2 2 10 14M2.5 5.8h11.5M2 10.2h11.5",
  play: "M5 3l8 5-8 5Z",
  stop: "M4 4h8v8H4Z",
  next: "M3.5 3 9.5 8l-6 5ZM12.5 3v10",
  link: "M6.6 9.4l2.8-2.8M7.3 4.7l1.5-1.5a2.8 2.8 0 0 1 4 4l-1.5 1.5M8.7 11.3l-1.5 1.5a2.8 2.8 0 0 1-4-4l1.5-1.5",
  fold: "M6 3.5 10.5 8 6 12.5",
  down: "M8 2.5v10M4 8.7l4 4 4-4",
  pause: "M5 3v10M11 3v10",
} as const;

export type IconName = keyof typeof paths;

export const Icon = memo(function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg className={className ? `acct-icon ${className}` : "acct-icon"} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
});
