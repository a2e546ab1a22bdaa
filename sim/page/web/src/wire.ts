// The wire between the page and its server. sim/page/state.go has the same in Go.

/** A block or an element of Block Kit, as it was sent. */
export type Block = { type: string; block_id?: string } & Record<string, unknown>;

export type Role = "operator" | "approver" | "guest" | "stranger" | "left" | "bot";

export interface User {
  id: string;
  name: string;
  real_name: string;
  is_bot?: boolean;
  deleted?: boolean;
  is_restricted?: boolean;
  is_ultra_restricted?: boolean;
  is_stranger?: boolean;
  role: Role;
  tz?: string;
}

export interface Channel {
  id: string;
  name: string;
  is_private?: boolean;
  is_im?: boolean;
  is_ext_shared?: boolean;
  is_archived?: boolean;
  members: string[];
  topic?: string;
}

export interface Fault {
  id: string;
  label: string;
  /** One line: what should happen. */
  expect: string;
  kind: "once" | "switch";
  group: "aws" | "slack" | "bot" | "estate";
  /** Why it cannot be used here. */
  unavailable?: string;
}

export interface Story {
  id: string;
  title: string;
  about: string;
  steps: number;
}

export interface Usergroup {
  id: string;
  handle: string;
  name: string;
}

export interface Command {
  command: string;
  description: string;
  usage_hint: string;
}

export interface Subcommand {
  name: string;
  hint: string;
}

export interface Hello {
  /** Grows at each reset: all state is dropped. */
  run: number;
  team: string;
  bot: { id: string; name: string };
  users: User[];
  channels: Channel[];
  usergroups: Usergroup[];
  commands: Command[];
  faults: Fault[];
  stories: Story[];
  /** 0 (paused), 1, 10, 60. */
  paces: number[];
  account: string;
  region: string;
  subcommands: Subcommand[];
}

/** Upserted by channel, ts and ephemeral_to. */
export interface Message {
  channel: string;
  ts: string;
  /** When it was posted, in virtual time (RFC 3339); ts is of the workspace's own clock. */
  at?: string;
  thread_ts?: string;
  user: string;
  bot_id?: string;
  text: string;
  blocks?: Block[];
  ephemeral_to?: string;
  deleted?: boolean;
  edited?: boolean;
  edits?: number;
  via: string;
}

export interface View {
  id: string;
  user: string;
  callback_id: string;
  title: string;
  submit: string;
  close: string;
  blocks: Block[];
  state: Record<string, Record<string, Record<string, unknown>>>;
  errors?: Record<string, string>;
  hash: string;
  updates: number;
}

export interface Clock {
  /** RFC 3339, virtual. */
  now: string;
  /** 0 = paused. */
  pace: number;
}

export interface Bot {
  processes: { name: string; state: "running" | "starting" | "dead"; connections: number }[];
  database: "sqlite" | "postgres";
}

/** The switches that are on. */
export type Faults = Record<string, boolean>;

export interface Account {
  at: string;
  clusters: { arn: string; name: string }[];
  instances: Instance[];
  hosts: Host[];
  tasks: Task[];
  services: Service[];
  groups: Group[];
  target_groups: TargetGroup[];
}

export interface Instance {
  arn: string;
  /** 32 hex digits. */
  id: string;
  ec2_id: string;
  /** The cluster's name. */
  cluster: string;
  az: string;
  type: string;
  status: string;
  connected: boolean;
  name?: string;
  provider?: string;
  cpu: { total: number; used: number };
  memory: { total: number; used: number };
}

export interface Host {
  ec2_id: string;
  state: string;
  az: string;
  type: string;
  group?: string;
  lifecycle?: string;
  name?: string;
  /** ARNs of tasks whose containers run there, whatever ECS says. */
  containers: string[];
}

export interface Task {
  arn: string;
  id: string;
  ec2_id?: string;
  instance?: string;
  service?: string;
  cluster: string;
  family: string;
  last: string;
  desired: string;
  protected?: boolean;
  orphan?: boolean;
  reason?: string;
  cpu: number;
  memory: number;
  health?: string;
}

export interface Service {
  arn: string;
  name: string;
  cluster: string;
  desired: number;
  running: number;
  pending: number;
  healthy: number;
  min: number;
  max: number;
  daemon?: boolean;
  steady: boolean;
  events: string[];
}

export interface Group {
  name: string;
  min: number;
  max: number;
  desired: number;
  members: string[];
}

export interface TargetGroup {
  arn: string;
  name: string;
  targets: { id: string; port: number; state: string; task: string }[];
}

export interface Line {
  seq: number;
  /** Virtual time. */
  at: string;
  side: "aws" | "slack";
  /** For instance ecs:DescribeTasks, chat.update, envelope slash_commands. */
  what: string;
  outcome: string;
  ok: boolean;
  ms: number;
  change?: boolean;
  detail?: string;
  who?: string;
}

export interface StoryState {
  id: string;
  title: string;
  /** Counted from 1; 0 = not begun. */
  step: number;
  steps: number;
  caption: string;
  state: "playing" | "waiting" | "done" | "failed" | "idle";
  error?: string;
  /** The user id that the page should look as. */
  as?: string;
  channel?: string;
  /** The ts of the thread to open. */
  thread?: string;
  /** An EC2 id to highlight. */
  focus?: string;
  auto: boolean;
}

export interface Option {
  text: string;
  value: string;
  description?: string;
  group?: string;
}

/** What POST /do takes. */
export type Act =
  | { do: "say"; user: string; channel: string; text: string; thread_ts?: string }
  | { do: "click"; user: string; channel: string; ts: string; block_id: string; action_id: string; values?: string[] }
  | { do: "set"; user: string; view: string; block_id: string; action_id: string; values: string[] }
  | { do: "submit" | "close"; user: string; view: string }
  | { do: "suggest"; user: string; view?: string; channel?: string; ts?: string; block_id: string; action_id: string; query: string }
  | { do: "pace"; pace: number }
  | { do: "advance"; seconds: number }
  | { do: "fault"; fault: string; on?: boolean }
  | { do: "story"; story: string }
  | { do: "story-next" }
  | { do: "story-auto"; on: boolean }
  | { do: "story-stop" }
  | { do: "reset" }
  | { do: "check"; blocks: unknown };

/** What POST /do answers. */
export interface Answer {
  ok: boolean;
  error?: string;
  ack_ms?: number;
  options?: Option[];
  errors?: Record<string, string>;
  closed?: boolean;
}

/** What sends an act. It never rejects: a broken line is an answer that is not ok. */
export type Do = (act: Act) => Promise<Answer>;
