import { useEffect, useState } from "react";
import { initialOf, useSurface, valuesOf, type Element } from "../surface";

/**
 * useChosen is what a person chose in an element: shown at once, and set right
 * when the server tells another thing.
 */
export function useChosen(block: string, e: Element): [string[], (values: string[]) => void] {
  const surface = useSurface();
  const told = valuesOf(surface.chosen(block, String(e.action_id ?? "")));
  const key = told && JSON.stringify(told);
  const [chosen, set] = useState<string[]>(() => told ?? initialOf(e));
  useEffect(() => {
    if (key !== undefined) set(JSON.parse(key) as string[]);
  }, [key]);
  return [chosen, set];
}
