// What a person can see and do in a channel, as Slack's client would have it.
import type { Channel, Hello, Message, User } from "../wire";

export const roleNames: Record<User["role"], string> = {
  operator: "operator", approver: "approver", guest: "guest", stranger: "another company", left: "has left", bot: "app",
};

export const isGuest = (u: User): boolean => !!u.is_restricted || !!u.is_ultra_restricted;

/** dmOf is the channel of a person's direct messages with the app. */
export function dmOf(hello: Hello, me: string): string {
  const known = hello.channels.find((c) => c.is_im && c.members.includes(me) && c.members.includes(hello.bot.id));
  return known?.id ?? "D" + me.replace(/^[UW]+/, "");
}

export type Access =
  | { can: "write"; note?: string }
  | { can: "read"; why: string }
  | { can: "nothing"; why: string };

/** accessOf says what a person can do in a channel, and why no more. */
export function accessOf(c: Channel, u: User): Access {
  const name = u.real_name.split(" ")[0]!;
  if (c.is_archived) return { can: "read", why: `#${c.name} is archived: nobody can write here.` };
  if (!c.members.includes(u.id)) {
    if (u.is_stranger) return { can: "nothing", why: `${name} is from another company and sees only the channels shared with it.` };
    if (isGuest(u)) return { can: "nothing", why: `${name} is a guest and sees only the channels that ${name} was invited to.` };
    if (c.is_private) return { can: "nothing", why: `#${c.name} is private, and ${name} is not a member.` };
    return { can: "read", why: `${name} is not a member of #${c.name}: Slack lets ${name} read along, and neither write nor use commands or buttons.` };
  }
  if (u.deleted) return { can: "write", note: `${name}'s account is deactivated. Slack would sign ${name} out; here what ${name} sends goes out, and the bot itself must decide.` };
  if (isGuest(u)) return { can: "write", note: `${name} is a guest here. What ${name} sends goes out, and the bot itself must decide.` };
  if (u.is_stranger) return { can: "write", note: `${name} is from another company, in a channel that is shared with it. What ${name} sends goes out, and the bot itself must decide.` };
  return { can: "write" };
}

/** sees says whether a message is on a person's screen. */
export const sees = (m: Message, me: string): boolean => !m.ephemeral_to || m.ephemeral_to === me;

/** isReply says whether a message stands in a thread rather than in the channel. */
export const isReply = (m: Message): boolean => !!m.thread_ts && m.thread_ts !== m.ts;

/** find looks a person or channel up by id or by name. */
export const find = <T extends { id: string; name: string }>(all: readonly T[], what: string | undefined): T | undefined =>
  what === undefined ? undefined : all.find((x) => x.id === what || x.name === what.replace(/^[@#]/, ""));

/** outgoing is what Slack's client sends for what was typed: escaped, with @names and #names as mentions. */
export function outgoing(text: string, hello: Hello): string {
  const escaped = text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return escaped.replace(/(^|[\s(])([@#])([a-z0-9_-]+)/g, (whole, before: string, sign: string, name: string) => {
    if (sign === "#") {
      const c = hello.channels.find((x) => !x.is_im && x.name === name);
      return c ? `${before}<#${c.id}|${c.name}>` : whole;
    }
    if (name === "here" || name === "channel" || name === "everyone") return `${before}<!${name}>`;
    const u = hello.users.find((x) => x.name === name) ?? (hello.bot.name === name ? hello.bot : undefined);
    const g = hello.usergroups.find((x) => x.handle === name);
    return u ? `${before}<@${u.id}>` : g ? `${before}<!subteam^${g.id}|@${g.handle}>` : whole;
  });
}
