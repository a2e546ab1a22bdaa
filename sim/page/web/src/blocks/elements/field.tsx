// What is written: text, e-mail, address, number, date and time.
import { useCallback, useEffect, useRef, useState, type ChangeEvent, type KeyboardEvent } from "react";
import { initialOf, list, useSurface, valuesOf, whatWentWrong, type Element } from "../surface";
import { plainOf } from "../text";
import { marks, Problem } from "./problem";

const settleMs = 200;

const inputTypes: Record<string, string> = {
  plain_text_input: "text", email_text_input: "email", url_text_input: "url", number_input: "text",
  datepicker: "date", timepicker: "time", datetimepicker: "datetime-local", rich_text_input: "text",
};

interface Props {
  block: string;
  e: Element;
  label?: string;
  described?: string;
  /** The input block sends each change to the app. */
  dispatch?: boolean;
}

export function Field({ block, e, label, described, dispatch }: Props) {
  const surface = useSurface();
  const action = String(e.action_id ?? "");
  const told = shown(e.type, surface.chosen(block, action)) ?? (surface.kind === "modal" ? "" : fromWire(e.type, initialOf(e)[0] ?? ""));
  const { text, write, flush, problem } = useDraft(block, action, told, e, !!dispatch);
  const most = typeof e.max_length === "number" ? e.max_length : undefined;
  const onKeyDown = (k: KeyboardEvent) => {
    if (k.key !== "Enter" || k.nativeEvent.isComposing || (e.multiline && !k.metaKey && !k.ctrlKey)) return;
    if (dispatch && sendsOn(e, "on_enter_pressed")) {
      k.preventDefault();
      void flush();
    }
  };
  const common = {
    value: text,
    placeholder: plainOf(e.placeholder) || undefined,
    maxLength: most,
    "aria-labelledby": label,
    "aria-label": label ? undefined : plainOf(e.placeholder) || "Text",
    "aria-describedby": described,
    "aria-invalid": surface.errors?.[block] ? true : undefined,
    "data-field": "",
    "data-autofocus": e.focus_on_load ? "" : undefined,
    autoComplete: "off",
    spellCheck: false,
    onKeyDown,
    onBlur: dispatch ? undefined : () => void flush(),
    onChange: (c: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => write(c.target.value),
    ...marks(block, e),
  };
  return (
    <span className="element field">
      {e.multiline || e.type === "rich_text_input" ? (
        <textarea className="input" rows={4} {...common} />
      ) : (
        <input className="input" type={inputTypes[e.type] ?? "text"} inputMode={e.type === "number_input" ? "decimal" : undefined} {...common} />
      )}
      {most !== undefined && text.length > most * 0.8 && <span className="count">{most - text.length} left</span>}
      <Problem text={problem} />
    </span>
  );
}

const sendsOn = (e: Element, trigger: string): boolean => {
  const config = e.dispatch_action_config as { trigger_actions_on?: unknown } | undefined;
  const on = Array.isArray(config?.trigger_actions_on) ? config.trigger_actions_on : ["on_enter_pressed"];
  return on.includes(trigger);
};

/** toWire is a field's text as Slack's payloads have it. */
function toWire(type: string, value: string): string {
  if (type === "datetimepicker") return String(Math.floor(Date.parse(value + "Z") / 1000));
  if (type !== "rich_text_input") return value;
  return JSON.stringify({ type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text: value }] }] });
}

/** fromWire is the opposite of toWire for what is one value. */
const fromWire = (type: string, value: string): string =>
  type === "datetimepicker" && /^\d+$/.test(value) ? new Date(Number(value) * 1000).toISOString().slice(0, 16) : value;

/** shown is what Slack holds for a field, as it is written in it; nothing if Slack holds nothing. */
function shown(type: string, state: Record<string, unknown> | undefined): string | undefined {
  if (type !== "rich_text_input") {
    const value = valuesOf(state)?.[0];
    return value === undefined ? undefined : fromWire(type, value);
  }
  const sections = list((state?.rich_text_value as { elements?: unknown } | undefined)?.elements);
  return state && sections.flatMap((s) => list(s.elements)).map((leaf) => String(leaf.text ?? "")).join("");
}

/** useDraft is what is written; it is sent when it settles, when the field is left, and before a submission. */
function useDraft(block: string, action: string, told: string, e: Element, dispatch: boolean) {
  const surface = useSurface();
  const [text, setText] = useState(told);
  const [problem, setProblem] = useState<string>();
  const sent = useRef(told);
  const latest = useRef(text);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const flush = useCallback(async () => {
    clearTimeout(timer.current);
    timer.current = undefined;
    const value = latest.current;
    if (value === sent.current) return;
    const before = sent.current;
    sent.current = value;
    const answer = await surface.use(block, action, value === "" ? [] : [toWire(e.type, value)]);
    if (!answer.ok) sent.current = before;
    setProblem(answer.ok ? undefined : whatWentWrong(answer.error));
  }, [surface, block, action, e.type]);
  useEffect(() => {
    if (timer.current || told === sent.current) return;
    sent.current = latest.current = told;
    setText(told);
  }, [told]);
  useEffect(() => {
    surface.pending?.add(flush);
    return () => void surface.pending?.delete(flush);
  }, [surface.pending, flush]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const write = (next: string) => {
    latest.current = next;
    setText(next);
    clearTimeout(timer.current);
    if (!dispatch || sendsOn(e, "on_character_entered")) timer.current = setTimeout(() => void flush(), settleMs);
  };
  return { text, write, flush, problem };
}
