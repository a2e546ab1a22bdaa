import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { Popup } from "../parts/overlay";
import type { Hello } from "../wire";
import { complete, type Completion } from "./complete";

interface Props {
  label: string;
  placeholder: string;
  hello: Hello;
  /** Drafts are kept apart by this. */
  draft: string;
  /** The one that is written in first. */
  main?: boolean;
  hint?: string;
  /** Put into the composer when it becomes another one. */
  prefill?: { text: string };
  onSend: (text: string) => void;
}

const drafts = new Map<string, string>();
const sentBefore: string[] = [];

/** Composer writes messages and commands; Enter sends, and what is typed is completed. */
export function Composer(p: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => drafts.get(p.draft) ?? "");
  const [caret, setCaret] = useState(0);
  const [at, setAt] = useState(-1);
  const [dismissed, setDismissed] = useState("");
  const back = useRef(0);
  useEffect(() => {
    setText(drafts.get(p.draft) ?? "");
    setDismissed("");
  }, [p.draft]);
  useEffect(() => {
    if (!p.prefill) return;
    write(p.prefill.text);
    area.current?.focus();
  }, [p.prefill]);
  useLayoutEffect(() => {
    const a = area.current;
    if (!a) return;
    a.style.height = "auto";
    a.style.height = `${Math.min(a.scrollHeight, 200)}px`;
  }, [text]);
  const write = (next: string, to = next.length) => {
    drafts.set(p.draft, next);
    setText(next);
    setAt(-1);
    setCaret(to);
  };
  const offers: Completion[] = dismissed === text ? [] : complete(text, Math.min(caret, text.length), p.hello);
  const open = offers.length > 0;
  const active = open && at >= 0 && at < offers.length ? at : -1;
  const take = (c: Completion) => {
    const next = c.before + c.insert + text.slice(Math.min(caret, text.length));
    write(next, c.before.length + c.insert.length);
    area.current?.focus();
    requestAnimationFrame(() => area.current?.setSelectionRange(c.before.length + c.insert.length, c.before.length + c.insert.length));
  };
  const send = () => {
    const what = text.trim();
    if (what === "") return;
    if (sentBefore.at(-1) !== what) sentBefore.push(what);
    back.current = 0;
    write("");
    p.onSend(what);
  };
  const recall = (k: KeyboardEvent): boolean => {
    if (k.key !== "ArrowUp" || (text !== "" && back.current === 0)) return false;
    const earlier = sentBefore.at(-1 - back.current);
    if (earlier === undefined) return false;
    back.current++;
    write(earlier);
    setDismissed(earlier);
    return true;
  };
  const onKeyDown = (k: KeyboardEvent) => {
    if (k.nativeEvent.isComposing) return;
    if (open && (k.key === "ArrowDown" || k.key === "ArrowUp")) {
      k.preventDefault();
      const n = offers.length;
      setAt(k.key === "ArrowDown" ? (active + 1) % n : active <= 0 ? n - 1 : active - 1);
    } else if (open && k.key === "Escape") {
      k.preventDefault();
      k.stopPropagation();
      setDismissed(text);
    } else if (open && k.key === "Tab" && !k.shiftKey) {
      k.preventDefault();
      take(offers[Math.max(0, active)]!);
    } else if (k.key === "Enter" && !k.shiftKey) {
      k.preventDefault();
      if (active >= 0) take(offers[active]!);
      else send();
    } else if (recall(k)) k.preventDefault();
  };
  return (
    <div className="composer">
      <textarea
        ref={area} rows={1} value={text} aria-label={p.label} placeholder={p.placeholder} spellCheck={false} autoComplete="off"
        aria-autocomplete="list" aria-haspopup="listbox" aria-controls={open ? `${id}l` : undefined}
        aria-activedescendant={active >= 0 ? `${id}o${active}` : undefined} data-composer={p.main ? "" : undefined}
        onChange={(e) => write(e.target.value, e.target.selectionStart)} onKeyDown={onKeyDown}
        onSelect={(e) => setCaret(e.currentTarget.selectionStart)}
      />
      <button type="button" className="send" aria-label="Send" disabled={text.trim() === ""} onClick={send}>
        <svg viewBox="0 0 16 16" className="icon" aria-hidden="true"><path d="M2 2.5l12 5.5-12 5.5 2-5.5z" fill="currentColor" /></svg>
      </button>
      {p.hint !== undefined && <p className="composer-hint">{p.hint}</p>}
      {open && (
        <Popup anchor={area} className="menu" wide above>
          <ul role="listbox" id={`${id}l`} aria-label="Completions" onMouseDown={(m) => m.preventDefault()}>
            {offers.map((c, i) => (
              <li key={c.insert + i} id={`${id}o${i}`} role="option" aria-selected={i === active} className={i === active ? "option active" : "option"} onClick={() => take(c)}>
                <span className="option-text">{c.title}</span>
                {c.about && <span className="option-description">{c.about}</span>}
              </li>
            ))}
          </ul>
        </Popup>
      )}
      <p className="hidden-text" role="status">
        {open ? `${offers.length} ${offers.length === 1 ? "completion" : "completions"}, Tab takes ${active >= 0 ? "the chosen" : "the first"}` : ""}
      </p>
    </div>
  );
}
