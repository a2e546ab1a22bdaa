// One component per type of block.
import { lazy, memo, Suspense, useId, type ReactNode } from "react";
import type { Block } from "../wire";
import { InteractiveElement, Unknown } from "./elements";
import { Picture } from "./picture";
import { RichText } from "./rich";
import { list, useSurface, type Element } from "./surface";
import { DataTable, Table } from "./table";
import { Plan, TaskCard } from "./plan";
import { plainOf, Text } from "./text";

const Markdown = lazy(() => import("./markdown"));

/** Blocks draws a list of blocks; heading is the level of a header block. */
export const Blocks = memo(function Blocks({ blocks, heading }: { blocks: readonly Block[]; heading: 2 | 3 | 4 }) {
  return (
    <div className="blocks">
      {blocks.map((b, i) => (
        <One key={b.block_id ?? i} b={b} heading={heading} />
      ))}
    </div>
  );
});

const elements = (v: unknown): Element[] => list(v).map((e) => ({ ...e, type: String(e.type ?? "") }));

const One = memo(function One({ b, heading }: { b: Block; heading: 2 | 3 | 4 }): ReactNode {
  const id = b.block_id ?? "";
  switch (b.type) {
    case "header": {
      const H = `h${heading}` as const;
      return <H className="b-header" data-block-id={id}><Text of={b.text} /></H>;
    }
    case "section":
      return <Section b={b} />;
    case "context":
      return <Context b={b} />;
    case "divider":
      return <hr className="b-divider" />;
    case "actions":
    case "context_actions":
      return (
        <div className="b-actions" data-block-id={id}>
          {elements(b.elements).map((e, i) => <InteractiveElement key={e.action_id ?? i} block={id} e={e} />)}
        </div>
      );
    case "input":
      return <Input b={b} />;
    case "image":
      return <Picture of={b} />;
    case "rich_text":
      return <div className="b-rich" data-block-id={id}><RichText of={b} /></div>;
    case "table":
      return <Table b={b} />;
    case "data_table":
      return <DataTable b={b} />;
    case "plan":
      return <Plan b={b} heading={heading} />;
    case "task_card":
      return <div className="b-plan"><TaskCard of={b} /></div>;
    case "markdown":
      return <Suspense fallback={<div className="b-section">{String(b.text ?? "")}</div>}><Markdown text={String(b.text ?? "")} heading={heading} /></Suspense>;
    case "alert":
      return <div className={`b-alert ${String(b.level ?? "default")}`} role="note"><Text of={b.text} /></div>;
    case "video":
      return <Video b={b} />;
    case "card":
      return <CardBlock b={b} heading={heading} />;
    case "carousel":
      return <div className="b-carousel" tabIndex={0} role="group" aria-label="Cards">{list(b.elements).map((c, i) => <CardBlock key={i} b={c as Block} heading={heading} />)}</div>;
    case "container":
      return <Container b={b} heading={heading} />;
  }
  return <Unknown what="a block" type={String(b.type ?? "")} />;
});

function Section({ b }: { b: Block }) {
  const id = b.block_id ?? "";
  const fields = list(b.fields);
  return (
    <div className="b-section" data-block-id={id}>
      <div className="b-section-text">
        {b.text ? <div className="words"><Text of={b.text} /></div> : null}
        {fields.length > 0 && (
          <div className="b-fields">
            {fields.map((f, i) => <div key={i} className="words"><Text of={f} /></div>)}
          </div>
        )}
      </div>
      {b.accessory ? (
        <div className="b-accessory">
          <InteractiveElement block={id} e={b.accessory as Element} />
        </div>
      ) : null}
    </div>
  );
}

function Context({ b }: { b: Block }) {
  return (
    <div className="b-context" data-block-id={b.block_id}>
      {elements(b.elements).map((e, i) =>
        e.type === "image" ? <Picture key={i} of={e} small /> : <span key={i} className="words"><Text of={e} /></span>,
      )}
    </div>
  );
}

function Input({ b }: { b: Block }) {
  const ids = useId();
  const id = b.block_id ?? "";
  const error = useSurface().errors?.[id];
  const hint = plainOf(b.hint);
  const described = [hint && `${ids}h`, error && `${ids}e`].filter(Boolean).join(" ") || undefined;
  return (
    <div className={error ? "b-input wrong" : "b-input"} data-block-id={id}>
      <div className="label" id={`${ids}l`}>
        {plainOf(b.label)}
        {b.optional === true && <span className="optional"> (optional)</span>}
      </div>
      <InteractiveElement block={id} e={b.element as Element} label={`${ids}l`} described={described} dispatch={b.dispatch_action === true} />
      {error && <p className="field-error" id={`${ids}e`} role="alert">{error}</p>}
      {hint && <p className="hint" id={`${ids}h`}>{hint}</p>}
    </div>
  );
}

function Video({ b }: { b: Block }) {
  return (
    <div className="b-video">
      <strong>{plainOf(b.title)}</strong>
      <Picture of={{ image_url: b.thumbnail_url, alt_text: b.alt_text }} />
      {plainOf(b.description)}
    </div>
  );
}

function CardBlock({ b, heading }: { b: Block; heading: 2 | 3 | 4 }) {
  const H = `h${heading}` as const;
  return (
    <div className="b-card">
      {b.hero_image ? <Picture of={b.hero_image as Record<string, unknown>} /> : null}
      {b.title ? <H><Text of={b.title} /></H> : null}
      {b.subtitle ? <p className="b-card-sub"><Text of={b.subtitle} /></p> : null}
      {b.body ? <p className="words"><Text of={b.body} /></p> : null}
      {b.subtext ? <p className="b-card-sub"><Text of={b.subtext} /></p> : null}
      <div className="b-actions">
        {elements(b.actions).map((e, i) => <InteractiveElement key={i} block={b.block_id ?? ""} e={e} />)}
      </div>
    </div>
  );
}

function Container({ b, heading }: { b: Block; heading: 2 | 3 | 4 }) {
  const title = b.title ? <Text of={b.title} /> : <RichText of={b.rich_text_title as Block} />;
  const inside = <Blocks blocks={list(b.child_blocks) as Block[]} heading={heading} />;
  if (b.is_collapsible !== true) return <div className="b-container"><strong>{title}</strong>{inside}</div>;
  return <details className="b-container" open={b.default_collapsed !== true}><summary>{title}</summary>{inside}</details>;
}
