// rich_text: what Slack's own composer sends, and the details of a task card.
import type { ReactNode } from "react";
import { EmojiNamed, isEmoji, withEmoji } from "./emoji";
import { safeURL } from "./mrkdwn";
import { list } from "./surface";
import { ChannelMention, GroupMention, Link, SlackDate, UserMention } from "./text";

type Part = Record<string, unknown>;

export function RichText({ of }: { of: Part }) {
  return <>{list(of.elements).map((e, i) => <Section key={i} e={e} />)}</>;
}

function Section({ e }: { e: Part }) {
  switch (e.type) {
    case "rich_text_section":
      return <p className="words">{leaves(e)}</p>;
    case "rich_text_preformatted":
      return <pre>{leaves(e)}</pre>;
    case "rich_text_quote":
      return <blockquote className="words">{leaves(e)}</blockquote>;
    case "rich_text_list": {
      const L = e.style === "ordered" ? "ol" : "ul";
      const indent = typeof e.indent === "number" ? Math.min(8, Math.max(0, e.indent)) : 0;
      return (
        <L className={`rich-list in-${indent}`} start={L === "ol" && typeof e.offset === "number" ? e.offset + 1 : undefined}>
          {list(e.elements).map((s, i) => <li key={i}>{leaves(s)}</li>)}
        </L>
      );
    }
  }
  return <span className="unknown-block" role="note">This page cannot draw {String(e.type)}.</span>;
}

const leaves = (e: Part): ReactNode => list(e.elements).map((leaf, i) => <Leaf key={i} e={leaf} />);

function Leaf({ e }: { e: Part }) {
  const style = (e.style ?? {}) as Record<string, unknown>;
  let out: ReactNode = leaf(e);
  if (style.code) out = <code>{out}</code>;
  if (style.strike) out = <s>{out}</s>;
  if (style.italic) out = <em>{out}</em>;
  if (style.bold) out = <strong>{out}</strong>;
  return <>{out}</>;
}

function leaf(e: Part): ReactNode {
  const s = (v: unknown): string => (typeof v === "string" ? v : "");
  switch (e.type) {
    case "text":
      return withEmoji(s(e.text));
    case "link": {
      const url = safeURL(s(e.url));
      return url ? <Link url={url}>{s(e.text) || url}</Link> : `${s(e.text)} (${s(e.url)})`;
    }
    case "user":
      return <UserMention id={s(e.user_id)} />;
    case "channel":
      return <ChannelMention id={s(e.channel_id)} />;
    case "usergroup":
      return <GroupMention id={s(e.usergroup_id)} />;
    case "broadcast":
      return <span className="mention me">@{s(e.range)}</span>;
    case "emoji":
      return isEmoji(s(e.name)) ? <EmojiNamed name={s(e.name)} /> : `:${s(e.name)}:`;
    case "date":
      return <SlackDate at={Number(e.timestamp) || 0} format={s(e.format)} fallback={s(e.fallback)} url={safeURL(s(e.url))} />;
    case "color":
      return <code>{s(e.value)}</code>;
  }
  return s(e.text) || `[${s(e.type)}]`;
}
