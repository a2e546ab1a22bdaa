// The two ways to the server: /live tells, /do is told.
import type { Act, Answer } from "../wire";
import type { Store } from "./store";

const events = ["hello", "clock", "bot", "faults", "messages", "views", "account", "timeline", "story", "ready"];
const retryMs = 1000;

/** listen keeps the store at what the server tells, and connects again for ever. */
export function listen(store: Store): void {
  const source = new EventSource("/live");
  for (const name of events) {
    source.addEventListener(name, (e) => store.take(name, JSON.parse((e as MessageEvent<string>).data || "null")));
  }
  source.onopen = () => store.setLink("open");
  source.onerror = () => {
    store.setLink("lost");
    // An answer that is not an event stream ends the source for good.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(store), retryMs);
  };
}

/** act has somebody do something. It never rejects: a broken line is an answer that is not ok. */
export async function act(what: Act): Promise<Answer> {
  try {
    const response = await fetch("/do", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(what),
    });
    const body = await response.text();
    try {
      return JSON.parse(body) as Answer;
    } catch {
      return { ok: false, error: body.trim() || response.statusText };
    }
  } catch (why) {
    return { ok: false, error: why instanceof Error ? why.message : "the playground's server did not answer" };
  }
}
