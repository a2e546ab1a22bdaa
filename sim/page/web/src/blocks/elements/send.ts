import { createElement, useCallback, useEffect, useRef, useState } from "react";
import { useAsk, type Question } from "../../parts/overlay";
import type { Answer } from "../../wire";
import { useSurface, whatWentWrong, type Element } from "../surface";
import { plainOf, Text } from "../text";

export interface Sending {
  busy: boolean;
  problem?: string;
  /** Asks first if the element wants it; false when nothing was sent or it failed. */
  send(values?: string[]): Promise<boolean>;
}

/** question is an element's confirm object, or nothing. */
function question(e: Element): Question | undefined {
  const c = e.confirm as Record<string, unknown> | undefined;
  if (typeof c !== "object" || c === null) return undefined;
  return {
    title: plainOf(c.title) || "Are you sure?",
    text: createElement(Text, { of: c.text }),
    confirm: plainOf(c.confirm) || "Yes",
    deny: plainOf(c.deny) || "No",
    danger: c.style === "danger",
  };
}

/** useSend is how an element reaches the app: once at a time, and saying so when it fails. */
export function useSend(block: string, e: Element): Sending {
  const surface = useSurface();
  const ask = useAsk();
  const [state, set] = useState<{ busy: boolean; problem?: string }>({ busy: false });
  const busy = useRef(false);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => void (alive.current = false);
  }, []);
  const send = useCallback(
    async (values?: string[]) => {
      if (busy.current) return false;
      const q = question(e);
      if (q && !(await ask(q))) return false;
      busy.current = true;
      set({ busy: true });
      const answer: Answer = await surface.use(block, String(e.action_id ?? ""), values);
      busy.current = false;
      if (alive.current) set({ busy: false, problem: answer.ok ? undefined : whatWentWrong(answer.error) });
      return answer.ok;
    },
    [surface, ask, block, e],
  );
  return { ...state, send };
}
