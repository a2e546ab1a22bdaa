// Slack's mrkdwn, read into a tree (docs.slack.dev/messaging/formatting-message-text).
//
// The order is what keeps foreign text harmless: what stands between < and > in
// the text as it was sent is a mention or a link; entities are undone last, in
// leaves only, so that an escaped "&lt;!channel&gt;" can never become one.

export type Node =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "bold" | "italic" | "strike" | "quote"; children: Node[] }
  | { kind: "code" | "pre"; text: string }
  | { kind: "link"; url: string; label: string }
  | { kind: "user" | "channel" | "group"; id: string; label?: string }
  | { kind: "broadcast"; range: "here" | "channel" | "everyone" }
  | { kind: "date"; at: number; format: string; fallback: string; url?: string }
  | { kind: "emoji"; name: string };

export interface Rules {
  /** Bare addresses become links unless the text object says verbatim. */
  autolink: boolean;
  /** The emoji names that are drawn; others stay as they were written. */
  isEmoji: (name: string) => boolean;
}

/** unescape undoes Slack's three entities, each once. */
export function unescape(s: string): string {
  return s.replace(/&(lt|gt|amp);/g, (_, name: string) => (name === "lt" ? "<" : name === "gt" ? ">" : "&"));
}

/** escape makes text that means nothing but itself. */
export function escape(s: string): string {
  return s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** safeURL returns the address if a link may lead there: http and https only. */
export function safeURL(url: string): string | undefined {
  try {
    const parsed = new URL(url);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? url : undefined;
  } catch {
    return undefined;
  }
}

/** parse reads a whole text. */
export function parse(text: string, rules: Rules): Node[] {
  const out: Node[] = [];
  const parts = text.replace(/\r\n?/g, "\n").split(/```([\s\S]+?)```/);
  parts.forEach((part, i) => {
    if (i % 2 === 1) out.push({ kind: "pre", text: unescape(part.replace(/^\n/, "").replace(/\n$/, "")) });
    else out.push(...lines(trimAround(part, i > 0, i < parts.length - 1), rules));
  });
  return out;
}

/** trimAround takes away the line breaks beside a ``` block, which is a block of its own. */
function trimAround(s: string, after: boolean, before: boolean): string {
  if (after) s = s.replace(/^\n/, "");
  if (before) s = s.replace(/\n$/, "");
  return s;
}

const quoteMark = /^(?:&gt;|>) ?/;
const quoteRest = /^(?:&gt;&gt;&gt;|>>>)[ \n]?/;

function lines(text: string, rules: Rules): Node[] {
  if (text === "") return [];
  const out: Node[] = [];
  const all = text.split("\n");
  for (let i = 0; i < all.length; ) {
    const line = all[i]!;
    if (quoteRest.test(line)) {
      const rest = all.slice(i).join("\n").replace(quoteRest, "");
      out.push({ kind: "quote", children: joinLines(rest.split("\n"), rules) });
      return out;
    }
    if (quoteMark.test(line)) {
      const quoted: string[] = [];
      while (i < all.length && quoteMark.test(all[i]!)) quoted.push(all[i++]!.replace(quoteMark, ""));
      out.push({ kind: "quote", children: joinLines(quoted, rules) });
      continue;
    }
    if (out.length > 0 && out.at(-1)!.kind !== "quote") out.push({ kind: "break" });
    out.push(...inline(line, rules));
    i++;
  }
  return out;
}

function joinLines(all: string[], rules: Rules): Node[] {
  return all.flatMap((line, i) => (i > 0 ? [{ kind: "break" } as Node, ...inline(line, rules)] : inline(line, rules)));
}

const wordy = /[\p{L}\p{N}]/u;
const marks: Record<string, "bold" | "italic" | "strike"> = { "*": "bold", _: "italic", "~": "strike" };
const bareURL = /^https?:\/\/[^\s<>|`"]*[^\s<>|`"*_~.,;:!?)\]'&]/;
const colon = /^:([a-z0-9_+'-]{1,80}):/;

/** inline reads one line. */
function inline(line: string, rules: Rules): Node[] {
  const out: Node[] = [];
  let known: Map<number, number> | undefined;
  const spans = () => (known ??= spansOf(line));
  let plain = "";
  const flush = () => {
    if (plain !== "") out.push({ kind: "text", text: unescape(plain) });
    plain = "";
  };
  for (let i = 0; i < line.length; ) {
    const hit = nodeAt(line, i, rules, spans);
    if (hit) {
      flush();
      out.push(hit.node);
      i = hit.end;
    } else {
      plain += line[i++]!;
    }
  }
  flush();
  return out;
}

interface Hit {
  node: Node;
  end: number;
}

function nodeAt(line: string, i: number, rules: Rules, spans: () => Map<number, number>): Hit | undefined {
  const c = line[i]!;
  switch (c) {
    case "`":
      return codeAt(line, i);
    case "<":
      return angleAt(line, i);
    case "*":
    case "_":
    case "~":
      return emphasisAt(line, i, marks[c]!, rules, spans);
    case ":": {
      const m = colon.exec(line.slice(i, i + 84));
      return m && rules.isEmoji(m[1]!) ? { node: { kind: "emoji", name: m[1]! }, end: i + m[0].length } : undefined;
    }
    case "h": {
      if (!rules.autolink || wordy.test(line[i - 1] ?? "")) return undefined;
      const m = bareURL.exec(line.slice(i));
      const url = m && safeURL(unescape(m[0]));
      return m && url ? { node: { kind: "link", url, label: unescape(m[0]) }, end: i + m[0].length } : undefined;
    }
  }
  return undefined;
}

function codeAt(line: string, i: number): Hit | undefined {
  const end = line.indexOf("`", i + 1);
  if (end <= i + 1) return undefined;
  return { node: { kind: "code", text: unescape(line.slice(i + 1, end)) }, end: end + 1 };
}

/** spansOf lists where code spans and <…> end, by where they begin: a mark inside of one closes nothing. */
function spansOf(line: string): Map<number, number> {
  const out = new Map<number, number>();
  for (let i = 0; i < line.length; i++) {
    const end = line[i] === "`" ? codeAt(line, i)?.end : line[i] === "<" ? angleAt(line, i)?.end : undefined;
    if (end !== undefined) out.set(i, end);
  }
  return out;
}

/** emphasisAt wants a mark at the edge of words: before it no letter, inside it no blank at either end. */
function emphasisAt(line: string, i: number, kind: "bold" | "italic" | "strike", rules: Rules, spans: () => Map<number, number>): Hit | undefined {
  const mark = line[i]!;
  const before = line[i - 1] ?? " ";
  const first = line[i + 1] ?? " ";
  if (wordy.test(before) || before === mark || /\s/.test(first) || first === mark) return undefined;
  for (let j = i + 1; j < line.length; j++) {
    const c = line[j]!;
    if (c === "`" || c === "<") j = (spans().get(j) ?? j + 1) - 1;
    if (c !== mark || /\s/.test(line[j - 1]!)) continue;
    const after = line[j + 1] ?? " ";
    if (wordy.test(after) || after === mark) continue;
    return { node: { kind, children: inline(line.slice(i + 1, j), rules) }, end: j + 1 };
  }
  return undefined;
}

function angleAt(line: string, i: number): Hit | undefined {
  const end = line.indexOf(">", i + 1);
  if (end < 0) return undefined;
  const inner = line.slice(i + 1, end);
  if (inner === "" || inner.includes("<")) return undefined;
  const node = special(inner);
  return node ? { node, end: end + 1 } : undefined;
}

/** special reads what stands between < and >, or nothing if that means nothing. */
function special(inner: string): Node | undefined {
  const bar = inner.indexOf("|");
  const head = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? undefined : unescape(inner.slice(bar + 1));
  const m = /^([@#!])(.*)$/.exec(head);
  if (!m) return address(head, label);
  const [, sign, rest = ""] = m;
  if (sign === "@") return /^[UW][A-Z0-9]+$/.test(rest) ? { kind: "user", id: rest, label } : undefined;
  if (sign === "#") return /^[CGD][A-Z0-9]+$/.test(rest) ? { kind: "channel", id: rest, label } : undefined;
  if (rest === "here" || rest === "channel" || rest === "everyone") return { kind: "broadcast", range: rest };
  const group = /^subteam\^(S[A-Z0-9]+)$/.exec(rest);
  if (group) return { kind: "group", id: group[1]!, label };
  const date = /^date\^(\d{1,12})\^([^^]+)(?:\^(.+))?$/.exec(rest);
  if (date) {
    const url = date[3] === undefined ? undefined : safeURL(unescape(date[3]));
    return { kind: "date", at: Number(date[1]), format: unescape(date[2]!), fallback: label ?? "", url };
  }
  return label === undefined ? undefined : { kind: "text", text: label };
}

/** address is a link, or its words alone when no link may lead there. */
function address(head: string, label: string | undefined): Node | undefined {
  const target = unescape(head);
  if (!/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const url = safeURL(target);
  if (url) return { kind: "link", url, label: label || target };
  if (/^mailto:/i.test(target)) return { kind: "text", text: label || target.slice(7) };
  return { kind: "text", text: label ? `${label} (${target})` : target };
}

/** words is a text as it would be read aloud; names are looked up by the caller. */
export function words(nodes: readonly Node[], name: (n: Node) => string): string {
  return nodes
    .map((n) => {
      switch (n.kind) {
        case "text":
        case "code":
        case "pre":
          return n.text;
        case "break":
          return "\n";
        case "bold":
        case "italic":
        case "strike":
        case "quote":
          return words(n.children, name);
        default:
          return name(n);
      }
    })
    .join("");
}
