import assert from "node:assert/strict";
import { test } from "node:test";
import type { Channel, Hello, User } from "../wire";
import { complete } from "./complete";
import { rowsOf } from "./log";
import { accessOf, dmOf, find, outgoing } from "./people";

const user = (id: string, more: Partial<User> = {}): User => ({ id, name: id.toLowerCase(), real_name: `${id} Person`, role: "operator", ...more });
const channel = (more: Partial<Channel> = {}): Channel => ({ id: "C1", name: "ops", members: ["UA"], ...more });
const hello = {
  run: 1, bot: { id: "UBOT", name: "ecs" }, users: [user("UA", { name: "olga" }), user("UB", { name: "otto" })], channels: [channel()],
  usergroups: [{ id: "S1", handle: "oncall", name: "On call" }], commands: [{ command: "/ecs", description: "d", usage_hint: "u" }],
  subcommands: [{ name: "list", hint: "" }, { name: "status", hint: "" }, { name: "stop", hint: "x" }],
} as unknown as Hello;

test("what is typed is escaped, and names become mentions", () => {
  assert.equal(outgoing("hi @olga and @nobody, see #ops & <!channel> @oncall a@olga", hello), "hi <@UA> and @nobody, see <#C1|ops> &amp; &lt;!channel&gt; <!subteam^S1|@oncall> a@olga");
});

test("who can do what in a channel", () => {
  assert.equal(accessOf(channel(), user("UA")).can, "write");
  assert.equal(accessOf(channel({ is_archived: true }), user("UA")).can, "read");
  assert.equal(accessOf(channel(), user("UB")).can, "read");
  assert.equal(accessOf(channel({ is_private: true }), user("UB")).can, "nothing");
  assert.equal(accessOf(channel(), user("UB", { is_ultra_restricted: true })).can, "nothing");
  assert.equal(accessOf(channel(), user("UB", { is_stranger: true })).can, "nothing");
  const guest = accessOf(channel(), user("UA", { is_restricted: true }));
  assert.ok(guest.can === "write" && guest.note?.includes("guest"));
});

test("direct messages: the channel that is there, or the id that it will have", () => {
  assert.equal(dmOf(hello, "U0OPERATOR"), "D0OPERATOR");
  assert.equal(dmOf({ ...hello, channels: [{ id: "DX", name: "", is_im: true, members: ["UA", "UBOT"] }] }, "UA"), "DX");
});

test("find: by id, by name, with a sign or without", () => {
  for (const what of ["UA", "olga", "@olga"]) assert.equal(find(hello.users, what)?.id, "UA");
  assert.equal(find(hello.users, undefined), undefined);
});

const titles = (text: string) => complete(text, text.length, hello).map((c) => c.before + c.insert);
test("completion", () => {
  assert.deepEqual(titles("/"), ["/ecs "]);
  assert.deepEqual(titles("/ecs"), []);
  assert.deepEqual(titles("/ecs st"), ["/ecs status ", "/ecs stop "]);
  assert.deepEqual(titles("/ecs stop"), []);
  assert.deepEqual(titles("/ecs stop "), []);
  assert.deepEqual(titles("/other "), []);
  assert.deepEqual(titles("ask @o"), ["ask @olga ", "ask @otto "]);
  assert.deepEqual(titles("a@o"), []);
});

test("rows: replies are counted and not shown, ephemeral ones are their owner's", () => {
  const m = (ts: string, more = {}) => ({ channel: "C1", ts, user: "UBOT", text: "", via: "", ...more });
  const rows = rowsOf([m("1"), m("2", { thread_ts: "1" }), m("3", { ephemeral_to: "UB" }), m("4", { ephemeral_to: "UA" })], [], "UA", "1", () => "day");
  assert.deepEqual(rows.map((r) => [r.m.ts, r.replies, !!r.fresh, !!r.day]), [["1", 1, false, true], ["4", 0, true, false]]);
});
