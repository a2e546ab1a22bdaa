// The messages of a channel.
import { memo, startTransition, useEffect, useLayoutEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { dayKey, dayName, postedMs } from "../blocks/date";
import { useViewer } from "../blocks/reader";
import type { Log } from "../store/store";
import type { Message as Msg, User } from "../wire";
import { Message } from "./message";
import { isReply, sees } from "./people";

const firstPaint = 40;
const joinMs = 240_000;

interface Props {
  name: string;
  log: Log;
  notices: readonly Msg[];
  bot: string;
  /** Where the "new" line goes: what was seen when the channel was opened. */
  lastRead: string;
  thread?: string;
  locked?: boolean;
  onThread: (ts: string) => void;
  /** Grows when the person sends something: whoever speaks wants to see the end. */
  sent: number;
  /** Shown while there is nothing. */
  empty?: ReactNode;
}

interface Row {
  m: Msg;
  day?: string;
  fresh?: boolean;
  joined: boolean;
  replies: number;
  lastReply?: number;
}

/** rowsOf lays a channel out: days, joined messages, counts of replies. */
export function rowsOf(log: Log, notices: readonly Msg[], me: string, lastRead: string, dayOf: (m: Msg) => string): Row[] {
  const counts = new Map<string, { n: number; last: number }>();
  for (const m of log) {
    if (!isReply(m) || m.ephemeral_to) continue;
    const c = counts.get(m.thread_ts!);
    counts.set(m.thread_ts!, { n: (c?.n ?? 0) + 1, last: postedMs(m) });
  }
  const shown = [...log.filter((m) => !isReply(m) && sees(m, me)), ...notices].sort((a, b) => (a.ts < b.ts ? -1 : 1));
  let before: Msg | undefined;
  let day = "";
  let marked = lastRead === "";
  return shown.map((m) => {
    const row: Row = { m, joined: false, replies: counts.get(m.ts)?.n ?? 0, lastReply: counts.get(m.ts)?.last };
    const d = dayOf(m);
    if (d !== day) row.day = day = d;
    if (!marked && m.ts > lastRead && m.user !== me) row.fresh = marked = true;
    row.joined = !row.day && !row.fresh && !!before && joins(before, m);
    before = m;
    return row;
  });
}

const joins = (a: Msg, b: Msg): boolean =>
  a.user === b.user && !a.ephemeral_to && !b.ephemeral_to && !a.blocks?.length && !b.blocks?.length && postedMs(b) - postedMs(a) < joinMs;

export function MessageLog(p: Props) {
  const viewer = useViewer();
  const { me, reader, users } = viewer;
  const rows = useMemo(
    () => rowsOf(p.log, p.notices, me, p.lastRead, (m) => dayKey(postedMs(m), reader.tz)),
    [p.log, p.notices, me, p.lastRead, reader.tz],
  );
  const [depth, setDepth] = useState(firstPaint);
  useEffect(() => {
    if (depth < rows.length) startTransition(() => setDepth((d) => d * 3));
  }, [depth, rows.length]);
  const from = Math.max(0, rows.length - depth);
  const scroll = useStick(rows.length, p.sent);
  return (
    <div className="log-frame">
      <div className="log" role="log" aria-live="off" aria-label={`Messages in ${p.name}`} tabIndex={0} ref={scroll.box} onScroll={scroll.onScroll}>
        <div className="log-rows" ref={scroll.rows}>
          {rows.length === 0 && (p.empty || <p className="quiet-note">No messages yet.</p>)}
          {rows.slice(from).map((row) => (
            <LogRow
              key={row.m.ts + (row.m.ephemeral_to ?? "")} row={row} author={users.get(row.m.user)} bot={row.m.user === p.bot || !!row.m.bot_id} me={me} tz={reader.tz}
              day={row.day && dayName(postedMs(row.m), reader)} threadOpen={p.thread === row.m.ts} onThread={row.m.via === "notice" ? undefined : p.onThread} locked={p.locked}
            />
          ))}
        </div>
      </div>
      {scroll.away && (
        <button type="button" className="jump" onClick={scroll.toEnd}>
          Latest messages <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  );
}

interface LogRowProps {
  row: Row;
  author?: User;
  bot: boolean;
  me: string;
  tz: string;
  day?: string;
  threadOpen: boolean;
  onThread?: (ts: string) => void;
  locked?: boolean;
}

const sameRow = (a: Row, b: Row): boolean =>
  a.m === b.m && a.fresh === b.fresh && a.joined === b.joined && a.replies === b.replies && a.lastReply === b.lastReply;

/** LogRow is drawn again only when something in it changed, though rows are laid out anew with every message. */
const LogRow = memo(
  function LogRow({ row, day, ...rest }: LogRowProps) {
    return (
      <>
        {day && (
          <div className="rule" role="separator" aria-label={day}>
            <span>{day}</span>
          </div>
        )}
        {row.fresh && (
          <div className="rule fresh" role="separator" aria-label="New messages">
            <span>New</span>
          </div>
        )}
        <Message m={row.m} joined={row.joined} replies={row.replies} lastReply={row.lastReply} {...rest} />
      </>
    );
  },
  (a, b) =>
    sameRow(a.row, b.row) && a.author === b.author && a.bot === b.bot && a.me === b.me && a.tz === b.tz && a.day === b.day &&
    a.threadOpen === b.threadOpen && a.onThread === b.onThread && a.locked === b.locked,
);

/** useStick keeps a log at its end, unless somebody reads further up. */
export function useStick(count: number, sent: number) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const [away, setAway] = useState(false);
  const toEnd = () => {
    const b = box.current;
    if (b) b.scrollTop = b.scrollHeight;
  };
  useLayoutEffect(() => {
    if (sent > 0) stuck.current = true;
    toEnd();
  }, [sent]);
  useLayoutEffect(() => {
    if (stuck.current) toEnd();
  }, [count]);
  useEffect(() => {
    const watch = new ResizeObserver(() => stuck.current && toEnd());
    if (rows.current) watch.observe(rows.current);
    if (box.current) watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const onScroll = () => {
    const b = box.current;
    if (!b) return;
    const far = b.scrollHeight - b.scrollTop - b.clientHeight;
    stuck.current = far < 40;
    setAway(far > 300);
  };
  return { box, rows, away, onScroll, toEnd };
}
