// Checkboxes and radio buttons.
import { useId } from "react";
import { options, useSurface, type Element } from "../surface";
import { Text } from "../text";
import { useChosen } from "./chosen";
import { marks, Problem } from "./problem";
import { useSend } from "./send";

export function Boxes({ block, e, label }: { block: string; e: Element; label?: string }) {
  const name = useId();
  const surface = useSurface();
  const radio = e.type === "radio_buttons";
  const [chosen, setChosen] = useChosen(block, e);
  const { busy, problem, send } = useSend(block, e);
  const invalid = !!surface.errors?.[block];
  const pick = async (value: string) => {
    const before = chosen;
    const next = radio ? [value] : chosen.includes(value) ? chosen.filter((v) => v !== value) : [...chosen, value];
    setChosen(next);
    if (!(await send(next))) setChosen(before);
  };
  return (
    <div className="element boxes" role={radio ? "radiogroup" : "group"} aria-labelledby={label} aria-label={label ? undefined : "Choices"} aria-invalid={(radio && invalid) || undefined} {...marks(block, e)}>
      {options(e.options).map((o, i) => (
        <label key={o.value} className="box">
          <input
            type={radio ? "radio" : "checkbox"}
            name={name}
            value={o.value}
            checked={chosen.includes(o.value)}
            aria-busy={busy || undefined}
            aria-describedby={o.description ? `${name}${i}` : undefined}
            data-field={i === 0 ? "" : undefined}
            onChange={() => void pick(o.value)}
          />
          <span>
            <span className="box-text">
              <Text of={o.text} />
            </span>
            {o.description ? (
              <span className="box-description" id={`${name}${i}`}>
                <Text of={o.description} />
              </span>
            ) : null}
          </span>
        </label>
      ))}
      <Problem text={problem} />
    </div>
  );
}
