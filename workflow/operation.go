package workflow

import (
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// State is where an operation stands. Stored as text.
type State string

// States. The last five are terminal. None is a failure: what AWS refuses is a pause (Block), tried
// again until a person or the deadline ends it, or is left and said in the result.
const (
	Proposed         State = "proposed"
	AwaitingApproval State = "awaiting_approval"
	Draining         State = "draining"
	StoppingTasks    State = "stopping_tasks"
	Deregistering    State = "deregistering"
	Terminating      State = "terminating"
	Verifying        State = "verifying"
	Releasing        State = "releasing" // a batch: its rows become operations, a few at a time
	Undoing          State = "undoing"   // a stop was decided: make the instance ACTIVE again

	Done       State = "done"
	Unverified State = "unverified" // done, but not everything could be seen within ten minutes
	RefusedOp  State = "refused"
	Expired    State = "expired"
	Stopped    State = "stopped"
)

// Terminal reports whether nothing follows.
func (s State) Terminal() bool {
	switch s {
	case Done, Unverified, RefusedOp, Expired, Stopped:
		return true
	}
	return false
}

// Locks reports whether an operation in this state holds its target's lock.
func (s State) Locks() bool {
	switch s {
	case Draining, StoppingTasks, Deregistering, Terminating, Verifying, Undoing:
		return true
	}
	return false
}

// Actor is who did something. Ids only, never display names.
type Actor struct {
	UserID       string `json:"user_id,omitempty"`
	TeamID       string `json:"team_id,omitempty"`
	EnterpriseID string `json:"enterprise_id,omitempty"`
	Terminal     string `json:"terminal,omitempty"` // operating-system user, when acted from a terminal
	Envelope     string `json:"envelope,omitempty"` // envelope id of the act
}

// Bot is the actor of what nobody clicked: expiry, deadline, the next step.
var botActor = Actor{UserID: "bot"}

// BotActor is the actor of events that no person caused.
func BotActor() Actor { return botActor }

// Origin is where an operation was asked for; its card lives there.
type Origin struct {
	Channel string `json:"channel,omitempty"`
	Thread  string `json:"thread,omitempty"`
}

// BlockReason is why an operation pauses.
type BlockReason string

// Block reasons.
const (
	BlockedDeadline    BlockReason = "deadline"         // the drain's deadline passed: wait, undo or force
	BlockedDrift       BlockReason = "drift"            // something changed: a new revision asks again
	BlockedAWS         BlockReason = "aws"              // AWS does not answer, or throttles
	BlockedCredentials BlockReason = "credentials"      // access denied or expired
	BlockedAuthority   BlockReason = "authority"        // the actors could not be checked (Slack down), or lost their right
	BlockedTasks       BlockReason = "tasks_running"    // ECS refuses to deregister: tasks still run
	BlockedGroup       BlockReason = "group"            // the Auto Scaling group refuses or works
	BlockedAgent       BlockReason = "agent"            // the agent is disconnected: a blip of minutes is normal
	BlockedConsistency BlockReason = "not_yet_observed" // an outcome is unknown and not yet seen
	BlockedSurprise    BlockReason = "surprise"         // a member of a batch ended otherwise than planned: a person looks first
)

// Block is a pause with its reason.
type Block struct {
	Reason BlockReason `json:"reason"`
	Since  time.Time   `json:"since"`
	Call   string      `json:"call,omitempty"`   // the read or action that failed
	Detail string      `json:"detail,omitempty"` // AWS code or policy reason; foreign text, escape before showing
	// AskedUntil is when silence is taken as undo (deadline, drift).
	AskedUntil time.Time `json:"asked_until,omitzero"`
	// Untold is a pause that came back soon after it was told: the card shows it, no event says it again.
	Untold bool `json:"untold,omitempty"`
}

// Told is a pause that an event told of.
type Told struct {
	Reason BlockReason `json:"reason"`
	Detail string      `json:"detail,omitempty"`
	At     time.Time   `json:"at"`
}

// Order is a committed intent: at most one is open at a time. Outcome is nil
// until known; a restart that finds it nil must look before anything else.
type Order struct {
	N         int             `json:"n"` // counts within the operation
	Action    ecsops.Action   `json:"action"`
	At        time.Time       `json:"at"`
	Since     time.Time       `json:"since,omitzero"` // when the first of a row of the same orders was given, one soon after the other
	Outcome   *ecsops.Outcome `json:"outcome,omitempty"`
	ClosedBy  string          `json:"closed_by,omitempty"`  // "answer" or "look"
	LooksLeft int             `json:"looks_left,omitempty"` // observations still wanted before an effect is called absent
	Owner     string          `json:"owner,omitempty"`      // the process that made the call
}

// Approval is one person's yes to one revision.
type Approval struct {
	Actor    Actor     `json:"actor"`
	Revision int       `json:"revision"`
	Digest   string    `json:"digest"`
	At       time.Time `json:"at"`
}

// Progress is what the last look saw, for the card.
type Progress struct {
	LookedAt  time.Time        `json:"looked_at,omitzero"`
	Status    string           `json:"status,omitempty"` // ECS status
	Total     int              `json:"total"`            // tasks that were on the target when the drain began
	Left      int              `json:"left"`             // not yet STOPPED
	Stopping  int              `json:"stopping"`
	Holding   []ecsops.TaskRef `json:"holding,omitempty"`    // what still runs, at most 20
	HeldSince time.Time        `json:"held_since,omitzero"`  // the counts last changed
	AgentLost bool             `json:"agent_lost,omitempty"` // as of the last look
	// Holds says why tasks have not ended; empty while all goes well. What tells is read when
	// the drain stands still, every ExplainEvery: ExplainedAt.
	Holds       []ecsops.Hold `json:"holds,omitempty"`
	ExplainedAt time.Time     `json:"explained_at,omitzero"`

	// Every is set when looks are further apart than configured, as so many drains share
	// AWS's budget.
	Every  time.Duration `json:"every,omitempty"`
	Drains int           `json:"drains,omitempty"`

	ETA        time.Duration   `json:"eta,omitempty"`
	Checks     []ecsops.Check  `json:"checks,omitempty"`
	Unreadable *ecsops.Unknown `json:"unreadable,omitempty"`
}

// Operation is the durable life of one plan, through its revisions, to one terminal state.
type Operation struct {
	ID        string               `json:"id"` // short, shown to people
	Version   int64                `json:"version"`
	State     State                `json:"state"`
	Block     *Block               `json:"block,omitempty"`
	Told      []Told               `json:"told,omitempty"`  // pauses, of the last hour
	Waits     bool                 `json:"waits,omitempty"` // the newest event about pauses says that it waits
	Target    ecsops.Target        `json:"target"`
	Revision  int                  `json:"revision"` // of the plan; 1 is the first
	Plan      ecsops.Plan          `json:"plan"`
	Proposal  *ecsops.Plan         `json:"proposal,omitempty"` // revision+1, shown and not yet decided (drift, force)
	Requester Actor                `json:"requester"`
	Origin    Origin               `json:"origin"`
	Needs     []policy.Requirement `json:"needs,omitempty"`     // for the plan that awaits a decision
	Confirmed *Approval            `json:"confirmed,omitempty"` // the requester's or another operator's confirm of the current revision
	Approvals []Approval           `json:"approvals,omitempty"` // of the current revision
	// Dropped is the number of the revision that was denied, cancelled, expired or overtaken last, while the plan ran on.
	Dropped int `json:"dropped,omitempty"`
	// The next three belong to Proposal, as Confirmed, Needs and ExpiresAt belong to Plan.
	ProposalConfirmed  *Approval            `json:"proposal_confirmed,omitempty"`
	ProposalNeeds      []policy.Requirement `json:"proposal_needs,omitempty"`
	ProposalExpires    time.Time            `json:"proposal_expires,omitzero"`
	Changes            []ecsops.Change      `json:"changes,omitempty"` // the difference that the newest revision shows
	CreatedAt          time.Time            `json:"created_at"`
	ExpiresAt          time.Time            `json:"expires_at"` // of the undecided proposal
	StartedAt          time.Time            `json:"started_at,omitzero"`
	Deadline           time.Time            `json:"deadline,omitzero"`   // of the drain
	DrainedAt          time.Time            `json:"drained_at,omitzero"` // our order to drain took effect
	GoneAt             time.Time            `json:"gone_at,omitzero"`    // the registration was seen INACTIVE or gone
	OrderedTermination time.Time            `json:"ordered_termination,omitzero"`
	RefusedSince       time.Time            `json:"refused_since,omitzero"`    // AWS first refused to end what was deregistered
	AgentLostSince     time.Time            `json:"agent_lost_since,omitzero"` // an order waits for the agent since then, whatever else is wrong
	EndedAt            time.Time            `json:"ended_at,omitzero"`
	VerifyBy           time.Time            `json:"verify_by,omitzero"`
	WasStatus          string               `json:"was_status,omitempty"` // ECS status before our drain; undo only restores what we set
	StopBy             *Actor               `json:"stop_by,omitempty"`
	Order              *Order               `json:"order,omitempty"` // the latest; open while Outcome is nil or unknown
	Orders             int                  `json:"orders"`
	Watch              []string             `json:"watch,omitempty"` // ARNs of every task seen on the target: none may be overlooked
	Progress           Progress             `json:"progress"`
	Cause              string               `json:"cause,omitempty"` // why it ended: words key
	NextLook           time.Time            `json:"next_look,omitzero"`
	Events             int                  `json:"events"`          // committed so far; numbers the next
	Batch              string               `json:"batch,omitempty"` // the batch that released it: its row there is its card
	Rows               []Row                `json:"rows,omitempty"`  // of a batch
	Bulk               *Bulk                `json:"bulk,omitempty"`  // of a batch of drains
	Shown              *Shown               `json:"shown,omitempty"` // of a member that drains: what the batch showed of it
}
