import { memo, useId, useState } from "react";
import type { Do, Fault, Faults as On } from "../wire";
import { Icon } from "./icons";

const groups: readonly { id: Fault["group"]; label: string }[] = [
  { id: "aws", label: "AWS" }, { id: "slack", label: "Slack" }, { id: "bot", label: "The bot" }, { id: "estate", label: "The estate" },
];

interface Said {
  ok: boolean;
  text: string;
}

const startOver = "start over";

/** Panel is the faults at hand, each with what should happen. */
export const Panel = memo(function Panel({ faults, on, act }: { faults: readonly Fault[]; on: On; act: Do }) {
  const [said, say] = useState<Said>();
  const [busy, setBusy] = useState<string>(); // the fault that is under way
  const note = useId();
  const use = async (f: Fault) => {
    if (f.unavailable) return say({ ok: false, text: `${f.label}: ${f.unavailable}` });
    if (busy !== undefined) return;
    setBusy(f.id);
    const want = !on[f.id];
    const answer = await act(f.kind === "switch" ? { do: "fault", fault: f.id, on: want } : { do: "fault", fault: f.id });
    setBusy(undefined);
    say(answer.ok ? { ok: true, text: `${f.label}: ${f.kind === "once" ? "done" : want ? "on" : "off"}.` } : { ok: false, text: `${f.label}: ${answer.error ?? "refused"}` });
  };
  const reset = async () => {
    if (busy !== undefined) return;
    setBusy(startOver);
    const answer = await act({ do: "reset" });
    setBusy(undefined);
    say(answer.ok ? { ok: true, text: "Everything is as it was at the start." } : { ok: false, text: answer.error ?? "Starting over was refused." });
  };
  return (
    <section className="acct-faults" aria-label="Faults">
      <div className="acct-row acct-spread">
        <div>
          <h3>Faults</h3>
          <p className="acct-dim">Try to break it. Each line says what should happen.</p>
        </div>
        <button type="button" className="acct-button" aria-describedby={note} aria-busy={busy === startOver || undefined} onClick={reset}>Start over</button>
        <span id={note} className="hidden-text">All messages go, and everything is as it was at the start.</span>
      </div>
      {groups.map((g) => {
        const mine = faults.filter((f) => f.group === g.id);
        if (mine.length === 0) return null;
        return (
          <section key={g.id} className="acct-faultgroup" aria-label={g.label}>
            <h4>{g.label}</h4>
            <ul>{mine.map((f) => <Entry key={f.id} fault={f} on={on[f.id] === true} busy={busy === f.id} use={use} />)}</ul>
          </section>
        );
      })}
      <p role="status" className="acct-result" data-ok={said?.ok}>{said && <><Icon name={said.ok ? "ok" : "cross"} />{said.text}</>}</p>
    </section>
  );
});

function Entry({ fault: f, on, busy, use }: { fault: Fault; on: boolean; busy: boolean; use: (f: Fault) => void }) {
  const id = useId();
  const control = { type: "button" as const, "aria-describedby": id, "aria-disabled": f.unavailable ? true : undefined, "aria-busy": busy || undefined, onClick: () => use(f), "data-fault": f.id };
  return (
    <li className="acct-fault" data-on={on || undefined} data-off={f.unavailable ? true : undefined}>
      {f.kind === "switch"
        ? <button {...control} role="switch" aria-checked={on} className="acct-switch"><span className="acct-knob" aria-hidden="true" /><span>{f.label}</span><span className="acct-onoff" aria-hidden="true">{on ? "on" : "off"}</span></button>
        : <button {...control} className="acct-button">{f.label}</button>}
      <p id={id}>{f.expect}{f.unavailable && <span className="acct-unavailable"><Icon name="warn" />Not here: {f.unavailable}</span>}</p>
    </li>
  );
}
