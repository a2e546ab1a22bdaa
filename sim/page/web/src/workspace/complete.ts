// What the composer offers while one types: commands, their subcommands, people.
import type { Hello } from "../wire";

export interface Completion {
  /** What stands before the completed word. */
  before: string;
  insert: string;
  title: string;
  about?: string;
}

/** complete lists what the word before the caret may become. What is complete already is not offered. */
export function complete(text: string, caret: number, hello: Hello): Completion[] {
  const head = text.slice(0, caret);
  const command = /^\/\S*$/.exec(head);
  if (command) {
    return hello.commands
      .filter((c) => c.command.startsWith(head) && c.command !== head)
      .map((c) => ({ before: "", insert: c.command + " ", title: `${c.command} ${c.usage_hint}`, about: c.description }));
  }
  const sub = /^(\/\S+\s+)(\S*)$/.exec(head);
  if (sub && hello.commands.some((c) => c.command === sub[1]!.trim())) {
    return hello.subcommands
      .filter((s) => s.name.startsWith(sub[2]!) && s.name !== sub[2])
      .map((s) => ({ before: sub[1]!, insert: s.name + " ", title: s.name, about: s.hint }));
  }
  const at = /^(|[\s\S]*[\s(])@([a-z0-9_-]*)$/.exec(head);
  if (at && !head.startsWith("/")) {
    return hello.users
      .filter((u) => u.name.startsWith(at[2]!) && u.name !== at[2])
      .map((u) => ({ before: at[1]!, insert: `@${u.name} `, title: u.real_name, about: "@" + u.name }));
  }
  return [];
}
