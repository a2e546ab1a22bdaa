import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { keep, kept } from "./prefs";

interface Props {
  /** Its place in the browser's storage. */
  name: string;
  /** For screen readers. */
  label: string;
  direction: "row" | "column";
  /** The first half's share in percent at first, least and most. */
  initial: number;
  least: number;
  most: number;
  first: ReactNode;
  second: ReactNode;
  /** The half that is the page's main part, and its name: a role, so that nothing is made anew when it changes. */
  main?: { half: "first" | "second"; label: string };
}

const stepPercent = 2;

/** Split is two halves with a handle that pointer and arrow keys move; a double click sets it back. */
export function Split({ name, label, direction, initial, least, most, first, second, main }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const clamp = (n: number) => Math.min(most, Math.max(least, Math.round(n * 10) / 10));
  const [share, setShare] = useState(() => clamp(Number(kept(`split ${name}`)) || initial));
  const move = (n: number) => {
    setShare(clamp(n));
    keep(`split ${name}`, String(clamp(n)));
  };
  const onPointerMove = (e: PointerEvent) => {
    if (!e.currentTarget.hasPointerCapture(e.pointerId) || !box.current) return;
    const r = box.current.getBoundingClientRect();
    move(direction === "row" ? ((e.clientX - r.left) / r.width) * 100 : ((e.clientY - r.top) / r.height) * 100);
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const less = direction === "row" ? "ArrowLeft" : "ArrowUp";
    const more = direction === "row" ? "ArrowRight" : "ArrowDown";
    const to = { [less]: share - stepPercent, [more]: share + stepPercent, Home: least, End: most }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    move(to);
  };
  const mainly = (half: "first" | "second") => (main?.half === half ? { role: "main", "aria-label": main.label } : {});
  return (
    <div className={`split ${direction}`} ref={box}>
      <div className="split-half" {...mainly("first")} style={{ flexBasis: `${share}%` }}>
        {first}
        <div
          className="split-handle" role="separator" tabIndex={0} aria-label={label} aria-orientation={direction === "row" ? "vertical" : "horizontal"}
          aria-valuenow={Math.round(share)} aria-valuemin={least} aria-valuemax={most}
          onPointerDown={(e) => e.currentTarget.setPointerCapture(e.pointerId)} onPointerMove={onPointerMove}
          onDoubleClick={() => move(initial)} onKeyDown={onKeyDown}
        />
      </div>
      <div className="split-half rest" {...mainly("second")}>{second}</div>
    </div>
  );
}
