// One channel: its head, its messages, its composer.
import { useContext, useEffect, useMemo, useRef, useState } from "react";
import { useViewer } from "../blocks/reader";
import { StoreContext, useLog } from "../store/use";
import type { Channel, Hello, User } from "../wire";
import { Composer } from "./composer";
import { MessageLog } from "./log";
import { useNotices } from "./notices";
import { accessOf } from "./people";
import { say } from "./say";
import { reads } from "./unread";

interface Props {
  hello: Hello;
  channel: Channel;
  user: User;
  thread?: string;
  onThread: (ts?: string) => void;
}

export const titleOf = (c: Channel, hello: Hello): string => (c.is_im ? hello.bot.name : "#" + c.name);

export function ChannelView({ hello, channel, user, thread, onThread }: Props) {
  const store = useContext(StoreContext);
  const log = useLog(channel.id);
  const notices = useNotices(user.id, channel.id);
  const { users } = useViewer();
  const [hint, setHint] = useState("");
  const [sent, setSent] = useState(0);
  const [prefill, setPrefill] = useState<{ text: string }>();
  const access = accessOf(channel, user);
  const title = titleOf(channel, hello);
  const opened = useRef({ key: "", last: "" });
  const key = `${hello.run} ${user.id} ${channel.id}`;
  if (opened.current.key !== key) opened.current = { key, last: reads.last(user.id, channel.id) };
  useEffect(() => setHint(""), [key]);
  useEffect(() => {
    if (access.can !== "nothing" && document.visibilityState === "visible") reads.see(user.id, channel.id, log);
  }, [user.id, channel.id, log, access.can]);
  const members = useMemo(() => channel.members.map((m) => users.get(m)?.real_name ?? (m === hello.bot.id ? hello.bot.name : m)).join(", "), [channel, users, hello]);
  return (
    <section className="channel" aria-label={title}>
      <header className="channel-head">
        <h2>{channel.is_im ? title : <><span className="hash" aria-hidden="true">#</span>{channel.name}</>}</h2>
        {channel.is_ext_shared && <span className="chip" title="Slack Connect: people of another company are in it">shared with another company</span>}
        {channel.is_private && <span className="chip">private</span>}
        {!channel.members.includes(hello.bot.id) && <span className="chip">the app is not here</span>}
        {channel.topic && <span className="topic">{channel.topic}</span>}
        {!channel.is_im && <span className="members" title={members}>{channel.members.length} members</span>}
      </header>
      {access.can === "nothing" ? (
        <div className="shut"><LockIcon /><p>{access.why}</p></div>
      ) : (
        <MessageLog
          key={key} name={title} log={log} notices={notices} bot={hello.bot.id} lastRead={opened.current.last} sent={sent}
          thread={thread} locked={access.can === "read"} onThread={onThread}
          empty={access.can === "write" && channel.members.includes(hello.bot.id) && <Start hello={hello} onTry={(text) => setPrefill({ text })} />}
        />
      )}
      {access.can === "read" && <p className="composer-shut" role="note">{access.why}</p>}
      {access.can === "write" && (
        <>
          {access.note && <p className="composer-note" role="note">{access.note}</p>}
          <Composer
            main label={`Message ${title}`} placeholder={`Message ${title}, or / for a command`} hello={hello} draft={`${user.id} ${channel.id}`} hint={hint} prefill={prefill}
            onSend={(text) => {
              setHint("");
              setSent((n) => n + 1);
              void say(store, hello, user.id, channel.id, text).then(setHint);
            }}
          />
        </>
      )}
    </section>
  );
}

/** Start helps a visitor to a first command. */
function Start({ hello, onTry }: { hello: Hello; onTry: (text: string) => void }) {
  const command = hello.commands[0];
  if (!command) return null;
  return (
    <div className="start">
      <strong>{hello.bot.name} listens here.</strong>
      <p>{command.description}: type a command as you would in Slack, or begin with one of these. The stories beside show it by themselves.</p>
      <ul>
        {hello.subcommands.map((s) => (
          <li key={s.name}>
            <button type="button" onClick={() => onTry(`${command.command} ${s.name} `)}>{command.command} {s.name}</button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const LockIcon = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 10V7.5a5 5 0 0 1 10 0V10m-11.5 0h13v9.5h-13z" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" /></svg>
);
