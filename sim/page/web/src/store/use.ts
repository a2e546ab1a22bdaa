import { createContext, useContext, useSyncExternalStore } from "react";
import { Store, type Log, type PageState, type State } from "./store";

export const StoreContext = createContext<Store>(new Store());

/** useStore draws again only when the selected piece is another one: select what exists, make nothing. */
export function useStore<T>(select: (s: State) => T): T {
  const store = useContext(StoreContext);
  const get = () => select(store.get());
  return useSyncExternalStore(store.subscribe, get, get);
}

export const usePage = (): PageState => useStore((s) => s.page);

const nothing: Log = [];
export const useLog = (channel: string): Log => useStore((s) => s.logs[channel] ?? nothing);
