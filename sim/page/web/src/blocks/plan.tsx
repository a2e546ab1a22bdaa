import type { Block } from "../wire";
import { safeURL } from "./mrkdwn";
import { RichText } from "./rich";
import { list } from "./surface";
import { Link } from "./text";

type Status = "pending" | "in_progress" | "complete" | "error";
const words: Record<Status, string> = { pending: "not begun", in_progress: "in progress", complete: "done", error: "failed" };

const art: Record<Status, JSX.Element> = {
  pending: <circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeDasharray="2.4 2" />,
  in_progress: <><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" strokeWidth="1.6" opacity="0.3" /><path d="M8 2.5A5.5 5.5 0 0 1 13.5 8" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" className="turn" /></>,
  complete: <><circle cx="8" cy="8" r="6.3" fill="currentColor" /><path d="M5 8.2l2.1 2.1L11 6.2" fill="none" stroke="var(--surface)" strokeWidth="1.7" strokeLinecap="round" strokeLinejoin="round" /></>,
  error: <><circle cx="8" cy="8" r="6.3" fill="currentColor" /><path d="M5.8 5.8l4.4 4.4m0-4.4l-4.4 4.4" stroke="var(--surface)" strokeWidth="1.7" strokeLinecap="round" /></>,
};

const statusOf = (v: unknown): Status => (typeof v === "string" && Object.hasOwn(words, v) ? (v as Status) : "pending");

export function Plan({ b, heading }: { b: Block; heading: 2 | 3 | 4 }) {
  const H = `h${Math.min(6, heading + 1)}` as "h3";
  return (
    <div className="b-plan" data-block-id={b.block_id}>
      <H className="b-plan-title">{String(b.title ?? "")}</H>
      <ol>
        {list(b.tasks).map((t, i) => <li key={String(t.task_id ?? i)}><TaskCard of={t} /></li>)}
      </ol>
    </div>
  );
}

export function TaskCard({ of }: { of: Record<string, unknown> }) {
  const status = statusOf(of.status);
  return (
    <div className={`task-card ${status}`}>
      <svg viewBox="0 0 16 16" role="img" aria-label={words[status]}>{art[status]}</svg>
      <div>
        {of.hide_title !== true && <span className="task-card-title">{String(of.title ?? "")}</span>}
        {of.details ? <div className="task-card-more"><RichText of={of.details as Record<string, unknown>} /></div> : null}
        {of.output ? <div className="task-card-more"><RichText of={of.output as Record<string, unknown>} /></div> : null}
        {list(of.sources).map((s, i) => {
          const url = safeURL(String(s.url ?? ""));
          return url ? <Link key={i} url={url}>{String(s.text ?? url)}</Link> : null;
        })}
      </div>
    </div>
  );
}
