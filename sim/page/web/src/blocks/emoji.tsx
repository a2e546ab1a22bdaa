// Emoji by name, and those that are drawn by the page itself, so that a card
// looks the same where no colour emoji font is installed.
import type { ReactNode } from "react";

const names = new Map<string, string>(
  Object.entries({
    white_check_mark: "✅", x: "❌", warning: "⚠", no_entry: "⛔", no_entry_sign: "🚫", question: "❓", grey_question: "❔",
    exclamation: "❗", information_source: "ℹ", hourglass_flowing_sand: "⏳", hourglass: "⌛", double_vertical_bar: "⏸",
    leftwards_arrow_with_hook: "↩", heavy_check_mark: "✔", large_green_circle: "🟢", large_yellow_circle: "🟡",
    large_orange_circle: "🟠", red_circle: "🔴", large_blue_circle: "🔵", white_circle: "⚪", black_circle: "⚫",
    lock: "🔒", unlock: "🔓", key: "🔑", eyes: "👀", tada: "🎉", "+1": "👍", thumbsup: "👍", "-1": "👎", thumbsdown: "👎",
    rocket: "🚀", skull: "💀", ghost: "👻", rotating_light: "🚨", fire: "🔥", boom: "💥", zap: "⚡", bulb: "💡", wave: "👋",
    robot_face: "🤖", wrench: "🔧", hammer_and_wrench: "🛠", gear: "⚙", package: "📦", memo: "📝", pushpin: "📌", bell: "🔔",
    mag: "🔍", link: "🔗", calendar: "📅", stopwatch: "⏱", clock3: "🕒", chart_with_upwards_trend: "📈", bug: "🐛",
    arrow_right: "➡", arrow_left: "⬅", arrow_up: "⬆", arrow_down: "⬇", arrows_counterclockwise: "🔄", recycle: "♻",
    construction: "🚧", octagonal_sign: "🛑", checkered_flag: "🏁", smile: "😄", slightly_smiling_face: "🙂", thinking_face: "🤔",
    pray: "🙏", clap: "👏", raised_hands: "🙌", heart: "❤", star: "⭐", sparkles: "✨", "100": "💯", ok: "🆗", cloud: "☁",
  }),
);

export const isEmoji = (name: string): boolean => names.has(name);

const ring = (fill: string, inner: ReactNode) => (
  <>
    <circle cx="10" cy="10" r="8.5" fill={fill} />
    {inner}
  </>
);
const stroke = (d: string, colour = "#fff", width = 2) => (
  <path d={d} fill="none" stroke={colour} strokeWidth={width} strokeLinecap="round" strokeLinejoin="round" />
);
const tile = (fill: string, inner: ReactNode) => (
  <>
    <rect x="1.5" y="1.5" width="17" height="17" rx="4" fill={fill} />
    {inner}
  </>
);
const glass = (
  <>
    <path d="M5 2h10M5 18h10" stroke="#8a6d3b" strokeWidth="2" strokeLinecap="round" />
    <path d="M6.2 3v2.6c0 2.2 2.6 3 2.6 4.4s-2.6 2.2-2.6 4.4V17h7.6v-2.6c0-2.2-2.6-3-2.6-4.4s2.6-2.2 2.6-4.4V3z" fill="#cfe3f7" stroke="#6f93b8" />
    <path d="M7.4 16.6c0-2 1.6-2.8 2.6-3.2 1 .4 2.6 1.2 2.6 3.2zM8 6.4h4c-.4 1.4-1.6 1.9-2 2.6-.4-.7-1.6-1.2-2-2.6z" fill="#e0a83a" />
  </>
);

/** What is drawn, by character. */
const drawn = new Map<string, { label: string; art: ReactNode }>([
  ["✅", { label: "done", art: tile("#2f9e5b", stroke("M5.5 10.5l3 3 6-6.5", "#fff", 2.3)) }],
  ["❌", { label: "failed", art: stroke("M4.5 4.5l11 11m0-11l-11 11", "#d6453d", 3.2) }],
  ["⚠", { label: "warning", art: <><path d="M10 2.2l8.2 14.6a.9.9 0 0 1-.8 1.3H2.6a.9.9 0 0 1-.8-1.3z" fill="#f0b429" />{stroke("M10 7.6v4.6M10 15.2v.1", "#3d2c00", 2)}</> }],
  ["⛔", { label: "no entry", art: ring("#d6453d", <rect x="4.8" y="8.3" width="10.4" height="3.4" rx="1" fill="#fff" />) }],
  ["🚫", { label: "forbidden", art: <><circle cx="10" cy="10" r="7.2" fill="none" stroke="#d6453d" strokeWidth="2.4" />{stroke("M5 5l10 10", "#d6453d", 2.4)}</> }],
  ["❓", { label: "question", art: <>{stroke("M6.6 7a3.4 3.4 0 1 1 5.2 2.9c-1.1.7-1.8 1.3-1.8 2.6", "#d6453d", 2.6)}<circle cx="10" cy="16.6" r="1.6" fill="#d6453d" /></> }],
  ["ℹ", { label: "information", art: tile("#3f7bd8", stroke("M10 9.4v5M10 6v.1", "#fff", 2.2)) }],
  ["⏳", { label: "in progress", art: glass }],
  ["⌛", { label: "time is up", art: glass }],
  ["⏸", { label: "paused", art: tile("#3f7bd8", stroke("M7.6 6.4v7.2M12.4 6.4v7.2", "#fff", 2.4)) }],
  ["↩", { label: "undone", art: tile("#3f7bd8", stroke("M5.2 9h6.6a2.6 2.6 0 0 1 0 5.4H10M8 5.8L4.9 9 8 12.2", "#fff", 1.9)) }],
  ["🟢", { label: "green", art: ring("#2f9e5b", null) }],
  ["🟡", { label: "yellow", art: ring("#f0b429", null) }],
  ["🟠", { label: "orange", art: ring("#ee8a2c", null) }],
  ["🔴", { label: "red", art: ring("#d6453d", null) }],
  ["🔵", { label: "blue", art: ring("#3f7bd8", null) }],
]);

const byChar = new Map([...names].map(([name, char]) => [char, name]));
const splitter = new RegExp(`(${[...byChar.keys()].sort((a, b) => b.length - a.length).map((c) => c.replace(/[+*]/g, "\\$&")).join("|")})\uFE0F?`, "u");

function Emoji({ char }: { char: string }) {
  const own = drawn.get(char);
  const label = own?.label ?? (byChar.get(char) ?? "emoji").replaceAll("_", " ");
  if (!own) {
    return (
      <span className="emoji-char" role="img" aria-label={label}>
        {char}
      </span>
    );
  }
  return (
    <svg className="emoji" viewBox="0 0 20 20" role="img" aria-label={label}>
      {own.art}
    </svg>
  );
}

/** EmojiNamed draws :name:, which isEmoji has said to be known. */
export const EmojiNamed = ({ name }: { name: string }) => <Emoji char={names.get(name) ?? ""} />;

/** withEmoji is a text whose emoji characters are drawn. */
export function withEmoji(text: string): ReactNode {
  if (!/[^\u0000-\u00ff]/.test(text)) return text;
  const parts = text.split(splitter);
  if (parts.length === 1) return text;
  return parts.map((p, i) => (i % 2 === 1 ? <Emoji key={i} char={p} /> : p));
}

/** named replaces :name: by its character, for texts that allow it. */
export const named = (text: string): string => text.replace(/:([a-z0-9_+'-]+):/g, (whole, name: string) => names.get(name) ?? whole);
