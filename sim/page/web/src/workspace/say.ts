// Sending what was typed, and telling how it went as Slack does.
import { escape } from "../blocks/mrkdwn";
import { act } from "../store/live";
import type { Store } from "../store/store";
import type { Hello } from "../wire";
import { tell } from "./notices";
import { outgoing } from "./people";

/** virtualNow is the simulated time at this moment, in milliseconds. */
export function virtualNow(store: Store): number {
  const { clock, clockAt } = store.get().page;
  if (!clock) return Date.now();
  return Date.parse(clock.now) + (performance.now() - clockAt) * clock.pace;
}

/** say sends a message or a command; the answer is a word for below the composer. */
export async function say(store: Store, hello: Hello, me: string, channel: string, text: string, thread?: string): Promise<string> {
  const notice = (words: string) => tell(me, channel, words, store.log(channel).at(-1)?.ts ?? "", virtualNow(store), thread);
  const command = /^\/\S*/.exec(text)?.[0];
  if (command === undefined) {
    const answer = await act({ do: "say", user: me, channel, text: outgoing(text, hello), thread_ts: thread });
    if (!answer.ok) notice(`Your message was not sent: ${escape(answer.error ?? "the server refused it")}`);
    return "";
  }
  const shown = escape(command);
  if (!hello.commands.some((c) => c.command === command)) {
    notice(`\`${shown}\` is not a valid command. In Slack, all messages that start with the "/" character are interpreted as commands.`);
    return "";
  }
  if (thread) {
    notice(`\`${shown}\` is not supported in threads. Sorry!`);
    return "";
  }
  const answer = await act({ do: "say", user: me, channel, text });
  if (answer.ok) return answer.ack_ms === undefined ? `${command} was acknowledged` : `${command} was acknowledged in ${Math.round(answer.ack_ms)} ms`;
  const why = answer.error ?? "dispatch_failed";
  notice(why.startsWith(command) ? escape(why) : `\`${shown}\` failed: ${escape(why)}`);
  return `${command} failed`;
}
