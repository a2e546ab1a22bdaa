package ecsops

import "time"

// ActionKind is one mutating AWS call.
type ActionKind string

// Actions.
const (
	ActDrain            ActionKind = "drain"              // UpdateContainerInstancesState DRAINING
	ActUndrain          ActionKind = "undrain"            // UpdateContainerInstancesState ACTIVE
	ActStopTask         ActionKind = "stop_task"          // StopTask
	ActDeregister       ActionKind = "deregister"         // DeregisterContainerInstance force=false
	ActForceDeregister  ActionKind = "force_deregister"   // DeregisterContainerInstance force=true
	ActTerminateEC2     ActionKind = "terminate_ec2"      // TerminateInstances
	ActTerminateInGroup ActionKind = "terminate_in_group" // TerminateInstanceInAutoScalingGroup
	ActDeregisterNode   ActionKind = "deregister_node"    // ssm DeregisterManagedInstance
	ActLookAtHost       ActionKind = "look_at_host"       // ssm SendCommand of our own document, which only reads
)

// Action is one ordered AWS call with all that it needs.
type Action struct {
	Kind      ActionKind `json:"kind"`
	Target    Target     `json:"target"`
	Task      string     `json:"task,omitempty"`      // ARN, stop_task
	Group     string     `json:"group,omitempty"`     // terminate_in_group
	Decrement bool       `json:"decrement,omitempty"` // terminate_in_group
	Reason    string     `json:"reason,omitempty"`    // stop_task: shown by ECS as stoppedReason; look_at_host: the command's comment
	Document  string     `json:"document,omitempty"`  // look_at_host
	Session   string     `json:"session,omitempty"`   // role session name: operation id, for CloudTrail
}

// Result is what is known of an action's effect.
type Result string

// Results. Unknown is closed only by looking again.
const (
	OK            Result = "ok"
	Refused       Result = "refused" // AWS answered no: nothing was changed
	Throttled     Result = "throttled"
	ResultUnknown Result = "unknown" // timeout, connection lost, 5xx: it may have happened
)

// Outcome is the answer to one action.
type Outcome struct {
	Result    Result    `json:"result"`
	Code      string    `json:"code,omitempty"`    // AWS error code or failures[] reason
	Message   string    `json:"message,omitempty"` // AWS's text; foreign: escape before showing
	RequestID string    `json:"request_id,omitempty"`
	Command   string    `json:"command,omitempty"` // look_at_host: Systems Manager's id of it
	At        time.Time `json:"at"`
}

// LookFor says what a cheap look must read beside the registration and its tasks.
type LookFor struct {
	KnownTasks   []string // task ARNs seen before: described even when no list shows them
	Services     []string // service names: counts and events
	TargetGroups []string // ARNs
	EC2          bool
	Node         bool // Systems Manager's view of an external host
	Group        string
	ENIs         []string // for Verify: which of these still exist
	// Holds reads what Holds judges by: the services of the tasks found and their events,
	// the scale-in protection of their tasks, the definitions of the tasks, and EC2 when the
	// agent is disconnected.
	Holds bool
	// Sparing leaves the lists of tasks out while the registration's own counts say that no
	// other task runs there than the known ones. What is ordered next must not rest on it.
	Sparing bool
	// Drains are under way in this account and Region: beside others, calls that take many
	// names are shared.
	Drains int
}

// CheckResult is one answer of a verification.
type CheckResult string

// Check results. Pending may still pass within the verification's time; unknown could not be read.
const (
	CheckPassed  CheckResult = "passed"
	CheckPending CheckResult = "pending"
	CheckFailed  CheckResult = "failed"
	CheckUnknown CheckResult = "unknown"
	CheckSkipped CheckResult = "skipped" // does not apply to this plan
	// CheckSignedOff is a person's word where nothing could be seen (V10).
	CheckSignedOff CheckResult = "signed_off"
)

// Check is one of V1–V10 with its evidence.
type Check struct {
	ID      string      `json:"id"` // V1 …
	Result  CheckResult `json:"result"`
	Names   []string    `json:"names,omitempty"`
	Count   int         `json:"count,omitempty"`
	Want    int         `json:"want,omitempty"`
	Missing *Unknown    `json:"missing,omitempty"`
	At      time.Time   `json:"at,omitzero"` // V10: when the host itself was seen so
	// Outside is a host that is no EC2 machine: V7 looks at it in Systems Manager.
	Outside bool `json:"outside,omitempty"`
}

// Replacement is a task that a service started elsewhere.
type Replacement struct {
	Task     string      `json:"task"`
	Service  string      `json:"service"`
	Instance InstanceARN `json:"instance,omitempty"` // "" = not placed yet, or Fargate
	Status   string      `json:"status"`
}

// After is what a verification reads once the work is done.
type After struct {
	Snapshot Snapshot       `json:"snapshot"`
	ENIs     Fact[[]string] `json:"enis"`     // those of the old tasks that still exist
	Activity Fact[[]string] `json:"activity"` // the group's scaling activities since the start
	// Replacements are tasks that the services started elsewhere since the work began.
	Replacements Fact[[]Replacement] `json:"replacements"`
	Listed       Fact[bool]          `json:"listed"` // the registration still appears in ListContainerInstances
}
