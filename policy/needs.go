package policy

import (
	"slices"

	"ecsbot/ecsops"
)

// Needs lists what a plan requires before it may run: the typed instance id for
// a force that was asked for and for the end of a Managed Instance, and a second person for every force and every red
// finding. The one exception is a proven ghost, whose machine a successful read
// showed to be gone: nothing can be orphaned there, one confirm is enough.
func Needs(p ecsops.Plan) []Requirement {
	var out []Requirement
	if p.Intent.Force || p.EndsManaged() {
		out = append(out, TypedID)
	}
	if secondPerson(p) {
		out = append(out, SecondPerson)
	}
	return out
}

// secondPerson reports whether a plan needs the yes of someone out of APPROVERS.
// A plan sends force=true without being asked when the machine is stopped. A
// severity that is not known counts as red.
func secondPerson(p ecsops.Plan) bool {
	if p.Intent.Force {
		return true
	}
	if p.ProvenGhost() {
		return false
	}
	return p.Has(ecsops.StepForce) || p.Verdict.Rank() >= ecsops.Red.Rank() ||
		slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool { return f.Severity.Rank() >= ecsops.Red.Rank() })
}

// Cleanable reports whether one person's yes to a list is enough for this plan: its
// machine was read as gone, nothing bars it, and it needs neither a second person nor a
// typed id.
func Cleanable(p ecsops.Plan) bool { return p.ProvenGhost() && !barred(p) && len(Needs(p)) == 0 }
