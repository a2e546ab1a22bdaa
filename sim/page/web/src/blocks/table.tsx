import type { ReactNode } from "react";
import type { Block } from "../wire";
import { InteractiveElement } from "./elements";
import { RichText } from "./rich";
import { list, type Element } from "./surface";

type Cell = Record<string, unknown>;

/** Cell draws one cell; raw_text means nothing but itself. */
function CellOf({ of, block }: { of: Cell; block: string }): ReactNode {
  switch (of.type) {
    case "rich_text":
      return <RichText of={of} />;
    case "raw_number":
      return String(of.text ?? of.value ?? "");
    case "action":
      return <InteractiveElement block={block} e={of.element as Element} />;
  }
  return String(of.text ?? "");
}

const rowsOf = (b: Block): Cell[][] => (Array.isArray(b.rows) ? b.rows.map((r) => list(r)) : []);

interface Props {
  b: Block;
  caption?: string;
  /** The column that names its row. */
  rowHeader?: number;
}

export function Table({ b, caption, rowHeader }: Props) {
  const [head, ...body] = rowsOf(b);
  const settings = Array.isArray(b.column_settings) ? (b.column_settings as (Cell | null)[]) : [];
  const name = (i: number) => {
    const s = settings[i];
    const align = typeof s?.align === "string" ? s.align : "left";
    return `${align}${s?.is_wrapped === true ? " wrapped" : ""}`;
  };
  const block = b.block_id ?? "";
  return (
    <div className="b-table" tabIndex={0} role="group" aria-label={caption ?? "Table"} data-block-id={b.block_id}>
      <table>
        {caption && <caption>{caption}</caption>}
        <thead>
          <tr>{head?.map((c, i) => <th key={i} scope="col" className={name(i)}><CellOf of={c} block={block} /></th>)}</tr>
        </thead>
        <tbody>
          {body.map((row, r) => (
            <tr key={r}>
              {row.map((c, i) =>
                i === rowHeader ? (
                  <th key={i} scope="row" className={name(i)}><CellOf of={c} block={block} /></th>
                ) : (
                  <td key={i} className={name(i)}><CellOf of={c} block={block} /></td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export const DataTable = ({ b }: { b: Block }) => (
  <Table b={b} caption={String(b.caption ?? "")} rowHeader={typeof b.row_header_column_index === "number" ? b.row_header_column_index : undefined} />
);
