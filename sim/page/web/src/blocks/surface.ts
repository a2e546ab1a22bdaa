// What an element of Block Kit needs of the place where it stands.
import { createContext, useContext } from "react";
import type { Answer } from "../wire";

export interface Surface {
  kind: "message" | "modal" | "preview";
  /** A button is pressed (no values), or something is chosen or written. */
  use(block: string, action: string, values?: string[]): Promise<Answer>;
  /** Type-ahead menus ask for what to offer. */
  suggest(block: string, action: string, query: string): Promise<Answer>;
  /** What was chosen so far, as Slack holds it; nothing in messages. */
  chosen(block: string, action: string): Record<string, unknown> | undefined;
  /** Errors beside the fields, by block_id. */
  errors?: Record<string, string>;
  /** Fields that still have to send what was written say so here, and are called before a submission. */
  pending?: Set<() => Promise<void>>;
}

const refused: Answer = { ok: false, error: "There is no app behind this." };

export const SurfaceContext = createContext<Surface>({
  kind: "preview",
  use: () => Promise.resolve(refused),
  suggest: () => Promise.resolve(refused),
  chosen: () => undefined,
});
export const useSurface = (): Surface => useContext(SurfaceContext);

/** An element as it was sent; each reader checks what it takes out. */
export type Element = { type: string; action_id?: string } & Record<string, unknown>;

export interface RawOption {
  text: unknown;
  value: string;
  description?: unknown;
}

export const list = (v: unknown): Record<string, unknown>[] =>
  Array.isArray(v) ? v.filter((x): x is Record<string, unknown> => typeof x === "object" && x !== null) : [];

export const options = (v: unknown): RawOption[] =>
  list(v).map((o) => ({ text: o.text, value: String(o.value ?? ""), description: o.description }));

/** valuesOf takes the chosen values out of what Slack holds for an element. */
export function valuesOf(state: Record<string, unknown> | undefined): string[] | undefined {
  if (!state) return undefined;
  const out: string[] = [];
  for (const [key, v] of Object.entries(state)) {
    if (key === "type" || v === null || v === undefined) continue;
    for (const x of Array.isArray(v) ? v : [v]) {
      if (typeof x === "object" && x !== null) out.push(String((x as { value?: unknown }).value ?? ""));
      else out.push(String(x));
    }
  }
  return out;
}

/** initialOf is what an element itself says is chosen at first. */
export function initialOf(e: Element): string[] {
  for (const key of Object.keys(e)) {
    if (!key.startsWith("initial_")) continue;
    const state = valuesOf({ x: e[key] });
    if (state) return state;
  }
  return [];
}

/** whatWentWrong says in words what Slack's codes mean. */
export function whatWentWrong(error: string | undefined): string {
  switch (error) {
    case "operation_timeout":
      return "The app did not answer within 3 seconds (operation_timeout).";
    case "dispatch_failed":
      return "The app could not be reached: it has no connection (dispatch_failed).";
    case undefined:
    case "":
      return "That did not work.";
  }
  return error;
}
