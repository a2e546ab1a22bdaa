// Menus with type-ahead: the combobox pattern of the ARIA Authoring Practices,
// with a list that filters itself or is asked of the app.
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Popup, useDismiss } from "../../parts/overlay";
import type { Answer, Option } from "../../wire";
import { list, options, useSurface, whatWentWrong, type Element } from "../surface";
import { plainOf } from "../text";
import { useViewer } from "../reader";
import { useChosen } from "./chosen";
import { marks, Problem } from "./problem";
import { useSend } from "./send";

interface Props {
  block: string;
  e: Element;
  label?: string;
  described?: string;
}

const askMs = 120;
const page = 8;

const plainOption = (o: { text: unknown; value: string; description?: unknown }, group?: string): Option => ({
  text: plainOf(o.text), value: o.value, description: plainOf(o.description) || undefined, group,
});

/** useOffer is what an element offers by itself; nothing for those that ask the app. */
function useOffer(e: Element): Option[] | undefined {
  const viewer = useViewer();
  const kind = e.type.replace(/^multi_/, "");
  switch (kind) {
    case "static_select":
      return Array.isArray(e.option_groups)
        ? list(e.option_groups).flatMap((g) => options(g.options).map((o) => plainOption(o, plainOf(g.label))))
        : options(e.options).map((o) => plainOption(o));
    case "users_select":
      return [...viewer.users.values()].map((u) => ({ text: u.real_name, value: u.id, description: "@" + u.name }));
    case "channels_select":
    case "conversations_select":
      return [...viewer.channels.values()].filter((c) => !c.is_im).map((c) => ({ text: "#" + c.name, value: c.id }));
  }
  return undefined;
}

/** namesOf finds what to show for what is chosen: the state holds whole options. */
function namesOf(state: Record<string, unknown> | undefined, e: Element): Map<string, string> {
  const out = new Map<string, string>();
  for (const source of [e, state ?? {}]) {
    for (const [key, v] of Object.entries(source)) {
      if (!/^(initial|selected)_options?$/.test(key)) continue;
      for (const o of options(Array.isArray(v) ? v : [v])) out.set(o.value, plainOf(o.text));
    }
  }
  return out;
}

const fits = (o: Option, query: string): boolean => {
  const hay = `${o.text} ${o.description ?? ""}`.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((w) => hay.includes(w));
};

interface Offer {
  options: Option[];
  state: "ready" | "loading" | "failed" | "short";
  why?: string;
}

/** useOptions filters what is there, or asks the app and drops answers that came too late. */
function useOptions(block: string, e: Element, query: string, open: boolean, own: Option[] | undefined): Offer {
  const surface = useSurface();
  const [asked, setAsked] = useState<Offer>({ options: [], state: "loading" });
  const least = typeof e.min_query_length === "number" ? e.min_query_length : 3;
  const external = own === undefined;
  const action = String(e.action_id ?? "");
  const latest = useRef(surface);
  latest.current = surface;
  useEffect(() => {
    if (!open || !external) return;
    if ([...query].length < least) return setAsked({ options: [], state: "short", why: `Type at least ${least} characters` });
    let live = true;
    setAsked((a) => ({ ...a, state: "loading" }));
    const timer = setTimeout(
      async () => {
        const answer: Answer = await latest.current.suggest(block, action, query);
        if (!live) return;
        if (answer.ok) setAsked({ options: answer.options ?? [], state: "ready" });
        else setAsked({ options: [], state: "failed", why: whatWentWrong(answer.error) });
      },
      query === "" ? 0 : askMs,
    );
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [open, external, query, least, block, action]);
  if (!external) return { options: own.filter((o) => fits(o, query)), state: "ready" };
  return asked;
}

export function Picker({ block, e, label, described }: Props) {
  const surface = useSurface();
  const multi = e.type.startsWith("multi_");
  const own = useOffer(e);
  const [chosen, setChosen] = useChosen(block, e);
  const seen = useRef(new Map<string, string>());
  for (const [value, text] of namesOf(surface.chosen(block, String(e.action_id ?? "")), e)) seen.current.set(value, text);
  for (const o of own ?? []) seen.current.set(o.value, o.text);
  const nameOf = (value: string) => seen.current.get(value) ?? value;
  const { busy, problem, send } = useSend(block, e);
  const pick = async (o: Option) => {
    seen.current.set(o.value, o.text);
    const before = chosen;
    const next = !multi ? [o.value] : chosen.includes(o.value) ? chosen.filter((v) => v !== o.value) : [...chosen, o.value];
    setChosen(next);
    if (!(await send(next))) setChosen(before);
  };
  const drop = async (value: string) => {
    const before = chosen;
    const next = chosen.filter((v) => v !== value);
    setChosen(next);
    if (!(await send(next))) setChosen(before);
  };
  return (
    <span className="element picker">
      {multi && chosen.length > 0 && (
        <span className="tokens">
          {chosen.map((v) => (
            <button type="button" key={v} className="token" aria-label={`Remove ${nameOf(v)}`} onClick={() => void drop(v)}>
              {nameOf(v)} <span aria-hidden="true">×</span>
            </button>
          ))}
        </span>
      )}
      <Combo
        block={block} e={e} label={label} described={described} own={own} busy={busy} multi={multi}
        shown={multi ? "" : chosen.length > 0 ? nameOf(chosen[0]!) : ""}
        isChosen={(v) => chosen.includes(v)} onPick={(o) => void pick(o)}
      />
      <Problem text={problem} />
    </span>
  );
}

interface ComboProps extends Props {
  own: Option[] | undefined;
  busy: boolean;
  multi: boolean;
  /** The text of what is chosen. */
  shown: string;
  isChosen: (value: string) => boolean;
  onPick: (o: Option) => void;
}

function Combo({ block, e, label, described, own, busy, multi, shown, isChosen, onPick }: ComboProps) {
  const surface = useSurface();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const box = useRef<HTMLSpanElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(-1);
  const offer = useOptions(block, e, query, open, own);
  const all = offer.options;
  const active = open && at >= 0 && at < all.length ? at : -1;
  const close = () => {
    setOpen(false);
    setQuery("");
    setAt(-1);
  };
  const show = () => {
    setOpen(true);
    setAt(-1);
  };
  useDismiss(open, (t) => !!box.current?.contains(t) || !!menu.current?.contains(t), close);
  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}o${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active, id]);
  const choose = (i: number) => {
    const o = all[i];
    if (!o) return;
    onPick(o);
    if (!multi) close();
    else setQuery("");
    input.current?.focus();
  };
  const onKeyDown = (k: KeyboardEvent) => {
    if (k.nativeEvent.isComposing) return;
    const step = steps[k.key];
    if (step && !(k.key === "ArrowUp" && k.altKey)) {
      k.preventDefault();
      if (!open) show();
      else setAt(step(active, all.length));
      return;
    }
    if (k.key === "Enter") {
      k.preventDefault(); // Enter in a picker never submits the form around it
      if (!open) show();
      else if (active >= 0) choose(active);
      else if (all.length === 1 && offer.state === "ready") choose(0);
    } else if (k.key === "Escape" && open) {
      k.preventDefault();
      k.stopPropagation();
      close();
    } else if (k.key === "Tab" || (k.key === "ArrowUp" && k.altKey)) close();
  };
  return (
    <span className="combo" ref={box}>
      <input
        ref={input}
        className="input"
        role="combobox"
        aria-expanded={open}
        aria-controls={`${id}l`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 ? `${id}o${active}` : undefined}
        aria-labelledby={label}
        aria-label={label ? undefined : plainOf(e.placeholder) || "Choose"}
        aria-describedby={described}
        aria-invalid={surface.errors?.[block] ? true : undefined}
        aria-busy={busy || undefined}
        autoComplete="off"
        spellCheck={false}
        placeholder={shown || plainOf(e.placeholder) || "Choose an option"}
        value={open ? query : shown}
        data-field=""
        data-autofocus={e.focus_on_load ? "" : undefined}
        onClick={() => !open && show()}
        onChange={(c) => {
          setQuery(c.target.value);
          setOpen(true);
          setAt(-1);
        }}
        onKeyDown={onKeyDown}
        onBlur={close}
        {...marks(block, e)}
      />
      <span className="combo-arrow" aria-hidden="true" />
      {open && (
        <Popup anchor={box} className="menu" wide>
          <div ref={menu} onMouseDown={(m) => m.preventDefault()}>
            <div role="listbox" id={`${id}l`} aria-label={plainOf(e.placeholder) || "Options"} aria-multiselectable={multi || undefined}>
              {grouped(all, id, (o, i) => (
                <div
                  key={o.value} id={`${id}o${i}`} role="option" aria-selected={isChosen(o.value)}
                  className={i === active ? "option active" : "option"}
                  onMouseMove={() => i !== active && setAt(i)} onClick={() => choose(i)}
                >
                  <span className="option-text">{o.text}</span>
                  {o.description && <span className="option-description">{o.description}</span>}
                </div>
              ))}
            </div>
            <p className="menu-status" role="status">
              {offer.state === "loading" ? "Asking the app…" : offer.state !== "ready" ? offer.why : all.length === 0 ? "Nothing fits" : ""}
            </p>
          </div>
        </Popup>
      )}
    </span>
  );
}

/** Where the arrow keys lead from option i of n; nothing active is -1. */
const steps: Record<string, (i: number, n: number) => number> = {
  ArrowDown: (i, n) => (n === 0 ? -1 : (i + 1) % n),
  ArrowUp: (i, n) => (n === 0 ? -1 : i <= 0 ? n - 1 : i - 1),
  PageDown: (i, n) => Math.min(n - 1, i + page),
  PageUp: (i) => Math.max(0, i - page),
};

/** grouped draws options under the labels of their groups. */
function grouped(all: Option[], id: string, one: (o: Option, i: number) => ReactNode): ReactNode {
  if (!all.some((o) => o.group)) return all.map(one);
  const runs: { group: string; from: number; to: number }[] = [];
  all.forEach((o, i) => {
    const last = runs.at(-1);
    if (last && last.group === (o.group ?? "")) last.to = i + 1;
    else runs.push({ group: o.group ?? "", from: i, to: i + 1 });
  });
  return runs.map((r, g) => (
    <div key={g} role="group" aria-labelledby={`${id}g${g}`}>
      <div className="option-group" id={`${id}g${g}`} role="presentation">
        {r.group}
      </div>
      {all.slice(r.from, r.to).map((o, i) => one(o, r.from + i))}
    </div>
  ));
}

