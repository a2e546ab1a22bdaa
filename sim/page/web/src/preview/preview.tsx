// Paste Block Kit JSON, see it drawn, and what the simulated Slack says to it.
import { useEffect, useMemo, useState } from "react";
import { Blocks } from "../blocks/block";
import { ViewerContext } from "../blocks/reader";
import { SurfaceContext, type Surface } from "../blocks/surface";
import { Asking, Layered } from "../parts/overlay";
import { act } from "../store/live";
import type { Answer, Block, Hello, User } from "../wire";
import { useViewerOf } from "../workspace/workspace";

const sample = `[
  {
    "type": "header",
    "text": { "type": "plain_text", "text": "Deregister i-0a1b2c3d4e5f60001 from prod?" }
  },
  {
    "type": "section",
    "text": { "type": "mrkdwn", "text": ":warning: *Amber*: 2 things to know. \`&lt;!channel&gt;\` stays text: &lt;!channel&gt;" },
    "fields": [
      { "type": "mrkdwn", "text": "*Cluster*\\n\`prod\`" },
      { "type": "mrkdwn", "text": "*Asked*\\n<!date^1795420800^{date_short_pretty} {time}|23 Nov 2026>" }
    ]
  },
  { "type": "divider" },
  {
    "type": "actions",
    "elements": [
      { "type": "button", "text": { "type": "plain_text", "text": "Drain and deregister" }, "style": "primary", "action_id": "go" },
      { "type": "button", "text": { "type": "plain_text", "text": "Cancel" }, "action_id": "no" }
    ]
  }
]`;

type Read = { blocks: Block[]; problem?: undefined } | { blocks?: undefined; problem: string };

/** read takes a list of blocks, or a message or view that holds one. */
function read(text: string): Read {
  try {
    const value: unknown = JSON.parse(text);
    const inner = Array.isArray(value) ? value : (value as { blocks?: unknown } | null)?.blocks;
    if (!Array.isArray(inner)) return { problem: "That is JSON, but neither a list of blocks nor an object with blocks." };
    if (!inner.every((b) => typeof b === "object" && b !== null)) return { problem: "Not everything in the list is a block." };
    return { blocks: inner as Block[] };
  } catch (why) {
    return { problem: `Not JSON: ${why instanceof Error ? why.message : String(why)}` };
  }
}

const checkMs = 250;

export default function Preview({ hello, user }: { hello?: Hello; user?: User }) {
  const [text, setText] = useState(sample);
  const [done, setDone] = useState("");
  const [verdict, setVerdict] = useState<Answer>();
  const got = useMemo(() => read(text), [text]);
  const viewer = useViewerOf(hello, user);
  useEffect(() => {
    setVerdict(undefined);
    if (!got.blocks) return;
    const timer = setTimeout(() => void act({ do: "check", blocks: got.blocks }).then(setVerdict), checkMs);
    return () => clearTimeout(timer);
  }, [got]);
  const surface = useMemo<Surface>(
    () => ({
      kind: "preview",
      use: (block, action, values) => {
        setDone(`${action || block}${values && values.length > 0 ? ` = ${values.join(", ")}` : ""}: nothing was sent, this is a preview`);
        return Promise.resolve({ ok: true });
      },
      suggest: () => Promise.resolve({ ok: false, error: "A preview has no app to ask for options." }),
      chosen: () => undefined,
    }),
    [],
  );
  return (
    <ViewerContext.Provider value={viewer}>
      <Layered className="preview">
        <Asking>
          <section className="preview-source" aria-label="Source">
            <header className="channel-head"><h2>Block Kit JSON</h2></header>
            <textarea className="mono" aria-label="Block Kit JSON" spellCheck={false} value={text} onChange={(e) => setText(e.target.value)} />
            <div className="preview-verdict" role="status">
              <Verdict got={got} verdict={verdict} />
            </div>
          </section>
          <section className="preview-drawn" aria-label="As drawn">
            <header className="channel-head"><h2>As people see it</h2><span className="topic">{user ? `as ${user.real_name}` : ""}</span></header>
            <div className="preview-card">
              <SurfaceContext.Provider value={surface}>{got.blocks && <Blocks blocks={got.blocks} heading={3} />}</SurfaceContext.Provider>
            </div>
            <p className="preview-done" role="status">{done}</p>
          </section>
        </Asking>
      </Layered>
    </ViewerContext.Provider>
  );
}

function Verdict({ got, verdict }: { got: Read; verdict?: Answer }) {
  if (got.problem) return <p className="bad">{got.problem}</p>;
  if (!verdict) return <p>Asking the simulator…</p>;
  if (verdict.ok) return <p className="good"><strong>Slack would take it.</strong> {got.blocks!.length} {got.blocks!.length === 1 ? "block" : "blocks"}, as a message.</p>;
  return <><p className="bad"><strong>Slack would refuse it.</strong></p><pre tabIndex={0}>{(verdict.error ?? "").split("; ").join("\n")}</pre></>;
}
