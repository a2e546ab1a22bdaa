// Package policy decides who may do what, where, with reasons and requirements.
// It is pure: Decide is a function of values. Deny is the default, and a missing
// fact denies.
package policy

import "ecsbot/ecsops"

// Action is what someone wants to do.
type Action string

// Actions.
const (
	Read    Action = "read"    // help, list, status, a plan without buttons
	Propose Action = "propose" // a plan with buttons
	Confirm Action = "confirm"
	Approve Action = "approve"
	Deny    Action = "deny"
	Stop    Action = "stop" // undo; always for operators and approvers
	Wait    Action = "wait" // prolong the drain's deadline
	Force   Action = "force"
	// StopTasks stops standalone tasks that hold a running drain.
	StopTasks Action = "stop_tasks"
	Cancel    Action = "cancel"
	SignOff   Action = "sign_off"  // answers for orphans: no more reminders
	LookHost  Action = "look_host" // has the machine looked into, on which a force left tasks
	Clean     Action = "clean"     // remove registrations whose machines are proven gone, several by one decision
	Execute   Action = "execute"   // asked again before each irreversible step, for the actors
)

// Effect is the answer.
type Effect string

// Effects. Require means: allowed once the requirements are met.
const (
	Allow   Effect = "allow"
	Refuse  Effect = "deny"
	Require Effect = "require"
)

// Reason is why; words turns it into a sentence.
type Reason string

// Reasons.
const (
	ReasonNotOperator      Reason = "not_operator"
	ReasonNotApprover      Reason = "not_approver"
	ReasonOtherWorkspace   Reason = "other_workspace"
	ReasonGuest            Reason = "guest"
	ReasonDeactivated      Reason = "deactivated"
	ReasonBot              Reason = "bot"
	ReasonStranger         Reason = "stranger"
	ReasonPersonUnknown    Reason = "person_unknown"  // a fact about the person is missing
	ReasonGroupsUnknown    Reason = "groups_unknown"  // membership could not be read
	ReasonChannelUnknown   Reason = "channel_unknown" // a fact about the channel is missing
	ReasonChannelNotListed Reason = "channel_not_listed"
	ReasonChannelShared    Reason = "channel_shared" // shared with another organisation
	ReasonClusterNotListed Reason = "cluster_not_listed"
	ReasonRegionNotListed  Reason = "region_not_listed"
	ReasonNoApprovers      Reason = "no_approvers" // approval is required and APPROVERS is empty
	ReasonSelfApproval     Reason = "self_approval"
	ReasonBarred           Reason = "barred" // R10 or R11: no approval lifts it
	ReasonNeedsApproval    Reason = "needs_approval"
	ReasonUnmapped         Reason = "unmapped" // terminal user without a mapping: may only read
	ReasonChannelArchived  Reason = "channel_archived"
	ReasonPlanUnknown      Reason = "plan_unknown"     // a decision without a plan, or with another cluster's
	ReasonAlreadyApproved  Reason = "already_approved" // this person approved this revision before
	ReasonUnknownAction    Reason = "unknown_action"
	ReasonReuse            Reason = "reuse"     // force, where the machine is to be reused
	ReasonNotGhost         Reason = "not_ghost" // a clean-up of what is not, or no longer, proven gone
)

// Requirement is what is still missing before the act.
type Requirement string

// Requirements.
const (
	SecondPerson Requirement = "second_person"
	TypedID      Requirement = "typed_id"
)

// Person is who acts, with live facts. Ids are Slack's; names are never used.
type Person struct {
	UserID       string
	TeamID       string // of the user
	EnterpriseID string
	Facts        ecsops.Fact[Standing]
	Groups       ecsops.Fact[[]string] // those of the configured user groups that contain the user
	Terminal     bool                  // acts from a terminal, mapped by configuration
}

// Standing is what users.info says.
type Standing struct {
	HomeTeam        bool // belongs to the workspace (or its enterprise) where the app is installed
	Deleted         bool
	Restricted      bool // guest
	UltraRestricted bool // single-channel guest
	Stranger        bool // from another organisation
	Bot             bool // bot, app or workflow user
}

// Channel is where it is asked; the zero Channel with Terminal set is a terminal.
type Channel struct {
	ID       string
	Terminal bool
	Facts    ecsops.Fact[Place]
}

// Place is what conversations.info says.
type Place struct {
	ExtShared bool
	Direct    bool // a direct message with the bot
	Archived  bool
	Member    bool // the bot is a member
}

// Request is one question. Plan is nil before anything is read.
type Request struct {
	Action    Action
	Person    Person
	Channel   Channel
	Cluster   ecsops.ClusterARN // "" before the cluster is known
	Plan      *ecsops.Plan      // findings decide the requirements
	Requester string            // user id; for approve
	Approvals []string          // user ids that approved this revision
}

// Verdict is the answer with its reasons.
type Verdict struct {
	Effect       Effect        `json:"effect"`
	Reasons      []Reason      `json:"reasons,omitempty"`
	Requirements []Requirement `json:"requirements,omitempty"`
}

// Allowed reports whether nothing is missing.
func (v Verdict) Allowed() bool { return v.Effect == Allow }

// Rules is the configured policy. Empty lists mean nobody and nowhere; "*" must
// be written to mean all (clusters and channels only, never people).
type Rules struct {
	Operators []string // user ids (U…, W…) and user-group ids (S…)
	Approvers []string
	Clusters  []string // cluster ARNs, or "*"
	Channels  []string // channel ids, or "*"
	Regions   []string // empty = the Regions of Clusters
}
