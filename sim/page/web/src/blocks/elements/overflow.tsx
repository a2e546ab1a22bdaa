import { useId, useRef, useState, type KeyboardEvent } from "react";
import { Popup, useDismiss } from "../../parts/overlay";
import { safeURL } from "../mrkdwn";
import { list, type Element } from "../surface";
import { Text } from "../text";
import { marks, Problem } from "./problem";
import { useSend } from "./send";

/** Overflow is the "…" menu: the menu-button pattern of the ARIA Authoring Practices. */
export function Overflow({ block, e }: { block: string; e: Element }) {
  const id = useId();
  const anchor = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const { busy, problem, send } = useSend(block, e);
  const items = list(e.options);
  const close = (back: boolean) => {
    setOpen(false);
    if (back) anchor.current?.focus();
  };
  useDismiss(open, (t) => !!menu.current?.contains(t) || !!anchor.current?.contains(t), () => close(false));
  const choose = (o: Record<string, unknown>) => {
    close(true);
    const url = typeof o.url === "string" ? safeURL(o.url) : undefined;
    if (url) window.open(url, "_blank", "noopener,noreferrer");
    void send([String(o.value ?? "")]);
  };
  const onKeyDown = (k: KeyboardEvent) => {
    const all = [...(menu.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const i = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: -1 }[k.key];
    if (to !== undefined) {
      k.preventDefault();
      all.at(to % all.length)?.focus();
    } else if (k.key === "Escape" || k.key === "Tab") {
      if (k.key === "Escape") k.preventDefault();
      k.stopPropagation();
      close(true);
    }
  };
  return (
    <span className="element">
      <button
        ref={anchor} type="button" className="btn overflow" aria-label="More actions" aria-haspopup="menu" aria-expanded={open}
        aria-controls={open ? id : undefined} aria-disabled={busy || undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(k) => {
          if (k.key === "ArrowDown") {
            k.preventDefault();
            setOpen(true);
          }
        }}
        {...marks(block, e)}
      >
        <span aria-hidden="true">⋯</span>
      </button>
      {open && (
        <Popup anchor={anchor} className="menu">
          <div ref={menu} id={id} role="menu" aria-label="More actions" onKeyDown={onKeyDown}>
            {items.map((o, i) => (
              <button
                key={i} type="button" role="menuitem" className="option" tabIndex={-1}
                ref={i === 0 ? (first) => first && !menu.current?.contains(document.activeElement) && first.focus() : undefined}
                onClick={() => choose(o)}
              >
                <Text of={o.text} />
              </button>
            ))}
          </div>
        </Popup>
      )}
      <Problem text={problem} />
    </span>
  );
}
