import { safeURL } from "../mrkdwn";
import type { Element } from "../surface";
import { plainOf, Text } from "../text";
import { useSend } from "./send";
import { marks, Problem } from "./problem";

export function Button({ block, e }: { block: string; e: Element }) {
  const { busy, problem, send } = useSend(block, e);
  const style = e.style === "primary" || e.style === "danger" ? ` ${e.style}` : "";
  const url = typeof e.url === "string" ? safeURL(e.url) : undefined;
  const label = typeof e.accessibility_label === "string" ? e.accessibility_label : undefined;
  const press = () => {
    if (url) window.open(url, "_blank", "noopener,noreferrer");
    void send();
  };
  return (
    <span className="element">
      <button type="button" className={`btn${style}`} aria-label={label} aria-disabled={busy || undefined} aria-busy={busy || undefined} onClick={press} {...marks(block, e)}>
        <Text of={e.text} />
        {!plainOf(e.text) && plainOf(e.icon)}
        {busy && <span className="spin" aria-hidden="true" />}
      </button>
      <Problem text={problem} />
    </span>
  );
}
