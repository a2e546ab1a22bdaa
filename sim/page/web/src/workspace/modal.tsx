// Modals: the view in front of the acting person's stack.
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Blocks } from "../blocks/block";
import { SurfaceContext, whatWentWrong, type Surface } from "../blocks/surface";
import { Dialog } from "../parts/overlay";
import { act } from "../store/live";
import { useStore } from "../store/use";
import type { User, View } from "../wire";

/** Modals draws the view in front; those below it only show that they are there. */
export function Modals({ user }: { user: User }) {
  const views = useStore((s) => s.views);
  const mine = useMemo(() => views.filter((v) => v.user === user.id), [views, user.id]);
  const front = mine.at(-1);
  return front ? <Modal key={front.id} view={front} depth={mine.length} user={user} /> : null;
}

function Modal({ view, depth, user }: { view: View; depth: number; user: User }) {
  const ids = useId();
  const body = useRef<HTMLDivElement>(null);
  const pending = useRef(new Set<() => Promise<void>>());
  const [sending, setSending] = useState(false);
  const [own, setOwn] = useState<{ problem?: string; errors?: Record<string, string>; hash?: string }>({});
  const fresh = own.hash === view.hash ? own : {};
  const errors = fresh.errors ?? view.errors;
  const surface = useMemo<Surface>(
    () => ({
      kind: "modal",
      use: (block_id, action_id, values) => act({ do: "set", user: user.id, view: view.id, block_id, action_id, values: values ?? [] }),
      suggest: (block_id, action_id, query) => act({ do: "suggest", user: user.id, view: view.id, block_id, action_id, query }),
      chosen: (b, a) => view.state?.[b]?.[a],
      errors,
      pending: pending.current,
    }),
    [user.id, view, errors],
  );
  const submit = async () => {
    if (sending) return;
    setSending(true);
    await Promise.all([...pending.current].map((flush) => flush()));
    const answer = await act({ do: "submit", user: user.id, view: view.id });
    setSending(false);
    setOwn({ problem: answer.ok || answer.errors ? undefined : whatWentWrong(answer.error), errors: answer.errors, hash: view.hash });
  };
  const close = () => void act({ do: "close", user: user.id, view: view.id });
  const wrong = errors && Object.keys(errors).length > 0 ? JSON.stringify(errors) : "";
  useEffect(() => {
    if (wrong) body.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [wrong]);
  const still = !view.blocks.some((b) => b.type === "input" || b.type === "actions" || b.accessory); // then the keys must scroll it
  return (
    <Dialog className={depth > 1 ? "modal stacked" : "modal"} titleId={`${ids}t`} onClose={close} version={view.updates}>
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          void submit();
        }}
      >
        <div className="modal-head">
          <h2 id={`${ids}t`}>{view.title}</h2>
          <span className="modal-who">as {user.real_name}</span>
          <button type="button" className="icon-button" aria-label="Close" onClick={close}>
            <span aria-hidden="true">×</span>
          </button>
        </div>
        <div className="modal-body" ref={body} tabIndex={still ? 0 : undefined} role="group" aria-labelledby={`${ids}t`}>
          <SurfaceContext.Provider value={surface}>
            <Blocks blocks={view.blocks} heading={3} />
          </SurfaceContext.Provider>
        </div>
        {fresh.problem && <p className="modal-problem" role="alert">{fresh.problem}</p>}
        <div className="dialog-foot">
          <button type="button" className="btn" onClick={close}>
            {view.close || (depth > 1 ? "Back" : "Close")}
          </button>
          {view.submit && (
            <button type="submit" className="btn primary" aria-disabled={sending || undefined} aria-busy={sending || undefined}>
              {view.submit}
              {sending && <span className="spin" aria-hidden="true" />}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
