package ecsops

import (
	"slices"
	"strings"
	"time"
)

// Purpose is why the instance leaves.
type Purpose string

// Purposes. Move is always refused (R10): AWS says never to register an instance in another cluster.
const (
	Retire Purpose = "retire"
	// Reuse takes the machine for something else: every task is stopped first, nothing is forced.
	Reuse Purpose = "reuse"
	// CleanGhost removes the registration of a machine that is proven gone, and nothing else.
	CleanGhost Purpose = "ghost"
	Move       Purpose = "move"
	// EndMachine ends a machine whose registration is gone already.
	EndMachine Purpose = "end_machine"
)

// Termination is what happens to the machine after deregistration.
type Termination string

// Terminations. In a group the machine goes through the group: Replace keeps the
// desired capacity, Shrink lowers it by one.
const (
	KeepRunning Termination = ""
	Terminate   Termination = "terminate" // lone EC2 instance
	Replace     Termination = "replace"
	Shrink      Termination = "shrink"
)

// Intent is what the person asked for.
type Intent struct {
	Purpose   Purpose       `json:"purpose"`
	Force     bool          `json:"force,omitempty"`
	Terminate Termination   `json:"terminate,omitempty"`
	StopTasks []string      `json:"stop_tasks,omitempty"` // ARNs of standalone tasks to stop after the drain of the rest
	Deadline  time.Duration `json:"deadline"`             // of the drain; at its end the bot asks
	Reason    string        `json:"reason,omitempty"`
	// DeregisterNode ends the registration of an ECS Anywhere host in Systems Manager, too.
	DeregisterNode bool `json:"deregister_node,omitempty"`
}

// DefaultDeadline is how long a drain may take before the bot asks; bottlerocket-ecs-updater waits 25 min.
const DefaultDeadline = 30 * time.Minute

// Path is the kind of plan that the states call for (EC2 state × agent × ECS status).
type Path string

// Paths.
const (
	PathDrain        Path = "drain"        // drain, then deregister with force=false
	PathObserve      Path = "observe"      // DRAINING by someone else: join, deregister when empty; undo is not ours
	PathGhost        Path = "ghost"        // machine proven gone: deregister with force, nothing can be orphaned
	PathHostStopped  Path = "host_stopped" // machine stopped: deregister with force, no container runs
	PathDisconnected Path = "disconnected" // agent lost, machine running: force makes duplicates
	PathDuplicate    Path = "duplicate"    // the machine's agent answers under a newer registration, and this one has no task: only a record
	PathForce        Path = "force"        // asked for: deregister with force, orphans approved by name
	PathGroup        Path = "group"        // terminate through the Auto Scaling group, which drains (managed draining)
	PathWait         Path = "wait"         // in transition: nothing to do yet
	PathMachine      Path = "machine"      // the registration is gone, its machine is to be ended
	PathGone         Path = "gone"         // INACTIVE or MISSING already
	PathExternal     Path = "external"     // mi-…: drain, deregister, then Systems Manager, as far as the configuration allows
	PathManaged      Path = "managed"      // ECS Managed Instance: drained, then force=true, which terminates it
)

// StepKind names one step of a plan.
type StepKind string

// Steps.
const (
	StepDrain      StepKind = "drain"
	StepWait       StepKind = "wait"
	StepStopTasks  StepKind = "stop_tasks"
	StepDeregister StepKind = "deregister" // force=false: ECS itself refuses while tasks run
	StepForce      StepKind = "force"      // force=true
	StepTerminate  StepKind = "terminate"
	StepVerify     StepKind = "verify"
	// StepDeregisterNode ends the host's registration in Systems Manager.
	StepDeregisterNode StepKind = "deregister_node"
)

// Step is one ordered part of a plan.
type Step struct {
	Kind      StepKind    `json:"kind"`
	Tasks     []string    `json:"tasks,omitempty"`
	Terminate Termination `json:"terminate,omitempty"`
	Group     string      `json:"group,omitempty"`
}

// Fate is what happens to one task under the plan.
type Fate string

// Fates.
const (
	FateMoves    Fate = "moves"    // the service starts a copy elsewhere, if possible, and stops this one
	FateEnds     Fate = "ends"     // daemon: stopped, not replaced elsewhere; or already stopping
	FateStops    Fate = "stops"    // standalone, ticked: stopped by us
	FateWaits    Fate = "waits"    // standalone: untouched by draining, holds it until it ends
	FateStuck    Fate = "stuck"    // percentages never let it move
	FateOrphaned Fate = "orphaned" // keeps running unmonitored after force
	FateCut      Fate = "cut"      // ends at once with its machine
	FateDead     Fate = "dead"     // its machine is gone or stopped; only the record remains
	FateUnknown  Fate = "unknown"
)

// TaskFate is one task and what happens to it.
type TaskFate struct {
	Task TaskRef `json:"task"`
	Fate Fate    `json:"fate"`
	Rule Rule    `json:"rule,omitempty"` // the finding that says why
}

// Plan is snapshot + intent + findings + ordered steps + digest.
type Plan struct {
	Snapshot Snapshot      `json:"snapshot"`
	Intent   Intent        `json:"intent"`
	Path     Path          `json:"path"`
	Verdict  Severity      `json:"verdict"`
	Findings []Finding     `json:"findings"`
	Fates    []TaskFate    `json:"fates"`
	Steps    []Step        `json:"steps"`
	ETA      time.Duration `json:"eta"` // estimate of the drain: longest deregistration delay + stop timeout; 0 = unknown
	Digest   string        `json:"digest"`
}

// Orphans are the tasks that force would leave running, by ARN.
func (p Plan) Orphans() []TaskRef {
	var out []TaskRef
	for _, f := range p.Fates {
		if f.Fate == FateOrphaned {
			out = append(out, f.Task)
		}
	}
	return out
}

// Rooms are what the capacity simulation said of each replica service, by name.
func (p Plan) Rooms() []Room {
	var out []Room
	for _, f := range p.Findings {
		out = append(out, f.Rooms...)
	}
	slices.SortFunc(out, func(a, b Room) int { return strings.Compare(a.Service, b.Service) })
	return out
}

// Barred returns the findings that no approval lifts.
func (p Plan) Barred() []Finding {
	var out []Finding
	for _, f := range p.Findings {
		if f.Bars {
			out = append(out, f)
		}
	}
	return out
}

// ProvenGhost reports whether the machine was read as terminated or not found.
func (p Plan) ProvenGhost() bool {
	e, ok := p.Snapshot.EC2.Get()
	return ok && e.Gone() && p.Path == PathGhost
}

// Has reports whether the plan has a step of that kind.
func (p Plan) Has(k StepKind) bool {
	for _, s := range p.Steps {
		if s.Kind == k {
			return true
		}
	}
	return false
}

// Change is one decision-relevant difference between two snapshots of a target.
type Change struct {
	What   string `json:"what"` // snake_case: registration, ec2_state, status, owner, service, standalone, protected, rule …
	Name   string `json:"name,omitempty"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}
