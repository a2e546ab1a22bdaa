package ecsops

import "time"

// Severity orders findings and verdicts: green < amber < red.
type Severity string

// Severities.
const (
	Green Severity = "green"
	Amber Severity = "amber"
	Red   Severity = "red"
)

// Rank orders severities; an unknown one ranks as red.
func (s Severity) Rank() int {
	switch s {
	case Green:
		return 0
	case Amber:
		return 1
	}
	return 2
}

// Rule is the id of one risk rule.
type Rule string

// The rules. Red ones want a second person; R10 and R11 are lifted by nobody.
const (
	RuleStandaloneForce Rule = "R1"  // a standalone task and force
	RuleServiceBelowMin Rule = "R2"  // a service falls to 0 or below ceil(desired × min%)
	RuleWontFit         Rule = "R3"  // no room for a replica (capacity simulation)
	RuleTargetsZero     Rule = "R4"  // a target group would have no healthy target
	RuleProtectedTask   Rule = "R5"  // scale-in protection
	RuleLastInstance    Rule = "R6"  // last ACTIVE and connected instance
	RuleManagedInstance Rule = "R7"  // ECS Managed Instance: force terminates
	RuleAgentLost       Rule = "R8"  // agent disconnected, EC2 running
	RuleDrainImpossible Rule = "R9"  // percentages make the drain impossible
	RuleMove            Rule = "R10" // intent = move to another cluster
	RuleOwnHost         Rule = "R11" // hosts the bot itself

	RuleGroupOwned      Rule = "A1"  // Auto Scaling group
	RuleStackOwned      Rule = "A2"  // CloudFormation or other IaC
	RuleSpot            Rule = "A3"  // Spot
	RuleDeployment      Rule = "A4"  // deployment in progress
	RuleDaemonLB        Rule = "A5"  // daemon behind a load balancer
	RuleDaemonDependent Rule = "A6"  // memberOf task:group==service:X
	RuleLongDrain       Rule = "A7"  // delays exceed the deadline
	RuleAlreadyDraining Rule = "A8"  // DRAINING already, or the group is terminating it
	RuleStaticPorts     Rule = "A9"  // static host ports or distinctInstance
	RuleAZ              Rule = "A10" // last instance of an availability zone
	RuleBatchLike       Rule = "A11" // startedBy looks like Batch, Events, Step Functions
	RuleIncomplete      Rule = "A12" // a fact is missing
	RuleExec            Rule = "A13" // ECS Exec may be in use
	RuleLocalData       Rule = "A14" // host volumes, instance store

	RuleStandaloneTask Rule = "T1"  // a standalone task blocks the drain until it ends or is stopped
	RuleENI            Rule = "T2"  // awsvpc network interfaces are deleted
	RuleTransition     Rule = "T3"  // registering, deregistering or shutting down: wait
	RuleDuplicate      Rule = "T4"  // several registrations of one EC2 id
	RuleGhost          Rule = "T5"  // the machine is proven gone
	RuleHostStopped    Rule = "T6"  // the machine is stopped
	RuleBilling        Rule = "T7"  // EC2 goes on billing
	RuleEmpty          Rule = "T8"  // no tasks here
	RuleExternal       Rule = "T9"  // ECS Anywhere: leaves another way; bars
	RuleGone           Rule = "T10" // INACTIVE or MISSING already
	// RuleTermination bars a termination that cannot be done as asked; Names[0] is why:
	// owner_unknown, in_group (choose replace or shrink), no_group, at_minimum,
	// termination_protected, protection_unknown, rehearsal_unknown, unauthorized, refused, warm_pool, standby, external_host,
	// registered_again.
	RuleTermination Rule = "T11"

	RuleScaleOut   Rule = "T12" // copies fit once managed scaling has launched
	RuleRoomUnsure Rule = "T13" // whether copies fit is not certain
	RuleRoom       Rule = "T14" // every copy has a place

	RuleCutOff        Rule = "T30" // a load balancer here gives open connections no time
	RuleGroupUntagged Rule = "T31" // managed draining or termination protection, and no tag AmazonECSManaged
	RuleAbandonHook   Rule = "T32" // a hook whose ABANDON ends ECS's wait
	RuleSuspended     Rule = "T33" // processes that the termination needs are suspended
	RuleVolumes       Rule = "T34" // what becomes of the disks of a machine that ends
	RuleManagedDaemon Rule = "T35" // managed daemons run here; Names are the critical ones

	// RuleAside says that the machine's Auto Scaling group has it in neither service nor
	// termination; Names are the life-cycle state and the group.
	RuleAside Rule = "T40"

	// RuleReuse says what reuse needs beside the deregistration; Names are ReuseBottlerocket
	// and the Auto Scaling group, where they apply.
	RuleReuse Rule = "T20"
	// RuleIntent bars what does not go with what the person wants the instance for; Names[0]
	// is why: reuse_force, reuse_terminate, reuse_machine_unknown, reuse_gone, reuse_managed,
	// reuse_owner_unknown, reuse_terminating, reuse_stopped; ghost_ and the path that it is
	// on instead, Names[1] EC2's state.
	RuleIntent Rule = "T21"
)

// EndsWithMachine is RuleStandaloneForce's name for tasks that nothing leaves behind.
const EndsWithMachine = "ends_with_machine"

// Finding is one consequence or risk, as typed facts; words turns it into a
// sentence. Only the fields that the rule uses are set.
type Finding struct {
	Rule     Rule            `json:"rule"`
	Severity Severity        `json:"severity"`
	Bars     bool            `json:"bars,omitempty"` // no approval lifts it
	Tasks    []TaskRef       `json:"tasks,omitempty"`
	Services []ServiceImpact `json:"services,omitempty"`
	Rooms    []Room          `json:"rooms,omitempty"` // of R3, T12, T13 and T14
	// Registrations are the others of the same machine; of T4, whose Names[0] is which of
	// them is in use: LeftOver, InUse, or neither.
	Registrations []Registration   `json:"registrations,omitempty"`
	Node          *Node            `json:"node,omitempty"` // of T9
	TargetGroups  []TargetGroupHit `json:"target_groups,omitempty"`
	Missing       []Unknown        `json:"missing,omitempty"`
	Volumes       []Volume         `json:"volumes,omitempty"` // of T34
	Names         []string         `json:"names,omitempty"`   // group, stack, provider, AZ, registration … as the rule says
	Group         *Group           `json:"group,omitempty"`
	Count         int              `json:"count,omitempty"`
	Duration      time.Duration    `json:"duration,omitempty"`
	Limit         time.Duration    `json:"limit,omitempty"`
	Since         time.Time        `json:"since,omitzero"`
}

// TaskRef names a task for a person.
type TaskRef struct {
	ARN       string    `json:"arn"`
	Name      string    `json:"name"` // family:revision
	Service   string    `json:"service,omitempty"`
	Class     TaskClass `json:"class"`
	Status    string    `json:"status"`
	Network   string    `json:"network,omitempty"` // awsvpc, bridge, host, none
	Until     time.Time `json:"protected_until,omitzero"`
	StartedAt time.Time `json:"started_at,omitzero"`
	StartedBy string    `json:"started_by,omitempty"`
	Image     string    `json:"image,omitempty"` // of its main container; foreign: escape before showing
}

// ID is the last part of the task's ARN.
func (t TaskRef) ID() string { return lastPart(t.ARN) }

// ServiceImpact is a service's arithmetic.
type ServiceImpact struct {
	Service    string `json:"service"`
	Here       int    `json:"here"`
	Running    int    `json:"running"`
	Desired    int    `json:"desired"`
	MinPercent int    `json:"min_percent"`
	MaxPercent int    `json:"max_percent"`
	MayStop    int    `json:"may_stop"`  // running − ceil(desired × min / 100)
	MayStart   int    `json:"may_start"` // floor(desired × max / 100) − running, what it lacks counted in
	After      int    `json:"after"`     // running without the tasks here
	Floor      int    `json:"floor"`     // ceil(desired × min / 100)
}

// TargetGroupHit is the count of a target group, or of a Classic load balancer, before and after.
type TargetGroupHit struct {
	Name    string        `json:"name"`
	Service string        `json:"service"`
	Before  int           `json:"before"`
	After   int           `json:"after"`
	Delay   time.Duration `json:"delay"`
	Classic bool          `json:"classic,omitempty"`
}
