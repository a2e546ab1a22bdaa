// The virtual clock between two events.
import type { Clock } from "../wire";

/** Anchor is a clock event and the real moment (milliseconds of performance.now) at which it came. */
export interface Anchor {
  virtual: number;
  real: number;
  pace: number;
}

/** anchor ties a clock event to the real moment at which it came. */
export function anchor(c: Clock, real: number): Anchor {
  return { virtual: Date.parse(c.now), real, pace: c.pace };
}

/** at is the virtual moment, in milliseconds, at a real one. Time never runs backwards. */
export function at(a: Anchor, real: number): number {
  return a.virtual + Math.max(0, real - a.real) * a.pace;
}

/** tick is how often a display of seconds has to look, in milliseconds of real time; 0 when nothing changes. */
export function tick(pace: number): number {
  return pace <= 0 ? 0 : Math.max(100, Math.min(250, 1000 / pace));
}

/** paceName is what a pace is called. */
export function paceName(pace: number): string {
  return pace === 0 ? "Pause" : `${pace}×`;
}
