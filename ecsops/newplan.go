package ecsops

import "slices"

// NewPlan makes the plan for an intent: pure. A plan without steps is one that nothing may
// be done about now; a plan with a barring finding is one that nobody may approve.
func NewPlan(s Snapshot, in Intent) Plan {
	if in.Deadline <= 0 {
		in.Deadline = DefaultDeadline
	}
	j := assess(s, in)
	p := Plan{Snapshot: s, Intent: j.in, Path: j.path, Findings: j.findings, Verdict: Green}
	for _, f := range p.Findings {
		if f.Severity.Rank() > p.Verdict.Rank() {
			p.Verdict = f.Severity
		}
	}
	p.Fates = j.fates()
	p.Steps = stepsOf(s, j.in, j.path, p.Fates)
	if j.path.live() && !j.force() {
		p.ETA = j.eta()
	}
	p.Digest = Digest(p)
	return p
}

// fates says of every task that has not ended what becomes of it.
func (j *judge) fates() []TaskFate {
	protection, _ := j.s.Protection.Get()
	var out []TaskFate
	for _, t := range j.tasks {
		fate, rule := j.fate(t)
		if _, ok := protection[t.ARN]; ok && rule == "" && j.path.live() {
			rule = RuleProtectedTask
		}
		out = append(out, TaskFate{Task: j.ref(t), Fate: fate, Rule: rule})
	}
	return out
}

func (j *judge) fate(t Task) (Fate, Rule) {
	switch j.path {
	case PathGhost:
		return FateDead, RuleGhost
	case PathHostStopped:
		return FateDead, RuleHostStopped
	case PathForce:
		if t.Class == Standalone {
			return FateOrphaned, RuleStandaloneForce
		}
		return FateOrphaned, ""
	case PathDisconnected:
		return FateStuck, RuleAgentLost // the agent hears of no order (aws/containers-roadmap#2040)
	case PathDrain, PathObserve, PathGroup, PathExternal:
		return j.drainFate(t)
	case PathManaged:
		return j.managedFate(t)
	case PathDuplicate, PathMachine, PathWait, PathGone:
	}
	return FateUnknown, ""
}

func (j *judge) drainFate(t Task) (Fate, Rule) {
	switch {
	case t.Stopping():
		return FateEnds, ""
	case t.Class == Standalone && slices.Contains(j.in.StopTasks, t.ARN):
		return FateStops, ""
	case t.Class == Standalone:
		return FateWaits, RuleStandaloneTask
	case !j.s.Services.known:
		return FateUnknown, RuleIncomplete
	case t.Class == Daemon || j.services[t.Service].Scheduling == "DAEMON":
		return FateEnds, ""
	case j.impacts[t.Service].stuck():
		return FateStuck, RuleDrainImpossible
	}
	return FateMoves, ""
}
