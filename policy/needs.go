package policy

import "ecsbot/ecsops"

// Needs lists what a plan requires before it may run: the typed instance id for
// a force, and a second person for every force and every red finding. The one
// exception is a proven ghost, whose machine a successful read showed to be
// gone: nothing can be orphaned there, one confirm is enough.
func Needs(p ecsops.Plan) []Requirement {
	if p.ProvenGhost() && !p.Intent.Force {
		return nil
	}
	var out []Requirement
	if p.Intent.Force {
		out = append(out, TypedID)
	}
	if p.Intent.Force || p.Verdict.Rank() >= ecsops.Red.Rank() {
		out = append(out, SecondPerson)
	}
	return out
}
