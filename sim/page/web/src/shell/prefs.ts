// What the page remembers for itself: in the address bar for a link, in the
// browser's storage for the next visit.
import { useCallback, useState } from "react";

const asked = new URLSearchParams(location.search);

/** query is what the page's address asks for. */
export const query = (name: string): string | undefined => asked.get(name) ?? undefined;

/** kept reads from storage; a forbidden storage is an empty one. */
export function kept(name: string): string | undefined {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Then it is forgotten, and nothing else.
  }
}

/** useKept is a state that outlives the page; the address bar comes first. */
export function useKept(name: string, initial: string): [string, (value: string) => void] {
  const [value, set] = useState(() => query(name) ?? kept(name) ?? initial);
  const change = useCallback(
    (next: string) => {
      set(next);
      keep(name, next);
    },
    [name],
  );
  return [value, change];
}
