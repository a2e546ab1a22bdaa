package workflow

import (
	"ecsbot/ecsops"
	"ecsbot/policy"
)

// Verb is a person's decision on an operation. They are the action ids of
// buttons.
type Verb string

// Verbs.
const (
	Confirm Verb = "confirm"
	Approve Verb = "approve"
	Deny    Verb = "deny"
	Stop    Verb = "stop"
	Force   Verb = "force" // propose a forced revision, then confirm it with the typed id
	Cancel  Verb = "cancel"
	Wait    Verb = "wait" // wait longer: at the deadline, or before it when something holds the drain
	// StopTasks ticks standalone tasks that hold the running drain (Decision.Tasks).
	StopTasks Verb = "stop_tasks"
	// What becomes of the machine of an Auto Scaling group: the undecided plan is shown anew.
	RetireReplace Verb = "retire_replace"
	RetireShrink  Verb = "retire_shrink"
	RetireKeep    Verb = "retire_keep"

	// GoOn begins the next wave of a batch that paused after a surprise.
	GoOn Verb = "go_on"

	// Buttons of follow-ups; Engine.Decide takes none of them.
	SignOffVerb Verb = "sign_off"    // Engine.Afterwards
	EndMachine  Verb = "end_machine" // proposes an operation of its own
	// LookHostVerb has the machine looked into now: Engine.Afterwards.
	LookHostVerb Verb = "look_host"
)

// Decision is one person's act on an operation. The caller has asked policy with
// live facts and passes the verdict; the engine refuses what is not allowed.
type Decision struct {
	Op       string
	Verb     Verb
	Actor    Actor
	Revision int    // that the person saw; 0 = whatever is current (stop, terminal)
	Token    string // spent in the same transaction; "" from a terminal
	Typed    string // instance id typed for force
	Tasks    []string
	Channel  string
	Verdict  policy.Verdict
	Fresh    *ecsops.Snapshot // re-read for confirm and approve; nil = the engine reads
}

// AnswerKind is one of the fixed set of answers to a click.
type AnswerKind string

// Answers.
const (
	Accepted    AnswerKind = "done"
	AlreadyDone AnswerKind = "already_done" // by By
	WasExpired  AnswerKind = "expired"
	NotYours    AnswerKind = "not_yours" // Reasons say why
	Changed     AnswerKind = "changed"   // Changes is the difference; a new revision asks again
	TooLate     AnswerKind = "too_late"  // the operation ended, or the step cannot be undone any more
	Mistyped    AnswerKind = "mistyped"  // the typed id is not the target's
	Busy        AnswerKind = "busy"      // another operation holds the target: Other
	Unreadable  AnswerKind = "unreadable"
	NotPossible AnswerKind = "not_possible" // Detail says why: a code of RuleTermination, a rule, or no_choice
)

// Answer is what the person is told.
type Answer struct {
	Kind    AnswerKind
	Op      Operation // after the decision
	By      Actor
	Reasons []policy.Reason
	Changes []ecsops.Change
	Other   string // operation id
	Detail  string
}
