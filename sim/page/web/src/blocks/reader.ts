// Whose eyes a message is drawn for, and the names of the workspace.
import { createContext, useContext } from "react";
import type { Channel, User, Usergroup } from "../wire";
import type { Reader } from "./date";

export interface Directory {
  users: ReadonlyMap<string, User>;
  channels: ReadonlyMap<string, Channel>;
  groups: ReadonlyMap<string, Usergroup>;
}

export interface Viewer extends Directory {
  /** The acting person's id. */
  me: string;
  reader: Reader;
  /** Goes to a channel that a mention names. */
  open?: (channel: string) => void;
}

const nobody: Viewer = { users: new Map(), channels: new Map(), groups: new Map(), me: "", reader: { tz: "UTC", now: 0 } };

export const ViewerContext = createContext<Viewer>(nobody);
export const useViewer = (): Viewer => useContext(ViewerContext);
