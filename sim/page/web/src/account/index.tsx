import type { PageState } from "../store/store";
import type { Do } from "../wire";

export interface SlotProps {
  state: PageState;
  act: Do;
}

export const Account = (_: SlotProps) => <p>Account</p>;
export const Timeline = (_: SlotProps) => <p>Timeline</p>;
export const Faults = (_: SlotProps) => <p>Faults</p>;
export const Stories = (_: SlotProps) => <p>Stories</p>;
export const Clock = (_: SlotProps) => <p>Clock</p>;
