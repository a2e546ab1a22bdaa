import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderToStaticMarkup } from "react-dom/server";
import type { Block, Channel, User } from "../wire";
import { Blocks } from "./block";
import { ViewerContext, type Viewer } from "./reader";

const user = (id: string, name: string): User => ({ id, name, real_name: name, role: "operator" });
const viewer: Viewer = {
  users: new Map([["U1", user("U1", "olga")], ["U2", user("U2", "otto")]]),
  channels: new Map([["C1", { id: "C1", name: "ops", members: [] } as Channel]]),
  groups: new Map([["S1", { id: "S1", handle: "oncall", name: "On call" }]]),
  me: "U1",
  reader: { tz: "UTC", now: Date.UTC(2026, 10, 23, 12) },
};

const draw = (...blocks: unknown[]): string =>
  renderToStaticMarkup(
    <ViewerContext.Provider value={viewer}>
      <Blocks blocks={blocks as Block[]} heading={3} />
    </ViewerContext.Provider>,
  );
const mrkdwn = (text: string) => ({ type: "section", text: { type: "mrkdwn", text, verbatim: true } }); // as the bot sends it: no link that nobody made
const has = (html: string, ...parts: string[]) => parts.forEach((p) => assert.ok(html.includes(p), `${p}\nis not in\n${html}`));
const lacks = (html: string, ...parts: string[]) => parts.forEach((p) => assert.ok(!html.includes(p), `${p}\nis in\n${html}`));

test("blocks: what foreign people wrote stays text", () => {
  const html = draw(
    mrkdwn("&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|click&gt; <script>alert(1)</script> <javascript:alert(1)|click>"),
    { type: "section", text: { type: "plain_text", text: "<@U1> *no* <img src=x onerror=alert(1)>" } },
    { type: "header", text: { type: "plain_text", text: "<b>x</b>" } },
    { type: "table", rows: [[{ type: "raw_text", text: "<!channel> *a*" }]] },
  );
  lacks(html, "<script", "<img", "<b>", "mention", "<a ", "<strong");
  has(html, "&lt;!channel&gt; *a*", "click (javascript:alert(1))");
});

test("blocks: mentions, links, dates", () => {
  const html = draw(mrkdwn("<@U1> <@U2> <@U9> <#C1> <!subteam^S1> <!here> <https://x.example/?a=1&amp;b=2|page> <!date^1795420800^{date_short_pretty} {time}|then>"));
  has(html, '<span class="mention me" title="olga">@olga</span>', '<span class="mention" title="otto">@otto</span>', "unknown", "#ops", "@oncall", "@here", "today 08:00");
  has(html, 'href="https://x.example/?a=1&amp;b=2"', 'rel="noopener noreferrer nofollow"', 'target="_blank"');
});

test("blocks: a header is a heading, a table has header cells, an image its alternative", () => {
  const html = draw(
    { type: "header", text: { type: "plain_text", text: "Title" } },
    { type: "table", rows: [[{ type: "raw_text", text: "A" }], [{ type: "raw_text", text: "1" }]], column_settings: [{ align: "right" }] },
    { type: "data_table", caption: "Caption", row_header_column_index: 0, rows: [[{ type: "raw_text", text: "A" }], [{ type: "raw_number", value: 1 }]] },
    { type: "context", elements: [{ type: "image", image_url: "https://x.example/a.png", alt_text: "A chart" }] },
  );
  has(html, "<h3", '<th scope="col" class="right">A</th>', "<caption>Caption</caption>", '<th scope="row"', 'aria-label="A chart"');
});

test("blocks: what can't be drawn is said", () => {
  has(draw({ type: "hologram" }), "cannot draw a block of type", "hologram");
  has(draw({ type: "actions", elements: [{ type: "knob", action_id: "k" }] }), "cannot draw an element of type", "knob");
  has(draw({}), "cannot draw");
});

test("blocks: an element carries its ids, its label, and its style", () => {
  const html = draw({
    type: "actions", block_id: "verbs",
    elements: [{ type: "button", action_id: "go", text: { type: "plain_text", text: "Go" }, style: "danger", accessibility_label: "Go: i-1 in prod" }],
  });
  has(html, 'data-block-id="verbs"', 'data-action-id="go"', 'aria-label="Go: i-1 in prod"', "btn danger");
});

test("blocks: a picker is a combobox that names its list", () => {
  const html = draw({
    type: "input", block_id: "b", label: { type: "plain_text", text: "Cluster" }, hint: { type: "plain_text", text: "One of yours" },
    element: { type: "static_select", action_id: "a", options: [{ text: { type: "plain_text", text: "prod" }, value: "p" }], initial_option: { text: { type: "plain_text", text: "prod" }, value: "p" } },
  });
  has(html, 'role="combobox"', 'aria-expanded="false"', 'aria-autocomplete="list"', 'value="prod"', "One of yours");
  assert.match(html, /id="(:[^"]+l)">Cluster<\/div>[\s\S]*aria-labelledby="\1"/);
  assert.match(html, /aria-describedby="(:[^"]+h)"[\s\S]*id="\1">One of yours/);
});

test("blocks: a plan says each step's status in words", () => {
  const html = draw({ type: "plan", title: "Draining", tasks: [{ type: "task_card", task_id: "1", title: "Drain", status: "in_progress" }, { type: "task_card", task_id: "2", title: "Look", status: "pending" }] });
  has(html, ">Draining</h4>", 'aria-label="in progress"', 'aria-label="not begun"', "<ol>");
});

test("blocks: malformed parts do not break the rest", () => {
  const html = draw({ type: "section", text: 7, fields: "x", accessory: null }, { type: "actions", elements: null }, { type: "plan" }, { type: "table" }, { type: "rich_text", elements: [null, {}] }, mrkdwn("still here"));
  has(html, "still here");
});

const golden = join(process.cwd(), "../../../blocks/testdata");
test("blocks: every card and modal of the bot is drawn whole", { skip: !existsSync(golden) }, () => {
  const files = readdirSync(golden).filter((f) => f.endsWith(".json"));
  assert.ok(files.length > 20);
  for (const f of files) {
    const { blocks } = JSON.parse(readFileSync(join(golden, f), "utf8")) as { blocks?: Block[] };
    const html = draw(...(blocks ?? []));
    assert.ok(!html.includes("cannot draw"), f);
    for (const b of blocks ?? []) if (b.block_id) has(html, `data-block-id="${b.block_id}"`);
  }
});
