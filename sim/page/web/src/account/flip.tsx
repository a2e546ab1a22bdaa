// Moves that can be followed: everything marked data-flip glides from where it was to where it is, and a task's chip
// that replaces another flies in from that one.
import { Component, createRef, type ReactNode } from "react";
import type { Section } from "./board";
import { placement } from "./board";
import { origins } from "./moves";

interface Props {
  sections: readonly Section[];
  /** What is shown at all; nothing glides when that changes. */
  scope: string;
  children: ReactNode;
}

type Places = Map<string, { x: number; y: number }>;

const glideMs = 320;
const flightMs = 900;
const easing = "cubic-bezier(0.3, 0, 0.1, 1)";
const tooMany = 400; // moving more at a time helps nobody and costs frames

export class Flip extends Component<Props> {
  private readonly root = createRef<HTMLDivElement>();
  private readonly taken = new Set<string>();
  private shown = placement(this.props.sections);
  private running: Animation[] = [];

  /** Nothing is measured unless something has another place. */
  override getSnapshotBeforeUpdate(prev: Props): Places | null {
    if (prev.sections === this.props.sections) return null;
    const now = placement(this.props.sections);
    const moved = now !== this.shown && prev.scope === this.props.scope;
    this.shown = now;
    return moved && !document.hidden ? this.places() : null;
  }

  override componentDidUpdate(prev: Props, _: unknown, before: Places | null): void {
    if (prev.sections === this.props.sections) return;
    const from = origins(prev.sections, this.props.sections, this.taken);
    if (!before || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    // What still glides was measured where it was seen; it begins anew from there.
    for (const a of this.running) a.cancel();
    this.running = [];
    this.animate(before, this.places(), from);
  }

  private elements(): HTMLElement[] {
    return [...(this.root.current?.querySelectorAll<HTMLElement>("[data-flip]") ?? [])];
  }

  private places(): Places {
    const out: Places = new Map();
    const base = this.root.current?.getBoundingClientRect();
    if (!base) return out;
    for (const el of this.elements()) {
      const r = el.getBoundingClientRect();
      out.set(el.dataset.flip!, { x: r.left - base.left, y: r.top - base.top });
    }
    return out;
  }

  private animate(before: Places, after: Places, from: Map<string, string>): void {
    const els = this.elements();
    if (els.length > tooMany) return;
    for (const el of els) {
      const key = el.dataset.flip!;
      const now = after.get(key)!;
      const origin = before.get(key) ?? before.get(from.get(key) ?? "");
      if (!origin) {
        this.run(el, [{ opacity: 0, transform: "scale(0.85)" }, { opacity: 1, transform: "none" }], glideMs);
        continue;
      }
      const carried = this.carried(el, before, after);
      const x = origin.x - now.x - carried.x;
      const y = origin.y - now.y - carried.y;
      if (Math.abs(x) + Math.abs(y) < 1) continue;
      const flies = !before.has(key) || Math.hypot(x, y) > 120;
      const above = { zIndex: flies ? 5 : 0, position: "relative" };
      this.run(el, [{ transform: `translate(${x}px, ${y}px)`, ...above }, { transform: "none", ...above }], flies ? flightMs : glideMs);
    }
  }

  private run(el: HTMLElement, frames: Keyframe[], duration: number): void {
    this.running.push(el.animate(frames, { duration, easing }));
  }

  /** carried is how far the glide of the tile around an element takes it along. */
  private carried(el: HTMLElement, before: Places, after: Places): { x: number; y: number } {
    const tile = el.parentElement?.closest<HTMLElement>("[data-flip]")?.dataset.flip;
    const was = tile === undefined ? undefined : before.get(tile);
    const is = tile === undefined ? undefined : after.get(tile);
    return was && is ? { x: was.x - is.x, y: was.y - is.y } : { x: 0, y: 0 };
  }

  override render(): ReactNode {
    return <div ref={this.root} className="acct-board">{this.props.children}</div>;
  }
}
