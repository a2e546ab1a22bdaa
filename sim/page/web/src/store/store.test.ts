import assert from "node:assert/strict";
import { test } from "node:test";
import type { Message } from "../wire";
import { Store, merge } from "./store";

const m = (ts: string, more: Partial<Message> = {}): Message => ({ channel: "C1", ts, user: "U1", text: ts, via: "chat.postMessage", ...more });
const hello = (run: number) => ({ run });

test("merge: in the order of ts, whatever order they come in", () => {
  assert.deepEqual(merge([m("2")], [m("3"), m("1")]).map((x) => x.ts), ["1", "2", "3"]);
});

test("merge: an edit takes the place of what it edits; the others stay the very same", () => {
  const log = [m("1"), m("2")];
  const next = merge(log, [m("2", { text: "new", edits: 1 })]);
  assert.equal(next[0], log[0]);
  assert.equal(next[1]!.text, "new");
});

test("merge: what is only told again changes nothing", () => {
  const log = [m("1", { blocks: [{ type: "divider" }] })];
  assert.equal(merge(log, [m("1", { blocks: [{ type: "divider" }] })]), log);
});

test("merge: a deleted message vanishes, and one deleted before it was seen never shows", () => {
  const log = [m("1"), m("2")];
  assert.deepEqual(merge(log, [m("1", { deleted: true }), m("9", { deleted: true })]).map((x) => x.ts), ["2"]);
});

test("merge: one person's ephemeral message is not another's, even at the same ts", () => {
  const log = merge([], [m("1", { ephemeral_to: "UA" }), m("1", { ephemeral_to: "UB", text: "b" })]);
  assert.equal(log.length, 2);
});

test("store: nobody is told between hello and ready", () => {
  const store = new Store();
  let told = 0;
  store.subscribe(() => told++);
  store.take("hello", hello(1));
  store.take("messages", [m("1")]);
  assert.equal(told, 0);
  store.take("ready", null);
  assert.equal(told, 1);
  assert.equal(store.log("C1").length, 1);
  assert.equal(store.get().page.ready, true);
});

test("store: hello of the same run keeps what is there; of another run drops it", () => {
  const store = new Store();
  for (const [name, data] of [["hello", hello(1)], ["messages", [m("1")]], ["ready", null], ["hello", hello(1)]] as const) store.take(name, data);
  assert.equal(store.log("C1").length, 1);
  store.take("hello", hello(2));
  store.take("ready", null);
  assert.equal(store.log("C1").length, 0);
});

test("store: after a broken line the same run is taken in anew", () => {
  const store = new Store();
  store.setLink("open");
  for (const [name, data] of [["hello", hello(1)], ["messages", [m("1"), m("2")]], ["ready", null]] as const) store.take(name, data);
  store.setLink("lost");
  store.setLink("open");
  for (const [name, data] of [["hello", hello(1)], ["messages", [m("2")]], ["ready", null]] as const) store.take(name, data);
  assert.deepEqual(store.log("C1").map((x) => x.ts), ["2"]);
});

test("store: lines of the timeline come once", () => {
  const store = new Store();
  const line = (seq: number) => ({ seq, at: "", side: "aws", what: "", outcome: "", ok: true, ms: 0 });
  store.take("timeline", [line(1), line(2)]);
  store.take("timeline", [line(2), line(3)]);
  assert.deepEqual(store.get().page.timeline.map((l) => l.seq), [1, 2, 3]);
});

test("store: an event of a newer server is left alone", () => {
  const store = new Store();
  const before = store.get();
  store.take("weather", {});
  assert.equal(store.get(), before);
});
