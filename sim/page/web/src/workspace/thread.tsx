import { useContext, useMemo, useEffect, useRef, useState } from "react";
import { useViewer } from "../blocks/reader";
import { withVisitor } from "../parts/overlay";
import { StoreContext, useLog } from "../store/use";
import type { Channel, Hello, User } from "../wire";
import { titleOf } from "./channel";
import { Composer } from "./composer";
import { useStick } from "./log";
import { Message } from "./message";
import { useNotices } from "./notices";
import { accessOf, sees } from "./people";
import { say } from "./say";

interface Props {
  hello: Hello;
  channel: Channel;
  user: User;
  ts: string;
  onClose: () => void;
}

/** Thread is one message with its replies, beside the channel. */
export function Thread({ hello, channel, user, ts, onClose }: Props) {
  const store = useContext(StoreContext);
  const log = useLog(channel.id);
  const notices = useNotices(user.id, channel.id, ts);
  const { users, reader } = useViewer();
  const close = useRef<HTMLButtonElement>(null);
  const rows = useMemo(
    () => [...log.filter((m) => (m.ts === ts || m.thread_ts === ts) && sees(m, user.id)), ...notices].sort((a, b) => (a.ts < b.ts ? -1 : 1)),
    [log, notices, ts, user.id],
  );
  const [sent, setSent] = useState(0);
  const scroll = useStick(rows.length, sent);
  const access = accessOf(channel, user);
  useEffect(() => {
    if (withVisitor()) return;
    const before = document.activeElement as HTMLElement | null;
    close.current?.focus();
    return () => {
      if (document.activeElement !== document.body && document.activeElement?.isConnected) return;
      if (before?.isConnected && before.offsetParent) before.focus();
      else document.querySelector<HTMLElement>("[data-composer]")?.focus();
    };
  }, [ts]);
  const replies = rows.filter((m) => m.ts !== ts && m.via !== "notice").length;
  return (
    <aside className="thread" aria-label="Thread" onKeyDown={(k) => k.key === "Escape" && !k.defaultPrevented && onClose()}>
      <header className="channel-head">
        <h2>Thread</h2>
        <span className="topic">{titleOf(channel, hello)}</span>
        <button type="button" className="icon-button" aria-label="Close thread" onClick={onClose} ref={close}>
          <span aria-hidden="true">×</span>
        </button>
      </header>
      <div className="log-frame">
        <div className="log" role="log" aria-live="off" aria-label="Messages in the thread" tabIndex={0} ref={scroll.box} onScroll={scroll.onScroll}>
          <div className="log-rows" ref={scroll.rows}>
            {rows.length === 0 && <p className="quiet-note">The message is gone.</p>}
            {rows.map((m, i) => (
              <div key={m.ts + (m.ephemeral_to ?? "")}>
                <Message m={m} author={users.get(m.user)} bot={m.user === hello.bot.id || !!m.bot_id} me={user.id} tz={reader.tz} locked={access.can !== "write"} />
                {i === 0 && m.ts === ts && replies > 0 && (
                  <div className="rule left" role="separator"><span>{replies === 1 ? "1 reply" : `${replies} replies`}</span></div>
                )}
              </div>
            ))}
          </div>
        </div>
      </div>
      {access.can === "write" && (
        <Composer
          label="Reply in the thread" placeholder="Reply…" hello={hello} draft={`${user.id} ${channel.id} ${ts}`}
          onSend={(text) => {
            setSent((n) => n + 1);
            void say(store, hello, user.id, channel.id, text, ts);
          }}
        />
      )}
    </aside>
  );
}
