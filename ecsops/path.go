package ecsops

import (
	"slices"
	"strings"

	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// choosePath maps EC2 state × agent × ECS status to a kind of plan. What is unknown leads
// to the more careful kind: only a machine that was read as gone or stopped is forced
// without being asked.
func choosePath(s Snapshot, in Intent) Path {
	i, ok := s.Instance.Get()
	switch {
	case !ok:
		return PathWait // A12 bars: nothing may be ordered about a registration that was not read
	case i.gone():
		return goneAlready(s, in)
	case in.Purpose == EndMachine:
		return PathWait // registered after all: nobody decided on its tasks
	case s.external():
		return PathExternal
	case mayBeManaged(s, i):
		return managedPath(s, i)
	case i.Status == "REGISTERING" || i.Status == "DEREGISTERING":
		return PathWait
	case !i.AgentConnected:
		return disconnectedPath(s, in)
	}
	return connectedPath(s, in, i)
}

// goneAlready: nothing is left to do in ECS. The machine may be ended, when that is what
// was asked and it was read to be there still.
func goneAlready(s Snapshot, in Intent) Path {
	e, ok := s.EC2.Get()
	switch {
	case in.Purpose != EndMachine || !ok || e.Gone() || e.ManagedBy != "":
		return PathGone
	case e.State == "shutting-down":
		return PathWait
	}
	return PathMachine
}

func disconnectedPath(s Snapshot, in Intent) Path {
	e, ok := s.EC2.Get()
	switch {
	case ok && e.Gone():
		return PathGhost
	case ok && e.State == "stopped":
		return PathHostStopped
	case in.Force:
		return PathForce
	case ok && e.State != "running":
		return PathWait
	case ok && in.Terminate == KeepRunning && s.leftOver():
		return PathDuplicate
	}
	return PathDisconnected
}

func connectedPath(s Snapshot, in Intent, i Instance) Path {
	e, ok := s.EC2.Get()
	g, _ := s.Group.Get()
	switch {
	case in.Force:
		return PathForce
	case ok && e.State != "running":
		return PathWait // a connected agent deregisters with its machine
	case g.Terminating(), viaGroup(s, in):
		return PathGroup
	case i.Status == string(ecstypes.ContainerInstanceStatusDraining):
		return PathObserve
	}
	return PathDrain
}

// viaGroup: the group drains and deregisters by itself (managed draining), so a
// deregistration by hand inside its life cycle would only get in the way
// (widdix/aws-cf-templates#276). Unknown counts as yes: that way works for both.
func viaGroup(s Snapshot, in Intent) bool {
	g, ok := s.Group.Get()
	if !ok || g.Name == "" || in.Terminate != Replace && in.Terminate != Shrink {
		return false
	}
	p, ok := s.CapacityProvider.Get()
	return !ok || p.ManagedDraining
}

// Terminating reports whether the group is taking the machine away, also out of its warm
// pool. What it retains waits for a person: its hook was abandoned or timed out.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
func (g Group) Terminating() bool {
	state := strings.TrimPrefix(g.Lifecycle, warmed)
	return strings.HasPrefix(state, "Terminating") && !strings.HasSuffix(state, ":Retained")
}

// aside reports a life-cycle state in which the group neither has the machine in service
// nor is taking it away; one that this version does not know counts as such.
func (g Group) aside() bool {
	switch strings.TrimPrefix(g.Lifecycle, warmed) {
	case "", "InService", "Terminated":
		return false
	}
	return !g.Terminating()
}

const warmed = "Warmed:" // prefix of the states of a warm pool

// live reports whether containers may run on the machine and the plan acts on them.
func (p Path) live() bool {
	switch p {
	case PathDrain, PathObserve, PathDisconnected, PathForce, PathGroup, PathManaged, PathExternal:
		return true
	case PathGhost, PathHostStopped, PathDuplicate, PathMachine, PathWait, PathGone:
	}
	return false
}

// stepsOf are a plan's ordered steps; none when there is nothing that may be done.
func stepsOf(s Snapshot, in Intent, path Path, fates []TaskFate) []Step {
	i, _ := s.Instance.Get()
	g, _ := s.Group.Get()
	stop := Step{Kind: StepStopTasks, Tasks: fated(fates, FateStops)}
	end := Step{Kind: StepTerminate, Terminate: in.Terminate, Group: g.Name}
	if in.Purpose == Reuse && in.Force { // refused, whatever is known of the machine (T20)
		return nil
	}
	var steps []Step
	switch path {
	case PathGhost:
		return []Step{{Kind: StepForce}, {Kind: StepVerify}}
	case PathManaged:
		return managedSteps(s, in, stop)
	case PathMachine:
		return kept(end, Step{Kind: StepVerify})
	case PathExternal:
		return externalSteps(s, in, fates)
	case PathDuplicate:
		return []Step{{Kind: StepDeregister}, {Kind: StepVerify}}
	case PathHostStopped:
		if in.Purpose == Reuse { // ECS shows no task there: T21 bars the rest
			return kept(Step{Kind: StepDeregister}, Step{Kind: StepVerify})
		}
		return kept(Step{Kind: StepForce}, end, Step{Kind: StepVerify})
	case PathForce:
		return kept(Step{Kind: StepForce, Tasks: fated(fates, FateOrphaned)}, end, Step{Kind: StepVerify})
	case PathDrain, PathDisconnected:
		if i.Status == "REGISTRATION_FAILED" {
			return kept(Step{Kind: StepDeregister}, end, Step{Kind: StepVerify})
		}
		steps = []Step{{Kind: StepDrain}, {Kind: StepWait}, stop, {Kind: StepDeregister}, end}
		if i.Status == string(ecstypes.ContainerInstanceStatusDraining) {
			steps = steps[1:]
		}
	case PathObserve:
		steps = []Step{{Kind: StepWait}, stop, {Kind: StepDeregister}, end}
	case PathGroup:
		steps = []Step{{Kind: StepDrain}, {Kind: StepWait}, stop, end}
		if i.Status == string(ecstypes.ContainerInstanceStatusDraining) {
			steps = steps[1:]
		}
		if g.Terminating() {
			steps = slices.DeleteFunc(steps, func(s Step) bool { return s.Kind == StepTerminate })
		}
	default:
		return nil
	}
	return kept(append(steps, Step{Kind: StepVerify})...)
}

// kept drops steps that would do nothing.
func kept(steps ...Step) []Step {
	return slices.DeleteFunc(steps, func(s Step) bool {
		return s.Kind == StepStopTasks && len(s.Tasks) == 0 || s.Kind == StepTerminate && s.Terminate == KeepRunning
	})
}

func fated(fates []TaskFate, f Fate) []string {
	var out []string
	for _, t := range fates {
		if t.Fate == f {
			out = append(out, t.Task.ARN)
		}
	}
	return out
}
