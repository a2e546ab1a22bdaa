import { memo, useState } from "react";
import type { Do, Story, StoryState } from "../wire";
import { count, headline, percent, storyLink } from "./format";
import { Icon } from "./icons";
import { Fold, useCopy } from "./parts";

/** playing says whether a story is on the stage, over or not. */
export function playing(s: StoryState | undefined): s is StoryState {
  return s !== undefined && s.id !== "" && s.state !== "idle";
}

/** List is the stories to pick from. */
export const List = memo(function List({ stories, now, act }: { stories: readonly Story[]; now: string | undefined; act: Do }) {
  const [error, say] = useState("");
  const start = async (id: string) => {
    say("");
    const answer = await act({ do: "story", story: id });
    if (!answer.ok) say(answer.error ?? "The story did not begin.");
  };
  return (
    <section className="acct-storyroom" aria-label="Stories">
      <h3>Stories</h3>
      <p className="acct-dim">Each plays itself, step by step. It begins with everything as it was at the start.</p>
      <ol className="acct-stories">
        {stories.map((s) => (
          <li key={s.id} aria-current={s.id === now ? "step" : undefined}>
            <div>
              <h4>{s.title}</h4>
              <p>{s.about}</p>
            </div>
            <div className="acct-row">
              <button type="button" className="acct-button" onClick={() => start(s.id)}><Icon name="play" />{s.id === now ? "Again" : "Play"}<span className="hidden-text"> {s.title}</span></button>
              <Link id={s.id} title={s.title} />
              <span className="acct-dim">{count(s.steps, "step")}</span>
            </div>
          </li>
        ))}
      </ol>
      <p role="status" className="acct-result" data-ok={error ? false : undefined}>{error && <><Icon name="cross" />{error}</>}</p>
    </section>
  );
});

function Link({ id, title }: { id: string; title: string }) {
  const [said, copy] = useCopy();
  const href = storyLink(id, location.search);
  return (
    <span className="acct-row acct-link">
      <a href={href} className="mono">{"?story=" + id}<span className="hidden-text">, link to {title}</span></a>
      <button type="button" className="acct-id" aria-label={`Copy the link to ${title}`} title="Copy the link" onClick={() => copy(new URL(href, location.href).href)}>
        <Icon name={said === "Copied" ? "ok" : "link"} /><span role="status" className="acct-said">{said}</span>
      </button>
    </span>
  );
}

const stateWords: Record<StoryState["state"], string> = { playing: "playing", waiting: "your turn", done: "the end", failed: "failed", idle: "" };

/** Player is the story that is on, with its caption. */
export const Player = memo(function Player({ story: s, act }: { story: StoryState; act: Do }) {
  const [error, say] = useState("");
  const tell = async (what: Parameters<Do>[0]) => {
    const answer = await act(what);
    say(answer.ok ? "" : answer.error ?? "That did not work.");
  };
  const over = s.state === "done" || s.state === "failed";
  return (
    <section className="acct-player" data-state={s.state} aria-label={`Story: ${s.title}`}>
      <div className="acct-row acct-spread">
        <h2>{s.title}</h2>
        <p className="acct-dim">Step {s.step} of {s.steps} · {stateWords[s.state]}</p>
      </div>
      <span className="acct-track" role="progressbar" aria-label="Steps of the story" aria-valuemin={0} aria-valuemax={s.steps} aria-valuenow={s.step} aria-valuetext={`step ${s.step} of ${s.steps}`}>
        <span className="acct-fill" style={{ width: `${percent(s.step, s.steps)}%` }} />
      </span>
      <p className="acct-caption" aria-live="polite">{s.caption}</p>
      {(s.error || error) && <Failure text={s.error || error} />}
      <div className="acct-row">
        {!over && <button type="button" className="acct-button acct-primary" aria-disabled={s.state !== "waiting" || undefined} onClick={() => s.state === "waiting" && tell({ do: "story-next" })}><Icon name="next" />Next</button>}
        {!over && <Auto on={s.auto} onSwitch={(on) => tell({ do: "story-auto", on })} />}
        {over && <button type="button" className="acct-button acct-primary" onClick={() => tell({ do: "story", story: s.id })}><Icon name="play" />Again</button>}
        <button type="button" className="acct-button" onClick={() => tell({ do: "story-stop" })}><Icon name="stop" />{over ? "Close" : "Stop"}</button>
      </div>
    </section>
  );
});

/** Failure says in one line why a story ends; what the stage saw besides is there for who wants to know. */
function Failure({ text }: { text: string }) {
  const [short, rest] = headline(text);
  return (
    <div role="alert" className="acct-result" data-ok={false}>
      <Icon name="cross" />
      <div>
        {short}
        {rest && <Fold summary={<span>What was seen</span>}>{() => <pre className="acct-seen" tabIndex={0} role="group" aria-label="What was seen">{rest}</pre>}</Fold>}
      </div>
    </div>
  );
}

function Auto({ on, onSwitch }: { on: boolean; onSwitch: (on: boolean) => void }) {
  return (
    <button type="button" role="switch" aria-checked={on} className="acct-switch" onClick={() => onSwitch(!on)}>
      <span className="acct-knob" aria-hidden="true" /><span>Auto</span><span className="acct-onoff" aria-hidden="true">{on ? "on" : "off"}</span>
    </button>
  );
}
