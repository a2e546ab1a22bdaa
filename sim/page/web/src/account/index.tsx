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

/** Stories is the list to pick from. */
export function Stories({ state, act }: SlotProps) {
  return <List stories={state.hello?.stories ?? noStories} now={playing(state.story) ? state.story.id : undefined} act={act} />;
}

/** StoryPlayer is the story that is on, with its caption; nothing while none is. */
export function StoryPlayer({ state, act }: SlotProps) {
  return playing(state.story) ? <Player story={state.story} act={act} /> : null;
}

/** Clock is virtual time and its pace. */
export function Clock({ state, act }: SlotProps) {
  return <Time clock={state.clock} since={state.clockAt} paces={state.hello?.paces ?? defaultPaces} act={act} />;
}
