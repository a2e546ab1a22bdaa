package page

import (
	"encoding/json"
	"time"

	simslack "ecsbot/sim/slack"
)

// The structs of this file are what /live sends, as web/src/wire.ts reads it.

// Hello is what a run begins with.
type Hello struct {
	Run         int                  `json:"run"` // grows at each reset
	Team        string               `json:"team"`
	Bot         BotUser              `json:"bot"`
	Users       []User               `json:"users"`
	Channels    []simslack.Channel   `json:"channels"`
	Usergroups  []simslack.Usergroup `json:"usergroups"`
	Commands    []simslack.Command   `json:"commands"`
	Faults      []Fault              `json:"faults"`
	Stories     []StoryInfo          `json:"stories"`
	Paces       []float64            `json:"paces"`
	Account     string               `json:"account"`
	Region      string               `json:"region"`
	Subcommands []Subcommand         `json:"subcommands"`
}

// BotUser is the app's own user.
type BotUser struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// User is a person with the part that they play.
type User struct {
	simslack.User
	Role string `json:"role"` // operator, approver, guest, stranger, left or bot
}

// Subcommand is a word that may follow the slash command.
type Subcommand struct {
	Name string `json:"name"`
	Hint string `json:"hint"`
}

// Fault is something that a visitor can break.
type Fault struct {
	ID     string `json:"id"`
	Label  string `json:"label"`
	Expect string `json:"expect"` // one line: what should happen
	Kind   string `json:"kind"`   // once or switch
	Group  string `json:"group"`  // aws, slack, bot or estate
	// Unavailable says why it cannot be used here.
	Unavailable string `json:"unavailable,omitempty"`
}

// StoryInfo is a story as the list has it.
type StoryInfo struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	About string `json:"about"`
	Steps int    `json:"steps"`
}

// Clock is the stage's.
type Clock struct {
	Now  time.Time `json:"now"`
	Pace float64   `json:"pace"` // 0 is paused
}

// Bot is what there is to tell of the processes.
type Bot struct {
	Processes []Process `json:"processes"`
	Database  string    `json:"database"` // sqlite or postgres
}

// Process is one of the bot's.
type Process struct {
	Name        string `json:"name"`
	State       string `json:"state"` // running, starting or dead
	Connections int    `json:"connections"`
}

// View is a modal that somebody has open.
type View struct {
	ID         string            `json:"id"`
	User       string            `json:"user"`
	CallbackID string            `json:"callback_id"`
	Title      string            `json:"title"`
	Submit     string            `json:"submit"`
	Close      string            `json:"close"`
	Blocks     json.RawMessage   `json:"blocks"`
	State      simslack.State    `json:"state"`
	Errors     map[string]string `json:"errors,omitempty"`
	Hash       string            `json:"hash"`
	Updates    int               `json:"updates"`
}

// Account is the AWS estate.
type Account struct {
	At           time.Time     `json:"at"`
	Clusters     []Cluster     `json:"clusters"`
	Instances    []Instance    `json:"instances"`
	Hosts        []Host        `json:"hosts"`
	Tasks        []Task        `json:"tasks"`
	Services     []Service     `json:"services"`
	Groups       []Group       `json:"groups"`
	TargetGroups []TargetGroup `json:"target_groups"`
}

// Cluster is an ECS cluster.
type Cluster struct {
	ARN  string `json:"arn"`
	Name string `json:"name"`
}

// Share is how much of something is taken.
type Share struct {
	Total int `json:"total"`
	Used  int `json:"used"`
}

// Instance is a container instance.
type Instance struct {
	ARN       string `json:"arn"`
	ID        string `json:"id"` // 32 hex digits
	EC2ID     string `json:"ec2_id"`
	Cluster   string `json:"cluster"` // name
	AZ        string `json:"az"`
	Type      string `json:"type"`
	Status    string `json:"status"`
	Connected bool   `json:"connected"`
	Name      string `json:"name,omitempty"`
	Provider  string `json:"provider,omitempty"`
	CPU       Share  `json:"cpu"`
	Memory    Share  `json:"memory"`
}

// Host is an EC2 instance.
type Host struct {
	EC2ID      string   `json:"ec2_id"`
	State      string   `json:"state"`
	AZ         string   `json:"az"`
	Type       string   `json:"type"`
	Group      string   `json:"group,omitempty"`
	Lifecycle  string   `json:"lifecycle,omitempty"`
	Name       string   `json:"name,omitempty"`
	Containers []string `json:"containers"` // ARNs of tasks whose containers run there, whatever ECS says
}

// Task is an ECS task.
type Task struct {
	ARN       string `json:"arn"`
	ID        string `json:"id"`
	EC2ID     string `json:"ec2_id,omitempty"`
	Instance  string `json:"instance,omitempty"`
	Service   string `json:"service,omitempty"`
	Cluster   string `json:"cluster"` // name
	Family    string `json:"family"`  // with the revision
	Last      string `json:"last"`
	Desired   string `json:"desired"`
	Protected bool   `json:"protected,omitempty"`
	Orphan    bool   `json:"orphan,omitempty"`
	Reason    string `json:"reason,omitempty"`
	CPU       int    `json:"cpu"`
	Memory    int    `json:"memory"`
	Health    string `json:"health,omitempty"`
}

// Service is an ECS service.
type Service struct {
	ARN     string   `json:"arn"`
	Name    string   `json:"name"`
	Cluster string   `json:"cluster"` // name
	Desired int      `json:"desired"`
	Running int      `json:"running"`
	Pending int      `json:"pending"`
	Healthy int      `json:"healthy"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Daemon  bool     `json:"daemon,omitempty"`
	Steady  bool     `json:"steady"`
	Events  []string `json:"events"` // newest first
}

// Group is an Auto Scaling group.
type Group struct {
	Name    string   `json:"name"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Desired int      `json:"desired"`
	Members []string `json:"members"`
}

// TargetGroup is a load balancer's target group.
type TargetGroup struct {
	ARN     string   `json:"arn"`
	Name    string   `json:"name"`
	Targets []Target `json:"targets"`
}

// Target is a registered target.
type Target struct {
	ID    string `json:"id"`
	Port  int    `json:"port"`
	State string `json:"state"`
	Task  string `json:"task"` // ARN
}

// Line is one call or event of the timeline.
type Line struct {
	Seq     int       `json:"seq"`
	At      time.Time `json:"at"`   // virtual
	Side    string    `json:"side"` // aws or slack
	What    string    `json:"what"`
	Outcome string    `json:"outcome"`
	OK      bool      `json:"ok"`
	Ms      float64   `json:"ms"`
	Change  bool      `json:"change,omitempty"` // something was changed in AWS
	Detail  string    `json:"detail,omitempty"`
	Who     string    `json:"who,omitempty"`
}

// The states of a story.
const (
	storyIdle    = "idle"
	storyPlaying = "playing"
	storyWaiting = "waiting" // for Next
	storyDone    = "done"
	storyFailed  = "failed"
)

// StoryState is where a story is.
type StoryState struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Step    int    `json:"step"` // 1-based; 0 is not begun
	Steps   int    `json:"steps"`
	Caption string `json:"caption"`
	State   string `json:"state"`
	Error   string `json:"error,omitempty"`
	As      string `json:"as,omitempty"`      // the person to look as
	Channel string `json:"channel,omitempty"` // the channel to look at
	Thread  string `json:"thread,omitempty"`  // the timestamp of the thread to open
	Focus   string `json:"focus,omitempty"`   // an EC2 id to point at
	Auto    bool   `json:"auto"`
}

// Act is the body of POST /do.
type Act struct {
	Do       string          `json:"do"`
	User     string          `json:"user"`
	Channel  string          `json:"channel"`
	Text     string          `json:"text"`
	ThreadTS string          `json:"thread_ts"`
	TS       string          `json:"ts"`
	BlockID  string          `json:"block_id"`
	ActionID string          `json:"action_id"`
	Values   []string        `json:"values"`
	View     string          `json:"view"`
	Query    string          `json:"query"`
	Pace     *float64        `json:"pace"`
	Seconds  float64         `json:"seconds"`
	Fault    string          `json:"fault"`
	On       *bool           `json:"on"`
	Story    string          `json:"story"`
	Blocks   json.RawMessage `json:"blocks"`
}

// Outcome is the answer to an Act: what the person sees of it at once.
type Outcome struct {
	OK      bool              `json:"ok"`
	Error   string            `json:"error,omitempty"`
	AckMs   float64           `json:"ack_ms,omitempty"`
	Options []simslack.Option `json:"options,omitempty"`
	Errors  map[string]string `json:"errors,omitempty"` // by block_id
	Closed  bool              `json:"closed,omitempty"`
}
