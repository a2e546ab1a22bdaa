import { Fragment, memo, useMemo, type ReactNode } from "react";
import { fullTime, slackDate } from "./date";
import { EmojiNamed, isEmoji, named, withEmoji } from "./emoji";
import { parse, words, type Node } from "./mrkdwn";
import { useViewer, type Viewer } from "./reader";

/** A text object of Block Kit. */
export interface TextObject {
  type: "mrkdwn" | "plain_text";
  text: string;
  emoji?: boolean;
  verbatim?: boolean;
}

export function isText(v: unknown): v is TextObject {
  const t = v as TextObject | null;
  return typeof t === "object" && t !== null && (t.type === "mrkdwn" || t.type === "plain_text") && typeof t.text === "string";
}

/** plainOf is a text object's text as characters, for labels and titles. */
export const plainOf = (v: unknown): string =>
  isText(v) ? (v.type === "plain_text" && v.emoji !== false ? named(v.text) : v.text) : typeof v === "string" ? v : "";

/** Text draws a text object of either type. */
export function Text({ of }: { of: unknown }) {
  if (!isText(of)) return null;
  if (of.type === "plain_text") return <>{withEmoji(plainOf(of))}</>;
  return <Mrkdwn text={of.text} verbatim={of.verbatim} />;
}

const read = (text: string, verbatim?: boolean) => parse(text, { autolink: !verbatim, isEmoji });

/** Mrkdwn draws mrkdwn. */
export const Mrkdwn = memo(function Mrkdwn({ text, verbatim }: { text: string; verbatim?: boolean }) {
  const nodes = useMemo(() => read(text, verbatim), [text, verbatim]);
  return <>{draw(nodes)}</>;
});

/** spoken is mrkdwn as it would be read aloud to a viewer. */
export function spoken(text: string, viewer: Viewer): string {
  return words(read(text), (n) => {
    switch (n.kind) {
      case "user":
        return "@" + (viewer.users.get(n.id)?.name ?? n.label ?? n.id);
      case "channel":
        return "#" + (viewer.channels.get(n.id)?.name ?? n.label ?? n.id);
      case "group":
        return "@" + (viewer.groups.get(n.id)?.handle ?? n.id);
      case "broadcast":
        return "@" + n.range;
      case "link":
        return n.label;
      case "date":
        return slackDate(n.at, n.format, n.fallback, viewer.reader);
      case "emoji":
        return n.name.replaceAll("_", " ");
      default:
        return "";
    }
  });
}

const shortCode = 32;

export const draw = (nodes: readonly Node[]): ReactNode => nodes.map((n, i) => <Fragment key={i}>{one(n)}</Fragment>);

function one(n: Node): ReactNode {
  switch (n.kind) {
    case "text":
      return withEmoji(n.text);
    case "break":
      return <br />;
    case "bold":
      return <strong>{draw(n.children)}</strong>;
    case "italic":
      return <em>{draw(n.children)}</em>;
    case "strike":
      return <s>{draw(n.children)}</s>;
    case "quote":
      return <blockquote>{draw(n.children)}</blockquote>;
    case "code":
      return <code className={n.text.length <= shortCode ? "short" : undefined}>{n.text}</code>;
    case "pre":
      return <pre>{n.text}</pre>;
    case "link":
      return <Link url={n.url}>{withEmoji(n.label)}</Link>;
    case "user":
      return <UserMention id={n.id} />;
    case "channel":
      return <ChannelMention id={n.id} />;
    case "group":
      return <GroupMention id={n.id} />;
    case "broadcast":
      return <span className="mention me">@{n.range}</span>;
    case "date":
      return <SlackDate {...n} />;
    case "emoji":
      return <EmojiNamed name={n.name} />;
  }
}

/** Link leads out; its address has passed safeURL. */
export const Link = ({ url, children }: { url: string; children: ReactNode }) => (
  <a href={url} target="_blank" rel="noopener noreferrer nofollow" title={url}>
    {children}
  </a>
);

export function UserMention({ id }: { id: string }) {
  const viewer = useViewer();
  const user = viewer.users.get(id);
  if (!user) return <span className="mention unknown" title="There is no such person here">@{id}</span>;
  return (
    <span className={id === viewer.me ? "mention me" : "mention"} title={user.real_name}>
      @{user.name}
    </span>
  );
}

export function ChannelMention({ id }: { id: string }) {
  const viewer = useViewer();
  const channel = viewer.channels.get(id);
  if (!channel) return <span className="mention unknown">#private-or-unknown</span>;
  if (!viewer.open) return <span className="mention">#{channel.name}</span>;
  return (
    <button type="button" className="mention" onClick={() => viewer.open?.(id)}>
      #{channel.name}
    </button>
  );
}

export function GroupMention({ id }: { id: string }) {
  const group = useViewer().groups.get(id);
  return group ? <span className="mention" title={group.name}>@{group.handle}</span> : <span className="mention unknown">@{id}</span>;
}

export function SlackDate({ at, format, fallback, url }: { at: number; format: string; fallback: string; url?: string }) {
  const { reader } = useViewer();
  const time = (
    <time dateTime={new Date(at * 1000).toISOString()} title={fullTime(at * 1000, reader.tz)}>
      {slackDate(at, format, fallback, reader)}
    </time>
  );
  return url ? <Link url={url}>{time}</Link> : time;
}
