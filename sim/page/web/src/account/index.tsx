// The account half of the page, and what plays with it. The shell says where each goes.
import "./account.css";
import type { PageState } from "../store/store";
import type { Do, Fault, Story } from "../wire";
import { Board } from "./account";
import { Time } from "./clock";
import { Panel } from "./faults";
import { List, Player, playing } from "./stories";
import { Lines } from "./timeline";

export interface SlotProps {
  state: PageState;
  act: Do;
}

const noFaults: readonly Fault[] = [];
const noStories: readonly Story[] = [];
const defaultPaces: readonly number[] = [0, 1, 10, 60];

/** Account is the clusters, machines, tasks, services, target groups and Auto Scaling groups. */
export function Account({ state }: SlotProps) {
  if (!state.account) return <p className="acct-none">The account comes in a moment.</p>;
  return <Board key={state.hello?.run} account={state.account} focus={state.story?.focus || undefined} />;
}

/** Timeline is every call to AWS and Slack. */
export function Timeline({ state }: SlotProps) {
  return <Lines lines={state.timeline} />;
}

/** Faults is the panel to break things with. */
export function Faults({ state, act }: SlotProps) {
  return <Panel faults={state.hello?.faults ?? noFaults} on={state.faults} act={act} />;
}

/** Stories is the player of the story that is on, and the list to pick from. */
export function Stories({ state, act }: SlotProps) {
  const on = playing(state.story);
  return (
    <section className="acct-storyroom" aria-label="Stories">
      {on && state.story && <Player story={state.story} act={act} />}
      <h3>Stories</h3>
      <List stories={state.hello?.stories ?? noStories} now={on ? state.story?.id : undefined} act={act} />
    </section>
  );
}

/** StoryPlayer is the player alone, for where there is no room for the list; nothing while no story is on. */
export function StoryPlayer({ state, act }: SlotProps) {
  return playing(state.story) ? <Player story={state.story} act={act} /> : null;
}

/** Clock is virtual time and its pace. */
export function Clock({ state, act }: SlotProps) {
  return <Time clock={state.clock} since={state.clockAt} paces={state.hello?.paces ?? defaultPaces} act={act} />;
}
