import type { Element } from "../surface";
import { Boxes } from "./boxes";
import { Button } from "./button";
import { Field } from "./field";
import { Overflow } from "./overflow";
import { Picker } from "./picker";
import { Picture } from "../picture";

interface Props {
  block: string;
  e: Element;
  /** The id of what labels the element, and of what describes it. */
  label?: string;
  described?: string;
  dispatch?: boolean;
}

/** InteractiveElement draws one element, or says that it can't. */
export function InteractiveElement({ block, e, label, described, dispatch }: Props) {
  switch (e.type) {
    case "button":
    case "workflow_button":
    case "icon_button":
      return <Button block={block} e={e} />;
    case "overflow":
      return <Overflow block={block} e={e} />;
    case "checkboxes":
    case "radio_buttons":
      return <Boxes block={block} e={e} label={label} />;
    case "image":
      return <Picture of={e} small />;
    case "feedback_buttons":
      return (
        <>
          {[e.positive_button, e.negative_button].map((b, i) => (
            <Button key={i} block={block} e={{ ...(b as Element), type: "button", action_id: e.action_id }} />
          ))}
        </>
      );
    case "plain_text_input":
    case "email_text_input":
    case "url_text_input":
    case "number_input":
    case "datepicker":
    case "timepicker":
    case "datetimepicker":
      return <Field block={block} e={e} label={label} described={described} dispatch={dispatch ?? true} />;
  }
  if (e.type.endsWith("_select")) return <Picker block={block} e={e} label={label} described={described} />;
  return <Unknown what="an element" type={e.type} />;
}

/** Unknown is said, never left out: a card that misses a part must not look whole. */
export const Unknown = ({ what, type }: { what: string; type: string }) => (
  <p className="unknown-block" role="note">
    This page cannot draw {what} of type <code>{type || "(none)"}</code>.
  </p>
);
