import type { Element } from "../surface";

/** marks tells tests and tools which element of which block this is. */
export const marks = (block: string, e: Element) => ({ "data-block-id": block, "data-action-id": String(e.action_id ?? "") });

/** Problem says beside an element that what was done did not reach the app. */
export const Problem = ({ text }: { text?: string }) =>
  text ? (
    <span className="send-problem" role="alert">
      {text}
    </span>
  ) : null;
