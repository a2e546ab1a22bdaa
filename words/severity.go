package words

import "ecsbot/ecsops"

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
		return NotDeregistering + lowerFirst(Explain(barred[0]).Title) + ". No approval lifts this."
	}
	switch p.Path {
	case ecsops.PathWait, ecsops.PathGone, ecsops.PathExternal, ecsops.PathManaged:
		return NotDeregistering + Path(p.Path)
	}
	switch {
	case p.ProvenGhost():
		return "Safe to clean up: the machine is gone, only its registration is left."
	case p.Verdict == ecsops.Green:
		return "Green: no risk found."
	case p.Verdict == ecsops.Amber:
		return "Amber: possible, with " + Count(countOf(p, ecsops.Amber), "warning") + " to read first."
	}
	return "Red: " + Count(max(countOf(p, ecsops.Red), 1), "serious risk") + "; a second person must approve."
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

// Path says what kind of plan it is, and why.
func Path(p ecsops.Path) string {
	switch p {
	case ecsops.PathDrain:
		return "Drain first, then deregister once nothing runs there."
	case ecsops.PathObserve:
		return "It is draining already: watch, and deregister once nothing runs there."
	case ecsops.PathGhost:
		return "Remove the registration of a machine that no longer exists."
	case ecsops.PathHostStopped:
		return "Remove the registration of a stopped machine."
	case ecsops.PathDisconnected:
		return "The agent does not answer while the machine runs: ECS cannot stop its containers."
	case ecsops.PathForce:
		return "Deregister by force: tasks are left behind, running and unwatched."
	case ecsops.PathGroup:
		return "Terminate through the Auto Scaling group, which drains it first."
	case ecsops.PathWait:
		return "the instance is changing state right now. Wait a minute and ask again."
	case ecsops.PathGone:
		return "it is not registered any more. Nothing is left to do."
	case ecsops.PathExternal:
		return "it is an external instance (ECS Anywhere). Deregister it in ECS and in Systems Manager, as AWS's page on external instances says."
	case ecsops.PathManaged:
		return "it is an ECS Managed Instance, and deregistering would terminate it. Let ECS replace it."
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
	case ecsops.FateDead:
		return "Already dead with their machine"
	case ecsops.FateUnknown:
		return "Unknown what happens to them"
	}
	return "Unknown fate " + Quote(string(f))
}

// FateRank orders fates for a card: what hurts most first.
func FateRank(f ecsops.Fate) int {
	switch f {
	case ecsops.FateOrphaned:
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

// LeftBehind says what one orphan goes on doing, by its network mode.
func LeftBehind(t ecsops.TaskRef) string {
	if t.Class == ecsops.Standalone && t.Network != "awsvpc" {
		return "it goes on, unwatched; nothing replaces it"
	}
	switch t.Network {
	case "awsvpc":
		return "its network is cut, its processes go on"
	case "bridge", "host":
		return "it stays reachable: with its replacement it may be a duplicate worker"
	case "none":
		return "it goes on without network"
	}
	return "it goes on; its network mode is unknown"
}
