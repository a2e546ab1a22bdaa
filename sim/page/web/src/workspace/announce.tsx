import { useContext, useEffect, useRef, useState } from "react";
import { spoken } from "../blocks/text";
import { useViewer } from "../blocks/reader";
import { StoreContext } from "../store/use";
import type { Hello } from "../wire";
import { isReply, sees } from "./people";

const longest = 180;

/** Announcer tells of new messages where the person is, politely; edits of a card are not read out. */
export function Announcer({ hello, channel, thread }: { hello: Hello; channel: string; thread?: string }) {
  const store = useContext(StoreContext);
  const viewer = useViewer();
  const [words, setWords] = useState("");
  const latest = useRef(viewer);
  latest.current = viewer;
  useEffect(() => {
    let last = store.log(channel).at(-1)?.ts ?? "";
    return store.subscribe(() => {
      const v = latest.current;
      const news = store.log(channel).filter((m) => m.ts > last && m.user !== v.me && sees(m, v.me) && (!isReply(m) || m.thread_ts === thread));
      last = store.log(channel).at(-1)?.ts ?? last;
      if (news.length === 0) return;
      setWords(
        news
          .map((m) => {
            const name = v.users.get(m.user)?.real_name ?? (m.user === hello.bot.id ? hello.bot.name : m.user);
            const text = spoken(m.text, v);
            return `${name}${m.ephemeral_to ? ", only visible to you" : ""}: ${text.length > longest ? text.slice(0, longest) + "…" : text}`;
          })
          .join("\n"),
      );
    });
  }, [store, channel, thread, hello]);
  return (
    <div className="hidden-text" role="status" aria-live="polite" data-announcer="">
      {words}
    </div>
  );
}
