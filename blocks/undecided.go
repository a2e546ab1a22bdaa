package blocks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/words"
	"ecsbot/workflow"
)

// drawUndecided is the plan card's body: verdict, difference, findings, tasks,
// steps, arithmetic, what is still needed.
func drawUndecided(s *sheet, op workflow.Operation, o Options, d depth) {
	drawPlan(s, op.Plan, op.Target, op.Changes, d, seeStatus(op.ID))
	if len(CardVerbs(op)) == 0 {
		return // nothing to decide
	}
	if op.State == workflow.Proposed {
		o.Approvers = nil // they are called once it is their turn
	}
	s.section("needs", needs(op, op.Needs, o)...)
	s.context("expiry", "Nothing is done before a decision. This offer ends "+when(op.ExpiresAt))
}

// drawPlan is what a plan says, wherever it is shown.
func drawPlan(s *sheet, p ecsops.Plan, t ecsops.Target, changes []ecsops.Change, d depth, rest mrkdwn) {
	s.section("verdict", mrkdwn(words.Symbol(p.Verdict))+" *"+sayN(words.Verdict(p), d.line)+"*", sayN(pathLine(p), d.line))
	if len(changes) > 0 {
		s.section("changes", append([]mrkdwn{"*Changed since the plan was shown before*"},
			bullets(len(changes), d, func(i int) mrkdwn { return sayN(words.Change(changes[i]), d.line) }, rest)...)...)
	}
	drawFindings(s, p, d, rest)
	drawFates(s, p, t, d, rest)
	drawSteps(s, p, d)
	s.section("after", capacityLine(p), billingLine(p, t))
}

// pathLine is left out where the verdict says the same.
func pathLine(p ecsops.Plan) string {
	if len(p.Barred()) > 0 || len(p.Steps) == 0 {
		return ""
	}
	return words.Path(p.Path)
}

func drawFindings(s *sheet, p ecsops.Plan, d depth, rest mrkdwn) {
	fs := bySeverity(p.Findings)
	for _, f := range fs[:min(len(fs), d.items)] {
		e := words.Explain(f)
		lines := []mrkdwn{mrkdwn(words.Symbol(f.Severity)) + " *" + sayN(e.Title, 200) + "* (" + mrkdwn(words.Severity(f.Severity)) + ", " + sayN(string(f.Rule), 12) + ")",
			sayN(words.Sentence(e.Detail), d.line)}
		if e.WayOut != "" {
			lines = append(lines, "Way out: "+sayN(e.WayOut, d.line))
		}
		s.section("finding", lines...)
	}
	if more := len(fs) - d.items; more > 0 {
		s.section("findings", mrkdwn(fmt.Sprintf("…and %s more", words.Count(more, "finding")))+rest)
	}
}

// bySeverity puts what is worst first.
func bySeverity(fs []ecsops.Finding) []ecsops.Finding {
	return slices.SortedStableFunc(slices.Values(fs), func(a, b ecsops.Finding) int { return cmp.Compare(b.Severity.Rank(), a.Severity.Rank()) })
}

// drawFates lists the tasks by what happens to them, what hurts most first.
func drawFates(s *sheet, p ecsops.Plan, t ecsops.Target, d depth, rest mrkdwn) {
	groups := map[ecsops.Fate][]ecsops.TaskRef{}
	var fates []ecsops.Fate
	for _, f := range p.Fates {
		if groups[f.Fate] == nil {
			fates = append(fates, f.Fate)
		}
		groups[f.Fate] = append(groups[f.Fate], f.Task)
	}
	slices.SortStableFunc(fates, func(a, b ecsops.Fate) int { return cmp.Compare(words.FateRank(a), words.FateRank(b)) })
	for _, fate := range fates[:min(len(fates), 9)] {
		ts := groups[fate]
		lines := []mrkdwn{"*" + sayN(words.Fate(fate), 200) + "* (" + mrkdwn(strconv.Itoa(len(ts))) + ")"}
		if fate == ecsops.FateOrphaned {
			lines = append(lines, sayN(words.Orphans(len(ts), t, p.Snapshot.EC2), 400))
		}
		s.section("tasks", append(lines, bullets(len(ts), d, func(i int) mrkdwn { return taskLine(ts[i], fate, d) }, rest)...)...)
	}
}

func taskLine(t ecsops.TaskRef, fate ecsops.Fate, d depth) mrkdwn {
	s := words.Task(t)
	if !t.Until.IsZero() {
		s += ", protected until " + words.Time(t.Until)
	}
	if fate == ecsops.FateOrphaned {
		s += ": " + words.LeftBehind(t)
	}
	return sayN(s, d.line)
}

func drawSteps(s *sheet, p ecsops.Plan, d depth) {
	if len(p.Steps) == 0 {
		return
	}
	lines := []mrkdwn{"*What the bot does after a yes*"}
	for i, st := range p.Steps[:min(len(p.Steps), 10)] {
		lines = append(lines, mrkdwn(strconv.Itoa(i+1))+". "+sayN(words.Step(st), d.line))
	}
	if p.Has(ecsops.StepDrain) || p.Has(ecsops.StepWait) {
		lines = append(lines, sayN(drainTime(p), d.line))
	}
	s.section("steps", lines...)
}

func drainTime(p ecsops.Plan) string {
	s := "The drain may take "
	if p.ETA > 0 {
		s += "about " + words.Duration(p.ETA)
	} else {
		s += "a time that cannot be estimated"
	}
	limit := p.Intent.Deadline
	if limit <= 0 {
		limit = ecsops.DefaultDeadline
	}
	return s + ". After " + words.Duration(limit) + " the bot asks; silence means undo."
}

// capacityLine is the group's arithmetic under a termination.
func capacityLine(p ecsops.Plan) mrkdwn {
	if p.Intent.Terminate == ecsops.KeepRunning {
		return ""
	}
	g, known := p.Snapshot.Group.Get()
	switch {
	case !known:
		return say("Auto Scaling group: " + words.Unknown(p.Snapshot.Group.Why()) + ".")
	case g.Name == "":
		return "The machine is in no Auto Scaling group: nothing replaces it."
	}
	return say(words.GroupArithmetic(g, p.Intent.Terminate))
}

// billingLine says what goes on costing.
func billingLine(p ecsops.Plan, t ecsops.Target) mrkdwn {
	e, known := p.Snapshot.EC2.Get()
	switch {
	case known && e.Gone():
		return ""
	case p.Intent.Terminate != ecsops.KeepRunning:
		return say("Billing of " + words.Machine(t) + " ends once it is terminated.")
	}
	return say("Deregistering does not end billing: " + words.Machine(t) + machineFacts(e) + " goes on costing until it is terminated.")
}

func machineFacts(e ecsops.EC2) string {
	if e.Type == "" {
		return ""
	}
	return " (" + words.Quote(e.Type) + ", " + words.Quote(e.State) + ")"
}

// needs says who or what is still missing.
func needs(op workflow.Operation, reqs []policy.Requirement, o Options) []mrkdwn {
	var lines []mrkdwn
	for _, r := range reqs {
		switch {
		case r == policy.TypedID && op.Confirmed != nil:
			continue
		case r == policy.SecondPerson && len(o.Approvers) > 0:
			lines = append(lines, "• "+say(words.Requirement(r))+": "+principals(o.Approvers))
		default:
			lines = append(lines, "• "+say(words.Requirement(r)))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]mrkdwn{"*Still needed*"}, lines[:min(len(lines), 8)]...)
}

// principals names at most eight of the configured people and groups.
func principals(ids []string) mrkdwn {
	var out mrkdwn
	for i, id := range ids {
		if i == 8 {
			return out + mrkdwn(fmt.Sprintf(" and %d more", len(ids)-i))
		}
		if i > 0 {
			out += ", "
		}
		out += principal(id)
	}
	return out
}

func seeStatus(op string) mrkdwn { return ": see " + code("/ecs status "+words.ForeignN(op, 40)) }
