package ecsops

import ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

// What AWS says of ECS Managed Instances: a person ends one with DeregisterContainerInstance
// and force=true, which terminates it whatever runs there; drained and idle ones ECS ends by
// itself; a drain of its own it enforces after about seven days.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_InfrastructureOptimization.html

const managedInstances = string(ecstypes.CapacityProviderTypeManagedInstances)

// isManaged: EC2's operator and the capacity provider's type both tell, each by itself.
func isManaged(s Snapshot) bool {
	p, providerKnown := s.CapacityProvider.Get()
	e, machineKnown := s.EC2.Get()
	return providerKnown && p.Type == managedInstances || machineKnown && e.ManagedBy != ""
}

// mayBeManaged: when a provider is named and neither could be read, it may be one.
func mayBeManaged(s Snapshot, i Instance) bool {
	if isManaged(s) {
		return true
	}
	e, machineKnown := s.EC2.Get()
	return i.CapacityProvider != "" && !s.CapacityProvider.known && (!machineKnown || e.Gone())
}

// managedPath is that of an instance which is, or may be, a Managed Instance. One that was
// read as terminated leaves a ghost like any other; that EC2 does not show one proves
// nothing, as an account may hide them.
func managedPath(s Snapshot, i Instance) Path {
	e, ok := s.EC2.Get()
	switch {
	case !ok || !isManaged(s):
		return PathManaged // barred: it could not be read what a force does
	case e.State == "terminated" && !i.AgentConnected:
		return PathGhost
	case e.Gone():
		return PathManaged // barred
	case i.Status == "REGISTERING", i.Status == "DEREGISTERING", e.State != "running":
		return PathWait
	}
	return PathManaged
}

// endsManaged reports whether a plan may end the machine: it was read to be one that ECS
// manages, and to run.
func endsManaged(s Snapshot) bool {
	e, ok := s.EC2.Get()
	return ok && e.State == "running" && isManaged(s)
}

// managedSteps drain first; --force ends the machine at once.
func managedSteps(s Snapshot, in Intent, stop Step) []Step {
	i, _ := s.Instance.Get()
	end, look := Step{Kind: StepForce}, Step{Kind: StepVerify}
	switch {
	case !endsManaged(s):
		return nil
	case in.Force, i.Status == "REGISTRATION_FAILED":
		return []Step{end, look}
	case i.Status == string(ecstypes.ContainerInstanceStatusDraining):
		return kept(Step{Kind: StepWait}, stop, end, look)
	}
	return kept(Step{Kind: StepDrain}, Step{Kind: StepWait}, stop, end, look)
}

// managedRules: R7, and the managed daemons.
func (j *judge) managedRules(i Instance) {
	f := Finding{Rule: RuleManagedInstance, Severity: Red, Bars: !endsManaged(j.s), Names: kept1(i.CapacityProvider)}
	switch {
	case !isManaged(j.s):
		u := j.s.CapacityProvider.Why()
		u.Fact = "capacity_provider"
		f.Missing = []Unknown{u}
	case !j.s.EC2.known:
		u := j.s.EC2.Why()
		u.Fact = "ec2"
		f.Missing = []Unknown{u}
	}
	j.add(f)
	j.daemonRules()
}

// managedFate: a drain moves what it can; a force takes the machine from under the rest.
func (j *judge) managedFate(t Task) (Fate, Rule) {
	i, _ := j.s.Instance.Get()
	switch {
	case !endsManaged(j.s):
		return FateUnknown, ""
	case t.Class == ManagedDaemon:
		return FateEnds, RuleManagedDaemon
	case j.in.Force:
		return FateCut, RuleManagedInstance
	case !i.AgentConnected:
		return FateStuck, RuleAgentLost
	}
	return j.drainFate(t)
}

// EndsManaged reports whether the plan ends an ECS Managed Instance.
func (p Plan) EndsManaged() bool { return p.Path == PathManaged && p.Has(StepForce) }

// Lost are the tasks that the plan takes down or leaves behind without a drain, by ARN:
// orphans, and what ends at once with its machine.
func (p Plan) Lost() []TaskRef {
	var out []TaskRef
	for _, f := range p.Fates {
		if f.Fate == FateOrphaned || f.Fate == FateCut {
			out = append(out, f.Task)
		}
	}
	return out
}
