// Where dialogs and popups are drawn: above one screen, not above the whole
// page, so that the account half stays in sight and in reach while a modal is open.
import {
  createContext, useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState,
  type CSSProperties, type KeyboardEvent, type ReactNode, type RefObject,
} from "react";
import { createPortal } from "react-dom";

interface Layer {
  host: HTMLElement | null;
  /** A dialog takes the screen: all that is below it becomes inert until it leaves. */
  enter(dialog: HTMLElement): () => void;
}

const LayerContext = createContext<Layer>({ host: null, enter: () => () => {} });

/** withVisitor says that the focus is where it may not be taken from: a story plays, and its player is being used. */
export const withVisitor = (): boolean => !!document.activeElement?.closest("[data-keeps-focus]");

/** Layered is a screen with a layer for its dialogs. */
export function Layered({ className, children }: { className: string; children: ReactNode }) {
  const content = useRef<HTMLDivElement>(null);
  const [host, setHost] = useState<HTMLElement | null>(null);
  const stack = useRef<HTMLElement[]>([]);
  const enter = useCallback((dialog: HTMLElement) => {
    const settle = () => {
      if (content.current) content.current.inert = stack.current.length > 0;
      stack.current.forEach((d, i) => (d.inert = i < stack.current.length - 1));
    };
    stack.current.push(dialog);
    settle();
    return () => {
      stack.current = stack.current.filter((d) => d !== dialog);
      settle();
    };
  }, []);
  const layer = useMemo(() => ({ host, enter }), [host, enter]);
  return (
    <LayerContext.Provider value={layer}>
      <div className={`layered ${className}`}>
        <div className="layered-content" ref={content}>
          {children}
        </div>
        <div className="layered-host" ref={setHost} />
      </div>
    </LayerContext.Provider>
  );
}

const focusable = 'button:not([disabled]), [href], input:not([disabled]), select:not([disabled]), textarea:not([disabled]), [tabindex="0"]';

const reachable = (root: HTMLElement): HTMLElement[] =>
  [...root.querySelectorAll<HTMLElement>(focusable)].filter((e) => e.offsetParent !== null && e.tabIndex >= 0);

interface DialogProps {
  role?: "dialog" | "alertdialog";
  className?: string;
  titleId: string;
  describedBy?: string;
  /** Esc, or a click beside the dialog where that is harmless. */
  onClose: () => void;
  /** Changes when the content does: a lost focus is then taken up again. */
  version?: unknown;
  children: ReactNode;
}

/** Dialog keeps the focus inside, takes Esc, and gives the focus back when it leaves. */
export function Dialog({ role = "dialog", className = "", titleId, describedBy, onClose, version, children }: DialogProps) {
  const { host, enter } = useContext(LayerContext);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const dialog = box.current;
    if (!dialog) return;
    const before = document.activeElement as HTMLElement | null;
    const leave = enter(dialog.parentElement!);
    return () => {
      leave();
      if (before?.isConnected && before !== document.body) before.focus();
      else document.querySelector<HTMLElement>("[data-composer]")?.focus();
    };
  }, [enter, host]);
  useLayoutEffect(() => {
    const dialog = box.current;
    const at = document.activeElement;
    if (!dialog || (at !== dialog && dialog.contains(at)) || withVisitor()) return;
    const wanted = dialog.querySelector<HTMLElement>("[data-autofocus]") ?? dialog.querySelector<HTMLElement>("[data-field]");
    (wanted ?? dialog).focus();
  }, [version, host]);
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === "Escape" && !e.defaultPrevented) {
      e.stopPropagation();
      onClose();
    }
    if (e.key === "Tab") wrap(e, box.current!);
  };
  if (!host) return null;
  return createPortal(
    <div className="dialog-backdrop" onKeyDown={onKeyDown}>
      <div ref={box} className={`dialog ${className}`} role={role} aria-modal="true" aria-labelledby={titleId} aria-describedby={describedBy} tabIndex={-1}>
        {children}
      </div>
    </div>,
    host,
  );
}

/** wrap sends Tab from the last control to the first, and back. */
function wrap(e: KeyboardEvent, dialog: HTMLElement) {
  const all = reachable(dialog);
  const first = all[0];
  const last = all.at(-1);
  if (!first || !last) return e.preventDefault();
  const at = document.activeElement;
  if (e.shiftKey && (at === first || at === dialog)) {
    e.preventDefault();
    last.focus();
  } else if (!e.shiftKey && at === last) {
    e.preventDefault();
    first.focus();
  }
}

interface PopupProps {
  anchor: RefObject<HTMLElement | null>;
  className: string;
  /** As wide as what it belongs to, or as its own content. */
  wide?: boolean;
  /** Above the anchor if there is room. */
  above?: boolean;
  children: ReactNode;
}

/** Popup is drawn beside its anchor, on the side with more room. */
export function Popup({ anchor, className, wide, above, children }: PopupProps) {
  const { host } = useContext(LayerContext);
  const [style, setStyle] = useState<CSSProperties>({ opacity: 0 });
  useLayoutEffect(() => {
    const place = () => {
      const a = anchor.current?.getBoundingClientRect();
      if (!a) return;
      const under = innerHeight - a.bottom;
      const up = above ? a.top > 180 || a.top > under : under < 240 && a.top > under;
      setStyle({
        left: Math.max(8, Math.min(a.left, innerWidth - (wide ? a.width : 220) - 8)),
        ...(wide ? { width: a.width } : {}),
        ...(up ? { bottom: innerHeight - a.top + 4, maxHeight: a.top - 16 } : { top: a.bottom + 4, maxHeight: under - 16 }),
      });
    };
    place();
    addEventListener("scroll", place, true);
    addEventListener("resize", place);
    return () => {
      removeEventListener("scroll", place, true);
      removeEventListener("resize", place);
    };
  }, [anchor, wide, above, host]);
  if (!host) return null;
  return createPortal(
    <div className={`popup ${className}`} style={style}>
      {children}
    </div>,
    host,
  );
}

/** useDismiss calls back when a press lands outside of all the given elements. */
export function useDismiss(open: boolean, inside: (target: Node) => boolean, dismiss: () => void) {
  const latest = useRef({ inside, dismiss });
  latest.current = { inside, dismiss };
  useEffect(() => {
    if (!open) return;
    const onPress = (e: PointerEvent) => {
      if (!latest.current.inside(e.target as Node)) latest.current.dismiss();
    };
    addEventListener("pointerdown", onPress, true);
    return () => removeEventListener("pointerdown", onPress, true);
  }, [open]);
}

/** What a confirmation dialog says; all are characters or drawn text. */
export interface Question {
  title: string;
  text: ReactNode;
  confirm: string;
  deny: string;
  danger: boolean;
}

type Ask = (q: Question) => Promise<boolean>;
const AskContext = createContext<Ask>(() => Promise.resolve(true));
export const useAsk = (): Ask => useContext(AskContext);

/** Asking draws the confirmation dialogs of what is inside. */
export function Asking({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<(Question & { answer: (yes: boolean) => void }) | null>(null);
  const ids = useId();
  const ask = useCallback<Ask>((q) => new Promise((answer) => setOpen({ ...q, answer })), []);
  const close = (yes: boolean) => {
    open?.answer(yes);
    setOpen(null);
  };
  return (
    <AskContext.Provider value={ask}>
      {children}
      {open && (
        <Dialog role="alertdialog" className="confirm" titleId={`${ids}t`} describedBy={`${ids}d`} onClose={() => close(false)}>
          <h2 id={`${ids}t`}>{open.title}</h2>
          <p id={`${ids}d`}>{open.text}</p>
          <div className="dialog-foot">
            <button type="button" className="btn" data-autofocus onClick={() => close(false)}>
              {open.deny}
            </button>
            <button type="button" className={open.danger ? "btn danger" : "btn primary"} onClick={() => close(true)}>
              {open.confirm}
            </button>
          </div>
        </Dialog>
      )}
    </AskContext.Provider>
  );
}
