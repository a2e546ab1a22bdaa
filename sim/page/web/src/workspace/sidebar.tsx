import { memo, useSyncExternalStore, type ReactNode } from "react";
import { useStore } from "../store/use";
import type { Channel, Hello, User } from "../wire";
import { Avatar } from "./avatar";
import { accessOf } from "./people";
import { reads } from "./unread";

interface Props {
  hello: Hello;
  user: User;
  dm: Channel;
  /** A channel's id, or "home". */
  at: string;
  onGo: (to: string) => void;
}

export const Sidebar = memo(function Sidebar({ hello, user, dm, at, onGo }: Props) {
  const logs = useStore((s) => s.logs);
  useSyncExternalStore(reads.subscribe, reads.snapshot);
  const channels = hello.channels.filter((c) => !c.is_im);
  const inside = channels.filter((c) => accessOf(c, user).can !== "nothing" && c.members.includes(user.id));
  const outside = channels.filter((c) => !inside.includes(c));
  const row = (c: Channel, icon: ReactNode, shut?: boolean) => {
    const n = at === c.id || shut ? 0 : reads.unread(user.id, c.id, logs[c.id] ?? []);
    return (
      <li key={c.id}>
        <button type="button" className={n > 0 ? "place unread" : "place"} aria-current={at === c.id ? "page" : undefined} onClick={() => onGo(c.id)}>
          <span className="place-icon" aria-hidden="true">{icon}</span>
          <span className="place-name">{c.name}</span>
          {n > 0 && <span className="badge">{n > 99 ? "99+" : n}<span className="hidden-text"> unread</span></span>}
        </button>
      </li>
    );
  };
  const dmUnread = at === dm.id ? 0 : reads.unread(user.id, dm.id, logs[dm.id] ?? []);
  return (
    <nav className="sidebar" aria-label="Channels">
      <p className="team">{hello.team}</p>
      <h2>Channels</h2>
      <ul>{inside.map((c) => row(c, c.is_private ? <Lock /> : "#"))}</ul>
      {outside.length > 0 && (
        <>
          <h2>Not a member</h2>
          <ul className="outside">{outside.map((c) => row(c, accessOf(c, user).can === "nothing" ? <Lock /> : "#", accessOf(c, user).can === "nothing"))}</ul>
        </>
      )}
      <h2>App</h2>
      <ul>
        <li>
          <button type="button" className={dmUnread > 0 ? "place unread" : "place"} aria-current={at === dm.id ? "page" : undefined} onClick={() => onGo(dm.id)}>
            <Avatar id={hello.bot.id} name={hello.bot.name} bot size="small" />
            <span className="place-name">{hello.bot.name}</span>
            {dmUnread > 0 && <span className="badge">{dmUnread}<span className="hidden-text"> unread</span></span>}
          </button>
        </li>
        <li>
          <button type="button" className="place" aria-current={at === "home" ? "page" : undefined} onClick={() => onGo("home")}>
            <span className="place-icon" aria-hidden="true">⌂</span>
            <span className="place-name">App Home</span>
          </button>
        </li>
      </ul>
    </nav>
  );
});

const Lock = () => (
  <svg viewBox="0 0 16 16" className="lock"><path d="M4.5 7V5a3.5 3.5 0 0 1 7 0v2M3.5 7h9v6.5h-9z" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinejoin="round" /></svg>
);
