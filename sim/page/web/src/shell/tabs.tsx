import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { keep, kept } from "./prefs";

export interface Tab {
  id: string;
  title: string;
  /** Said beside the title. */
  note?: string;
  body: ReactNode;
}

/** Tabs keeps all its panels, so that what is hidden keeps its state. */
export function Tabs({ name, label, tabs }: { name: string; label: string; tabs: Tab[] }) {
  const ids = useId();
  const bar = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(() => kept(`tab ${name}`) ?? tabs[0]!.id);
  const now = tabs.some((t) => t.id === open) ? open : tabs[0]!.id;
  const go = (id: string) => {
    setOpen(id);
    keep(`tab ${name}`, id);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const i = tabs.findIndex((t) => t.id === now);
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const next = tabs[to % tabs.length]!;
    go(next.id);
    bar.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div className="tabs">
      <h2 className="hidden-text">{label}</h2>
      <div className="tab-bar" role="tablist" aria-label={label} ref={bar} onKeyDown={onKeyDown}>
        {tabs.map((t) => (
          <button
            key={t.id} type="button" role="tab" id={`${ids}t${t.id}`} data-tab={t.id} aria-selected={t.id === now}
            aria-controls={`${ids}p${t.id}`} tabIndex={t.id === now ? 0 : -1} onClick={() => go(t.id)}
          >
            {t.title}
            {t.note && <span className="tab-note">{t.note}</span>}
          </button>
        ))}
      </div>
      {tabs.map((t) => (
        <div key={t.id} className="tab-panel" role="tabpanel" id={`${ids}p${t.id}`} aria-labelledby={`${ids}t${t.id}`} hidden={t.id !== now}>
          {t.body}
        </div>
      ))}
    </div>
  );
}
