// Controls that more than one panel uses.
import { useCallback, useEffect, useId, useRef, useState, type ReactNode } from "react";
import { percent, shortId } from "./format";
import { Icon } from "./icons";

export interface Choice<T extends string | number> {
  id: T;
  label: string;
}

/** Segments is a radio group that looks like one bar. */
export function Segments<T extends string | number>(props: { legend: string; choices: readonly Choice<T>[]; value: T | undefined; onPick: (id: T) => void }) {
  const name = useId();
  return (
    <fieldset className="acct-segments">
      <legend className="hidden-text">{props.legend}</legend>
      {props.choices.map((c) => (
        <label key={c.id}>
          <input type="radio" name={name} checked={c.id === props.value} onChange={() => props.onPick(c.id)} />
          <span>{c.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

const copiedFor = 1600;

/** useCopy copies a text, and says for a moment that it did. */
export function useCopy(): [said: string, copy: (text: string) => void] {
  const [said, say] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = useCallback((text: string) => {
    const tell = (what: string) => {
      say(what);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => say(""), copiedFor);
    };
    if (!navigator.clipboard) return tell("This browser lets nothing be copied");
    navigator.clipboard.writeText(text).then(() => tell("Copied"), () => tell("Could not copy"));
  }, []);
  return [said, copy];
}

/** Id shows the end of an id; its title has the whole, and a press copies it. */
export function Id({ id, full = false }: { id: string; full?: boolean }) {
  const [said, copy] = useCopy();
  return (
    <button type="button" className="acct-id mono" title={`${id} (press to copy)`} onClick={() => copy(id)}>
      <span aria-hidden="true">{full ? id : shortId(id)}</span>
      <span className="hidden-text">{id}, copy</span>
      <Icon name={said === "Copied" ? "ok" : "copy"} />
      <span role="status" className="acct-said">{said}</span>
    </button>
  );
}

/** Meter is a bar with its numbers beside it. */
export function Meter(props: { label: string; used: number; total: number; text: string }) {
  const share = percent(props.used, props.total);
  return (
    <div className="acct-meter">
      <span className="acct-meter-name" aria-hidden="true">{props.label}</span>
      <span className="acct-track" role="meter" aria-label={`${props.label} reserved by tasks`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={share} aria-valuetext={`${props.text}, ${share} %`}>
        <span className={share >= 85 ? "acct-fill acct-full" : "acct-fill"} style={{ width: `${share}%` }} />
      </span>
      <span className="acct-meter-text" aria-hidden="true">{props.text}</span>
    </div>
  );
}

/** Fold is a disclosure whose content is made only while it is open. of says to a screen reader what it is about. */
export function Fold({ summary, children, className, of }: { summary: ReactNode; children: () => ReactNode; className?: string; of?: string }) {
  const [open, setOpen] = useState(false);
  return (
    <details className={className ? `acct-fold ${className}` : "acct-fold"} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary><Icon name="fold" className="acct-turn" />{summary}{of && <span className="hidden-text"> of {of}</span>}</summary>
      {open && children()}
    </details>
  );
}
