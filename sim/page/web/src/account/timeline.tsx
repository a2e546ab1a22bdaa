import { memo, useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import type { Line } from "../wire";
import { kept, outcomeWord, sieves, span, step, type Sieve } from "./calls";
import { count, latency, timeOfDay } from "./format";
import { Icon } from "./icons";
import { Segments } from "./parts";

const rowHeight = 24; // as in account.css

/** Lines is the timeline of every call: only the rows in view are in the document, so thousands cost nothing. */
export const Lines = memo(function Lines({ lines }: { lines: readonly Line[] }) {
  const [sieve, setSieve] = useState<Sieve>("all");
  const [frozen, freeze] = useState<readonly Line[]>();
  const [current, setCurrent] = useState<number>(); // a line's seq
  const source = frozen ?? lines;
  const rows = useMemo(() => source.filter((l) => kept(l, sieve)), [source, sieve]);
  const waiting = frozen ? lines.filter((l) => l.seq > (frozen.at(-1)?.seq ?? 0) && kept(l, sieve)).length : 0;
  const hold = useCallback(() => freeze((f) => f ?? lines), [lines]);
  const follow = useCallback(() => {
    freeze(undefined);
    setCurrent(undefined);
  }, []);
  // A reset begins the numbers anew: what was held is of another run.
  const newest = lines.at(-1)?.seq ?? 0;
  const stale = frozen !== undefined && (frozen.at(-1)?.seq ?? 0) > newest;
  useEffect(() => {
    if (stale) follow();
  }, [stale, follow]);
  const chosen = current === undefined ? undefined : rows.find((l) => l.seq === current);
  return (
    <section className="acct-calls" aria-label="Calls">
      <div className="acct-tools">
        <h3>Calls</h3>
        <Segments legend="Show" choices={sieves} value={sieve} onPick={setSieve} />
        <button type="button" className="acct-button" aria-pressed={frozen !== undefined} onClick={frozen ? follow : hold}>
          <Icon name={frozen ? "play" : "pause"} />{frozen ? "Follow" : "Hold"}
        </button>
        {frozen && <span className="acct-dim">{waiting > 0 ? `${waiting} newer` : "held"}</span>}
      </div>
      <Grid rows={rows} following={frozen === undefined} current={current} setCurrent={setCurrent} hold={hold} follow={follow} />
      <Chosen line={chosen} total={rows.length} />
    </section>
  );
});

interface GridProps {
  rows: readonly Line[];
  following: boolean;
  current: number | undefined;
  setCurrent: (seq: number | undefined) => void;
  hold: () => void;
  follow: () => void;
}

function Grid({ rows, following, current, setCurrent, hold, follow }: GridProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 240 });
  useLayoutEffect(() => {
    const el = box.current;
    if (el && following) el.scrollTop = el.scrollHeight;
  }, [rows, following, view.height]);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setView((v) => ({ ...v, height: el.clientHeight })));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const at = current === undefined ? -1 : rows.findIndex((l) => l.seq === current);
  const onScroll = () => {
    const el = box.current;
    if (!el || el.clientHeight === 0) return; // in a tab that is not open
    setView({ top: el.scrollTop, height: el.clientHeight });
    // Scrolling back is reading: the list holds still until the visitor follows again.
    if (following && el.scrollHeight - el.clientHeight - el.scrollTop > 2 * rowHeight) hold();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === "Escape" && !following) {
      e.stopPropagation();
      return follow();
    }
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 2);
    const to = step(e.key, at < 0 ? undefined : at, rows.length, page);
    const el = box.current;
    if (to === undefined || !el) return;
    e.preventDefault();
    hold();
    setCurrent(rows[to]?.seq);
    el.scrollTop = Math.min(to * rowHeight, Math.max(el.scrollTop, (to + 2) * rowHeight - el.clientHeight));
  };
  const drawn = span(rows.length, rowHeight, following ? rows.length * rowHeight - view.height : view.top, view.height);
  return (
    <div ref={box} className="acct-grid" role="grid" tabIndex={0} aria-label="Calls, oldest first" aria-rowcount={rows.length + 1} aria-readonly="true"
      aria-activedescendant={at >= drawn.from && at < drawn.to ? `${id}-${current}` : undefined} onScroll={onScroll} onKeyDown={onKeyDown}>
      <div className="acct-line acct-heads" role="row" aria-rowindex={1}>
        <span role="columnheader">Time</span><span role="columnheader">From</span><span role="columnheader">Call</span>
        <span role="columnheader">Outcome</span><span role="columnheader" className="acct-num">Took</span>
      </div>
      <div role="presentation" style={{ height: drawn.from * rowHeight }} />
      {rows.slice(drawn.from, drawn.to).map((l, i) => (
        <Row key={l.seq} id={`${id}-${l.seq}`} line={l} index={drawn.from + i + 2} current={l.seq === current} pick={setCurrent} hold={hold} />
      ))}
      <div role="presentation" style={{ height: (rows.length - drawn.to) * rowHeight }} />
      {rows.length === 0 && <p className="acct-none" role="row"><span role="gridcell">No call yet</span></p>}
    </div>
  );
}

interface RowProps {
  id: string;
  line: Line;
  index: number;
  current: boolean;
  pick: (seq: number) => void;
  hold: () => void;
}

const Row = memo(function Row({ id, line: l, index, current, pick, hold }: RowProps) {
  const choose = () => {
    hold();
    pick(l.seq);
  };
  return (
    <div id={id} className="acct-line" role="row" aria-rowindex={index} aria-selected={current} data-ok={l.ok} data-change={l.change || undefined} onClick={choose}>
      <span role="gridcell" className="mono">{timeOfDay(l.at)}</span>
      <span role="gridcell"><Icon name={l.side === "aws" ? "cloud" : "slack"} />{l.side === "aws" ? "AWS" : "Slack"}</span>
      <span role="gridcell" className="acct-what"><span className="mono">{l.what}</span>{l.change && <b className="acct-change"><Icon name="change" />change</b>}</span>
      <span role="gridcell" className="acct-outcome"><Icon name={l.ok ? "ok" : "cross"} />{outcomeWord(l)}</span>
      <span role="gridcell" className="acct-num">{latency(l.ms)}</span>
    </div>
  );
});

/** Chosen is everything about the line that was picked. */
function Chosen({ line: l, total }: { line: Line | undefined; total: number }) {
  if (!l) return <p className="acct-chosen acct-dim">{count(total, "call")}. Arrow keys walk through them, Escape follows again.</p>;
  return (
    <p className="acct-chosen" tabIndex={0} role="group" aria-label="The picked call">
      <b className="mono">{l.what}</b> at {timeOfDay(l.at)}: {outcomeWord(l)}, {latency(l.ms)}{l.change ? ", changes something" : ""}
      {l.who && <span>, by {l.who}</span>}
      {l.detail && <span className="acct-detail mono">{l.detail}</span>}
    </p>
  );
}
