// The markdown block: ordinary Markdown, read by marked into tokens and drawn
// from them. HTML in it stays text.
import { lexer, type Token, type Tokens } from "marked";
import { Fragment, type ReactNode } from "react";
import { withEmoji } from "./emoji";
import { safeURL } from "./mrkdwn";
import { Picture } from "./picture";
import { Link } from "./text";

export default function Markdown({ text, heading }: { text: string; heading: number }) {
  return <div className="b-markdown words">{all(lexer(text), heading)}</div>;
}

const all = (tokens: readonly Token[] | undefined, level: number): ReactNode =>
  (tokens ?? []).map((t, i) => <Fragment key={i}>{one(t, level)}</Fragment>);

/** chars undoes the entities that the lexer leaves in text. */
const chars = (s: string): string =>
  s.replace(/&(lt|gt|amp|quot|#39);/g, (_, n: string) => ({ lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" })[n]!);

function one(t: Token, level: number): ReactNode {
  const inner = () => all((t as { tokens?: Token[] }).tokens, level);
  switch (t.type) {
    case "heading": {
      const H = `h${Math.min(6, level + (t as Tokens.Heading).depth - 1)}` as "h3";
      return <H>{inner()}</H>;
    }
    case "paragraph":
      return <p>{inner()}</p>;
    case "strong":
      return <strong>{inner()}</strong>;
    case "em":
      return <em>{inner()}</em>;
    case "del":
      return <s>{inner()}</s>;
    case "codespan":
      return <code>{chars((t as Tokens.Codespan).text)}</code>;
    case "code":
      return <pre>{(t as Tokens.Code).text}</pre>;
    case "blockquote":
      return <blockquote>{inner()}</blockquote>;
    case "br":
      return <br />;
    case "hr":
      return <hr className="b-divider" />;
    case "link": {
      const url = safeURL((t as Tokens.Link).href);
      return url ? <Link url={url}>{inner()}</Link> : inner();
    }
    case "image":
      return <Picture of={{ image_url: (t as Tokens.Image).href, alt_text: (t as Tokens.Image).text }} />;
    case "list":
      return listOf(t as Tokens.List, level);
    case "table":
      return tableOf(t as Tokens.Table, level);
    case "space":
    case "def":
      return null;
    case "text":
      return (t as Tokens.Text).tokens ? inner() : withEmoji(chars((t as Tokens.Text).text));
    case "escape":
      return chars((t as Tokens.Escape).text);
  }
  return t.raw;
}

function listOf(t: Tokens.List, level: number): ReactNode {
  const items = t.items.map((item, i) => (
    <li key={i}>
      {item.task && <span aria-label={item.checked ? "done" : "to do"}>{item.checked ? "☑ " : "☐ "}</span>}
      {all(item.tokens, level)}
    </li>
  ));
  return t.ordered ? <ol className="rich-list" start={typeof t.start === "number" ? t.start : undefined}>{items}</ol> : <ul className="rich-list">{items}</ul>;
}

function tableOf(t: Tokens.Table, level: number): ReactNode {
  return (
    <div className="b-table" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead><tr>{t.header.map((c, i) => <th key={i} scope="col" className={c.align ?? "left"}>{all(c.tokens, level)}</th>)}</tr></thead>
        <tbody>{t.rows.map((r, i) => <tr key={i}>{r.map((c, j) => <td key={j} className={c.align ?? "left"}>{all(c.tokens, level)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}
