import { memo, useMemo, type ReactNode } from "react";
import { Blocks } from "../blocks/block";
import { clockTime, fullTime, postedMs } from "../blocks/date";
import { SurfaceContext, type Surface } from "../blocks/surface";
import { Mrkdwn } from "../blocks/text";
import { act } from "../store/live";
import type { Message as Msg, User } from "../wire";
import { Avatar } from "./avatar";

interface Props {
  m: Msg;
  author?: User;
  bot: boolean;
  me: string;
  tz: string;
  /** It follows one of the same author: the name is not said again. */
  joined?: boolean;
  replies?: number;
  /** When the last reply was posted, in milliseconds. */
  lastReply?: number;
  threadOpen?: boolean;
  /** Opens the thread; without it the message stands in one. */
  onThread?: (ts: string) => void;
  locked?: boolean;
}

/** Message is drawn again only when one of these changed: the store keeps what did not change as it was. */
export const Message = memo(function Message(p: Props) {
  const { m, author, bot, me, tz } = p;
  const name = author?.real_name ?? m.user;
  const at = postedMs(m);
  const surface = useMessageSurface(m, me);
  const classes = ["message", m.ephemeral_to && "ephemeral", p.joined && "joined", p.threadOpen && "in-focus"].filter(Boolean).join(" ");
  return (
    <article className={classes} aria-label={`${name} at ${clockTime(at, tz)}`} data-ts={m.ts} data-edits={m.edits ?? 0}>
      <div className="message-side">
        {p.joined ? <time className="message-time" aria-hidden="true">{clockTime(at, tz)}</time> : <Avatar id={m.user} name={name} bot={bot} />}
      </div>
      <div className="message-main">
        {m.ephemeral_to && (
          <p className="only-you">
            <EyeIcon /> Only visible to you
          </p>
        )}
        {!p.joined && (
          <p className="message-head">
            <span className="author">{name}</span>
            {bot && <span className="tag">App</span>}
            <time dateTime={new Date(at).toISOString()} title={fullTime(at, tz)}>{clockTime(at, tz)}</time>
          </p>
        )}
        <SurfaceContext.Provider value={surface}>
          {p.locked ? <fieldset disabled className="bare"><Body m={m} /></fieldset> : <Body m={m} />}
        </SurfaceContext.Provider>
        {p.replies ? (
          <button type="button" className="replies" aria-expanded={p.threadOpen} onClick={() => p.onThread?.(m.ts)}>
            <strong>{p.replies === 1 ? "1 reply" : `${p.replies} replies`}</strong>
            {p.lastReply && <span>last at {clockTime(p.lastReply, tz)}</span>}
          </button>
        ) : null}
      </div>
      {p.onThread && !p.replies && !m.ephemeral_to && (
        <div className="message-tools">
          <button type="button" onClick={() => p.onThread?.(m.ts)} aria-label="Reply in thread" title="Reply in thread">
            <ReplyIcon />
          </button>
        </div>
      )}
    </article>
  );
});

function Body({ m }: { m: Msg }): ReactNode {
  const edited = m.edited ? <span className="edited"> (edited)</span> : null;
  if (m.blocks && m.blocks.length > 0) {
    return (
      <>
        <Blocks blocks={m.blocks} heading={3} />
        {edited}
      </>
    );
  }
  return (
    <div className="words">
      <Mrkdwn text={m.text} />
      {edited}
    </div>
  );
}

function useMessageSurface(m: Msg, me: string): Surface {
  const { channel, ts } = m;
  return useMemo(
    () => ({
      kind: "message",
      use: (block_id, action_id, values) => act({ do: "click", user: me, channel, ts, block_id, action_id, values }),
      suggest: (block_id, action_id, query) => act({ do: "suggest", user: me, channel, ts, block_id, action_id, query }),
      chosen: () => undefined,
    }),
    [me, channel, ts],
  );
}

const EyeIcon = () => (
  <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
    <path d="M1.5 8S4 3.6 8 3.6 14.5 8 14.5 8 12 12.4 8 12.4 1.5 8 1.5 8z" fill="none" stroke="currentColor" strokeWidth="1.4" />
    <circle cx="8" cy="8" r="2" fill="currentColor" />
  </svg>
);
const ReplyIcon = () => (
  <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
    <path d="M2.5 3.5h11v7.4H8L4.8 13.3v-2.4H2.5z" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinejoin="round" />
  </svg>
);
