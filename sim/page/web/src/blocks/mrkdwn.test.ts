import assert from "node:assert/strict";
import { test } from "node:test";
import { escape, parse, safeURL, unescape, type Node, type Rules } from "./mrkdwn";

const rules: Rules = { autolink: true, isEmoji: (n) => ["tada", "+1", "white_check_mark"].includes(n) };

/** draw is a tree in a compact form. */
function draw(nodes: Node[]): string {
  return nodes
    .map((n) => {
      switch (n.kind) {
        case "text":
          return n.text;
        case "break":
          return "⏎";
        case "bold":
        case "italic":
        case "strike":
        case "quote":
          return `[${n.kind} ${draw(n.children)}]`;
        case "code":
        case "pre":
          return `[${n.kind} ${n.text}]`;
        case "link":
          return `[link ${n.url} ${n.label}]`;
        case "broadcast":
          return `[broadcast ${n.range}]`;
        case "date":
          return `[date ${n.at} ${n.format} ${n.fallback}${n.url ? " " + n.url : ""}]`;
        case "emoji":
          return `[emoji ${n.name}]`;
        default:
          return `[${n.kind} ${n.id}${n.label ? " " + n.label : ""}]`;
      }
    })
    .join("");
}

const table: [name: string, input: string, want: string][] = [
  ["plain", "hello", "hello"],
  ["empty", "", ""],
  ["lines", "a\nb\n\nc", "a⏎b⏎⏎c"],
  ["carriage returns", "a\r\nb\rc", "a⏎b⏎c"],
  ["entities", "a &lt;b&gt; &amp; c", "a <b> & c"],
  ["entities are undone once", "&amp;lt;b&amp;gt;", "&lt;b&gt;"],
  ["other entities stay", "&quot;&#60;&nbsp;", "&quot;&#60;&nbsp;"],
  ["bold", "a *b* c", "a [bold b] c"],
  ["italic", "_a b_", "[italic a b]"],
  ["strike", "~a~", "[strike a]"],
  ["nested", "*a _b ~c~_ d*", "[bold a [italic b [strike c]] d]"],
  ["bold around a mention", "*<@U1>*", "[bold [user U1]]"],
  ["bold around code", "*`a*b`*", "[bold [code a*b]]"],
  ["bold around a link with a star", "*<https://x.y/*|a*b>*", "[bold [link https://x.y/* a*b]]"],
  ["no bold in words", "2*3*4 a_b_c", "2*3*4 a_b_c"],
  ["no bold with blanks inside", "* a* *b *", "* a* *b *"],
  ["no bold over lines", "*a\nb*", "*a⏎b*"],
  ["bold beside punctuation", "(*a*), \"_b_\".", "([bold a]), \"[italic b]\"."],
  ["two stars", "**a**", "**a**"],
  ["lone marks", "* _ ~ `", "* _ ~ `"],
  ["code", "run `a *b* <@U1> &lt;x&gt;` now", "run [code a *b* <@U1> <x>] now"],
  ["empty code", "``", "``"],
  ["code does not cross lines", "`a\nb`", "`a⏎b`"],
  ["pre", "a\n```\nx *y*\n  z &amp;\n```\nb", "a[pre x *y*\n  z &]b"],
  ["pre in a line", "a ```b``` c", "a [pre b] c"],
  ["open pre", "```a", "```a"],
  ["quote", "> a\n> *b*\nc", "[quote a⏎[bold b]]c"],
  ["quote, escaped as people's are", "&gt; a\nb", "[quote a]b"],
  ["quote to the end", ">>> a\nb\n\nc", "[quote a⏎b⏎⏎c]"],
  ["no quote in a line", "a > b", "a > b"],
  ["link", "<https://x.y/z?a=1&amp;b=2|the &amp; page>", "[link https://x.y/z?a=1&b=2 the & page]"],
  ["link without a label", "<http://x.y>", "[link http://x.y http://x.y]"],
  ["bare address", "see https://x.y/z.", "see [link https://x.y/z https://x.y/z]."],
  ["bare address in a word", "xhttps://x.y", "xhttps://x.y"],
  ["mail", "<mailto:a@b.c|a@b.c>", "a@b.c"],
  ["user", "<@U123> <@W9|olga>", "[user U123] [user W9 olga]"],
  ["channel", "<#C1|ops>", "[channel C1 ops]"],
  ["group", "<!subteam^S1|@oncall>", "[group S1 @oncall]"],
  ["broadcasts", "<!here> <!channel> <!everyone|x>", "[broadcast here] [broadcast channel] [broadcast everyone]"],
  ["date", "<!date^1795420800^{date} at {time}|then>", "[date 1795420800 {date} at {time} then]"],
  ["date with a link", "<!date^1^{date}^https://x.y/|then>", "[date 1 {date} then https://x.y/]"],
  ["date with a bad link", "<!date^1^{date}^javascript:alert(1)|then>", "[date 1 {date} then]"],
  ["unknown special shows its label", "<!foo^1|label>", "label"],
  ["emoji", "yes :tada: :+1: :nope: 10:30:45", "yes [emoji tada] [emoji +1] :nope: 10:30:45"],

  // What is foreign is escaped by the sender. It must stay what it is.
  ["escaped broadcast", "&lt;!channel&gt;", "<!channel>"],
  ["escaped mention", "&lt;@U1&gt; &lt;@U1|x&gt;", "<@U1> <@U1|x>"],
  ["escaped link", "&lt;javascript:x|y&gt;", "<javascript:x|y>"],
  ["doubly escaped", "&amp;lt;!here&amp;gt;", "&lt;!here&gt;"],
  ["half escaped", "&lt;!channel> <!channel&gt;", "<!channel> <!channel>"],
  ["escaped inside a label", "<https://x.y|&lt;!channel&gt;>", "[link https://x.y <!channel>]"],
  ["mention inside a label", "<https://x.y|<!channel>>", "<[link https://x.y https://x.y]|[broadcast channel]>"],
  ["javascript", "<javascript:alert(1)|click>", "click (javascript:alert(1))"],
  ["javascript in entities", "<java&amp;#115;cript:alert(1)|click>", "<java&#115;cript:alert(1)|click>"],
  ["data", "<data:text/html,x|click>", "click (data:text/html,x)"],
  ["mixed case scheme", "<JaVaScRiPt:x|y>", "y (JaVaScRiPt:x)"],
  ["markup stays text", "<script>alert(1)</script>", "<script>alert(1)</script>"],
  ["unclosed", "<@U1 and <https://x.y", "<@U1 and <[link https://x.y https://x.y]"],
  ["lower-case ids", "<@u1> <#c1>", "<@u1> <#c1>"],
  ["over lines", "<@U1\n>", "<@U1[quote ]"],
  ["prototype names as emoji", ":constructor: :__proto__:", ":constructor: :__proto__:"],
];

for (const [name, input, want] of table) {
  test(`mrkdwn: ${name}`, () => assert.equal(draw(parse(input, rules)), want));
}

test("mrkdwn: verbatim makes no links", () => {
  assert.equal(draw(parse("see https://x.y", { ...rules, autolink: false })), "see https://x.y");
});

test("mrkdwn: whatever was escaped reads back as itself, and as nothing else", () => {
  const alphabet = ["<", ">", "&", "!", "@", "#", "|", "U1", "C1", "channel", "here", "https://x.y", "lt;", "amp;", " ", "date^1^", "S1"];
  let seed = 7;
  const next = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 5000; round++) {
    const foreign = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join("");
    const nodes = parse("x" + escape(foreign), { ...rules, autolink: false });
    assert.equal(draw(nodes), "x" + foreign);
    assert.ok(nodes.every((n) => n.kind === "text"), foreign);
  }
});

test("mrkdwn: a long hostile line is read in a moment", () => {
  for (const unit of ["*a ", "<", "_*~", "`", ":a", "&lt;", "<@U1|", "*<a ", "*a _b ~c ", "*`", "*a* "]) {
    const started = process.cpuUsage();
    parse(unit.repeat(4000 / unit.length), rules);
    assert.ok(process.cpuUsage(started).user < 500_000, unit);
  }
});

test("escape and unescape are each other's opposite", () => {
  for (const s of ["a&b<c>d", "&amp;", "&lt;", ""]) assert.equal(unescape(escape(s)), s);
});

test("safeURL: http and https only", () => {
  for (const bad of ["javascript:x", "data:x", "file:///x", "//x", "x", "", "vbscript:x", " javascript:x"]) assert.equal(safeURL(bad), undefined);
  assert.equal(safeURL("https://x.y"), "https://x.y");
});
