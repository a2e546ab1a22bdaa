package words

import (
	"slices"

	"ecsbot/ecsops"
)

// Symbol is a severity's sign; its shape tells as much as its colour.
func Symbol(s ecsops.Severity) string {
	switch s {
	case ecsops.Green:
		return "✅"
	case ecsops.Amber:
		return "⚠️"
	}
	return "⛔"
}

// Severity names a severity.
func Severity(s ecsops.Severity) string {
	switch s {
	case ecsops.Green:
		return "Green"
	case ecsops.Amber:
		return "Amber"
	}
	return "Red"
}

// Verdict is a plan's verdict in one sentence.
func Verdict(p ecsops.Plan) string {
	if barred := p.Barred(); len(barred) > 0 {
		return not(p) + lowerFirst(Explain(barred[0]).Title) + ". No approval lifts this."
	}
	switch p.Path {
	case ecsops.PathWait, ecsops.PathGone:
		return not(p) + Path(p.Path)
	}
	switch {
	case p.ProvenGhost():
		return "Safe to clean up: the machine is gone, only its registration is left."
	case p.Verdict == ecsops.Green:
		return "Green: no risk found."
	case p.Verdict == ecsops.Amber:
		return "Amber: " + Count(max(countOf(p, ecsops.Amber), 1), "warning") + " to read first."
	}
	return "Red: " + Count(max(countOf(p, ecsops.Red), 1), "serious risk") + "; a second person must approve."
}

// not begins what is not done.
func not(p ecsops.Plan) string {
	if p.Intent.Purpose == ecsops.EndMachine {
		return "not terminating: "
	}
	return NotDeregistering
}

// Deed is what an operation is about: "deregister i-…".
func Deed(p ecsops.Plan, t ecsops.Target) string {
	if p.Intent.Purpose == ecsops.EndMachine {
		return "terminate the machine " + Machine(t)
	}
	return "deregister " + Machine(t)
}

func countOf(p ecsops.Plan, s ecsops.Severity) int {
	n := 0
	for _, f := range p.Findings {
		if f.Severity.Rank() == s.Rank() {
			n++
		}
	}
	return n
}

// Urgency orders findings: the worst severity first, within one what decides most;
// what this version only cannot look at comes last.
func Urgency(f ecsops.Finding) int {
	rank := 100 * f.Severity.Rank()
	switch {
	case f.Bars:
		return rank + 9
	case f.Rule == ecsops.RuleIncomplete:
		for _, u := range f.Missing {
			if u.Reason != notModelled {
				return rank + 8
			}
		}
		return rank
	case f.Rule == ecsops.RuleStandaloneTask, f.Rule == ecsops.RuleAlreadyDraining, f.Rule == ecsops.RuleDeployment, f.Rule == ecsops.RuleAgentLost,
		f.Rule == ecsops.RuleStandaloneForce:
		return rank + 7
	case f.Rule == ecsops.RuleStackOwned, f.Rule == ecsops.RuleLocalData:
		return rank + 1
	}
	return rank + 4
}

// First is the title of the one finding to know first, as a sentence; "" when there is none over green.
func First(p ecsops.Plan) string {
	var first *ecsops.Finding
	for i, f := range p.Findings {
		if f.Severity != ecsops.Green && (first == nil || Urgency(f) > Urgency(*first)) {
			first = &p.Findings[i]
		}
	}
	if first == nil || len(p.Barred()) > 0 {
		return ""
	}
	return "Know first: " + lowerFirst(Explain(*first).Title) + "."
}

// Fold is a green finding as a clause with its rule, for one line of them all.
func Fold(f ecsops.Finding) string {
	e := Explain(f)
	s := orElse(e.Detail, e.Title)
	if f.Rule == ecsops.RuleENI {
		s = "The network interfaces of " + orElse(tasks(f.Tasks), "tasks")
		if len(f.Names) > 0 {
			s += " (" + Some(quoteAll(f.Names), 2) + ")"
		}
		s += " go, connections to them are cut"
	}
	return Sentence(trimStop(s)) + " (" + ForeignN(string(f.Rule), 12) + ")"
}

// Path says what kind of plan it is, and why.
func Path(p ecsops.Path) string {
	switch p {
	case ecsops.PathDrain:
		return "Drain first, then deregister once nothing runs there."
	case ecsops.PathObserve:
		return "It is draining already: watch, and deregister once nothing runs there."
	case ecsops.PathGhost:
		return "Remove the registration of a machine that no longer exists."
	case ecsops.PathDuplicate:
		return "Remove a registration that its machine has left: the agent answers under another."
	case ecsops.PathHostStopped:
		return "Remove the registration of a stopped machine."
	case ecsops.PathDisconnected:
		return "The agent does not answer while the machine runs: ECS cannot stop its containers."
	case ecsops.PathForce:
		return "Deregister by force: tasks are left behind, running and unwatched."
	case ecsops.PathGroup:
		return "Terminate through the Auto Scaling group, which drains it first."
	case ecsops.PathMachine:
		return "Terminate the machine. Its registration is gone already."
	case ecsops.PathWait:
		return "the instance is changing state right now."
	case ecsops.PathGone:
		return "it is not registered any more. Nothing is left to do."
	case ecsops.PathExternal:
		return "An external instance (ECS Anywhere): drain, deregister, and what AWS's page on external instances says for the host."
	case ecsops.PathManaged:
		return "Drain it; then the deregistration terminates the machine, as ECS manages it."
	}
	return "A kind of plan that this version cannot name: " + Quote(string(p)) + "."
}

// Fate says what happens to tasks, as a heading.
func Fate(f ecsops.Fate) string {
	switch f {
	case ecsops.FateMoves:
		return "Replaced on other instances"
	case ecsops.FateEnds:
		return "End here, not replaced elsewhere"
	case ecsops.FateStops:
		return "Stopped by the bot"
	case ecsops.FateWaits:
		return "Hold the drain until they end"
	case ecsops.FateStuck:
		return "Stuck: cannot move"
	case ecsops.FateOrphaned:
		return "Orphaned: keep running, unwatched"
	case ecsops.FateCut:
		return "Cut off: end at once with their machine"
	case ecsops.FateDead:
		return "Already dead with their machine"
	case ecsops.FateUnknown:
		return "Unknown what happens to them"
	}
	return "Unknown fate " + Quote(string(f))
}

// FateUnder is Fate under a plan: where the plan itself found no place to move to,
// nobody is promised one.
func FateUnder(p ecsops.Plan, f ecsops.Fate) string {
	switch {
	case f != ecsops.FateMoves || !noPlace(p):
	case slices.ContainsFunc(p.Rooms(), func(r ecsops.Room) bool { return r.Verdict == ecsops.RoomFits }):
		return "To be replaced elsewhere, but not all have a place"
	default:
		return "To be replaced elsewhere, but there may be no place"
	}
	return Fate(f)
}

func noPlace(p ecsops.Plan) bool {
	for _, f := range p.Findings {
		if f.Rule == ecsops.RuleLastInstance || f.Rule == ecsops.RuleWontFit {
			return true
		}
	}
	return false
}

// DrainTime says how long the drain takes, as far as that can be said, and what
// happens at its deadline.
func DrainTime(p ecsops.Plan) string {
	var waits []ecsops.TaskRef
	stuck, unsure := false, false
	for _, f := range p.Fates {
		switch f.Fate {
		case ecsops.FateMoves:
			stuck = stuck || noPlace(p)
		case ecsops.FateWaits:
			waits = append(waits, f.Task)
		case ecsops.FateStuck:
			stuck = true
		case ecsops.FateUnknown:
			unsure = true
		}
	}
	s := "How long the drain takes cannot be estimated"
	switch {
	case stuck:
		s = "As things are, the drain does not end by itself"
	case len(waits) > 0:
		s = "The drain lasts until " + plural(len(waits), "the task that holds it ends", "the tasks that hold it end")
	case p.ETA > 0 && !unsure:
		s = "The drain may take about " + Duration(p.ETA)
	}
	limit := p.Intent.Deadline
	if limit <= 0 {
		limit = ecsops.DefaultDeadline
	}
	if p.Path == ecsops.PathObserve {
		return s + ". After " + Duration(limit) + " the bot asks; silence ends its part, and the drain, which it did not begin, goes on."
	}
	return s + ". After " + Duration(limit) + " the bot asks; silence means undo."
}

// FateRank orders fates for a card: what hurts most first.
func FateRank(f ecsops.Fate) int {
	switch f {
	case ecsops.FateOrphaned, ecsops.FateCut:
		return 0
	case ecsops.FateStuck:
		return 1
	case ecsops.FateWaits:
		return 3
	case ecsops.FateStops:
		return 4
	case ecsops.FateMoves:
		return 5
	case ecsops.FateEnds:
		return 6
	case ecsops.FateDead:
		return 7
	}
	return 2
}

// Orphans is what a force leaves behind, never called stopped: ECS will say so, and be wrong.
func Orphans(n int, t ecsops.Target, ec2 ecsops.Fact[ecsops.EC2]) string {
	until := "until you stop them or terminate the machine"
	if e, ok := ec2.Get(); ok && e.Gone() {
		return "The machine is gone, so no container is left running."
	}
	return "ECS will show STOPPED; the containers of " + Count(n, "task") + " keep running on " + Machine(t) + " " + until + "."
}

// LeftBehind says what one orphan goes on doing, by its kind and network mode.
func LeftBehind(t ecsops.TaskRef) string {
	switch {
	case t.Network == "awsvpc":
		return "its network is cut, its processes go on"
	case t.Class == ecsops.Standalone:
		return "it goes on, unwatched; nothing replaces it"
	case t.Class == ecsops.Daemon && (t.Network == "bridge" || t.Network == "host"):
		return "it stays reachable, unwatched"
	case t.Network == "bridge", t.Network == "host":
		return "it stays reachable, beside its replacement: a duplicate worker"
	case t.Network == "none":
		return "it goes on without network"
	}
	return "it goes on; its network mode is unknown"
}
