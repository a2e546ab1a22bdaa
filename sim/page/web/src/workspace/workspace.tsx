import { useEffect, useMemo } from "react";
import { ViewerContext, type Viewer } from "../blocks/reader";
import { Asking, Layered } from "../parts/overlay";
import { useStore } from "../store/use";
import type { Channel, Hello, User } from "../wire";
import { Announcer } from "./announce";
import { ChannelView } from "./channel";
import { Home } from "./home";
import { Modals } from "./modal";
import { forget, slackbot } from "./notices";
import { dmOf } from "./people";
import { Sidebar } from "./sidebar";
import { Thread } from "./thread";
import { reads } from "./unread";

interface Props {
  hello: Hello;
  user: User;
  /** A channel's id, or "home". */
  at: string;
  thread?: string;
  onGo: (to: string) => void;
  onThread: (ts?: string) => void;
}

const quarter = 15 * 60_000;

/** Slack shows each reader their own zone. Here the page's clock stands beside the messages, so all go by it. */
const zone = "UTC";

/** useViewerOf is whose eyes the workspace is drawn for. The time is good to a quarter of an hour: it decides on "today". */
export function useViewerOf(hello: Hello | undefined, user: User | undefined, open?: (channel: string) => void): Viewer {
  const now = useStore((s) => (s.page.clock ? Math.floor(Date.parse(s.page.clock.now) / quarter) * quarter : 0));
  return useMemo(() => {
    const bot: User | undefined = hello && { id: hello.bot.id, name: hello.bot.name, real_name: hello.bot.name, is_bot: true, role: "bot" };
    const slack: User = { id: slackbot, name: "slackbot", real_name: "Slackbot", is_bot: true, role: "bot" };
    const users = new Map<string, User>([[slackbot, slack]]);
    if (bot) users.set(bot.id, bot);
    for (const u of hello?.users ?? []) users.set(u.id, u);
    return {
      users,
      channels: new Map((hello?.channels ?? []).map((c) => [c.id, c])),
      groups: new Map((hello?.usergroups ?? []).map((g) => [g.id, g])),
      me: user?.id ?? "",
      reader: { tz: zone, now },
      open,
    };
  }, [hello, user, now, open]);
}

export function Workspace({ hello, user, at, thread, onGo, onThread }: Props) {
  const viewer = useViewerOf(hello, user, onGo);
  const dm = useMemo<Channel>(() => {
    const id = dmOf(hello, user.id);
    return hello.channels.find((c) => c.id === id) ?? { id, name: hello.bot.name, is_im: true, members: [user.id, hello.bot.id] };
  }, [hello, user.id]);
  useEffect(() => {
    reads.begin(hello.run);
    return forget;
  }, [hello.run]);
  const channel = at === dm.id ? dm : hello.channels.find((c) => c.id === at && !c.is_im);
  return (
    <ViewerContext.Provider value={viewer}>
      <Layered className="workspace">
        <Asking>
          <Sidebar hello={hello} user={user} dm={dm} at={at} onGo={onGo} />
          <div className={thread && channel ? "places with-thread" : "places"}>
            {at === "home" || !channel ? (
              <Home hello={hello} onGo={() => onGo(dm.id)} />
            ) : (
              <ChannelView hello={hello} channel={channel} user={user} thread={thread} onThread={onThread} />
            )}
            {thread && channel && <Thread key={`${channel.id}${thread}`} hello={hello} channel={channel} user={user} ts={thread} onClose={() => onThread(undefined)} />}
          </div>
          <Modals user={user} />
          {channel && <Announcer hello={hello} channel={channel.id} thread={thread} />}
        </Asking>
      </Layered>
    </ViewerContext.Provider>
  );
}
