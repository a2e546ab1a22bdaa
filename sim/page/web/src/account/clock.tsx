import { memo, useEffect, useRef, useState } from "react";
import type { Clock as ClockState, Do } from "../wire";
import { day, timeOfDay } from "./format";
import { Segments } from "./parts";
import { anchor, at, paceName, tick } from "./time";

const jumps = [{ seconds: 60, label: "+1 min" }, { seconds: 600, label: "+10 min" }];

/** Time is the virtual clock and what governs it. */
export const Time = memo(function Time({ clock, since, paces, act }: { clock: ClockState | undefined; since: number; paces: readonly number[]; act: Do }) {
  const [error, say] = useState("");
  const tell = async (what: Parameters<Do>[0]) => {
    const answer = await act(what);
    say(answer.ok ? "" : answer.error ?? "That did not work.");
  };
  return (
    <div className="acct-clock" role="group" aria-label="Time">
      <Now clock={clock} since={since} />
      <Segments legend="Pace" choices={paces.map((p) => ({ id: p, label: paceName(p) }))} value={clock?.pace} onPick={(pace) => tell({ do: "pace", pace })} />
      {jumps.map((j) => (
        <button key={j.seconds} type="button" className="acct-button" onClick={() => tell({ do: "advance", seconds: j.seconds })}>{j.label}</button>
      ))}
      <span role="status" className="acct-result" data-ok={error ? false : undefined}>{error}</span>
    </div>
  );
});

/** Now runs on between two events; it writes its seconds past React, many times a second as they may come. */
function Now({ clock, since }: { clock: ClockState | undefined; since: number }) {
  const time = useRef<HTMLSpanElement>(null);
  const date = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!clock) return;
    const from = anchor(clock, since);
    const write = () => {
      const now = at(from, performance.now());
      if (time.current) time.current.textContent = timeOfDay(now);
      if (date.current) date.current.textContent = day(now);
    };
    write();
    const every = tick(clock.pace);
    if (every === 0) return;
    const t = setInterval(write, every);
    return () => clearInterval(t);
  }, [clock, since]);
  return (
    <p className="acct-now" title="Virtual time, UTC">
      <span ref={time} className="acct-hms">–</span> <span ref={date} className="acct-day">–</span>
      {clock?.pace === 0 && <span className="acct-paused">paused</span>}
    </p>
  );
}
