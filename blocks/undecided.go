package blocks

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	s.section("choices", choiceLines(op, d)...)
	if op.State == workflow.Proposed {
		o.Approvers = nil // they are called once it is their turn
	}
	s.section("needs", needs(op, op.Needs, o)...)
	s.context("expiry", "Nothing is done before a decision. This offer ends "+when(op.ExpiresAt))
}

// drawPlan is what a plan says, wherever it is shown: verdict, what changed, what to
// know, then what happens. Where nothing can be done, why is all there is to say.
func drawPlan(s *sheet, p ecsops.Plan, t ecsops.Target, changes []ecsops.Change, d depth, rest mrkdwn) {
	drawVerdict(s, p, changes, d, rest)
	if decidable(p) {
		drawFindings(s, p, d, rest)
		drawFates(s, p, t, d, rest)
		drawRooms(s, p, d, rest)
		drawSteps(s, p, d)
		s.section("after", sayN(words.Loss(p), 500), capacityLine(p), billingLine(p, t))
		return
	}
	drawBarred(s, p, d, rest)
}

func drawVerdict(s *sheet, p ecsops.Plan, changes []ecsops.Change, d depth, rest mrkdwn) {
	s.section("verdict", mrkdwn(words.Symbol(p.Verdict))+" *"+sayN(words.Verdict(p), d.line)+"*", sayN(pathLine(p), d.line), sayN(wantedLine(p), d.line))
	if len(changes) > 0 {
		s.section("changes", append([]mrkdwn{"*Changed since the plan was shown before*"},
			bullets(len(changes), d, func(i int) mrkdwn { return sayN(words.ChangeBrief(changes[i]), d.line) }, rest)...)...)
	}
}

// wantedLine is left out where nothing can be done.
func wantedLine(p ecsops.Plan) string {
	if !decidable(p) {
		return ""
	}
	return words.Wanted(p)
}

// decidable reports whether there is anything that a yes would start.
func decidable(p ecsops.Plan) bool { return len(p.Barred()) == 0 && len(p.Steps) > 0 }

// pathLine is left out where the verdict or the steps say the same.
func pathLine(p ecsops.Plan) string {
	switch p.Path {
	case ecsops.PathDrain, ecsops.PathGhost, ecsops.PathHostStopped, ecsops.PathDisconnected, ecsops.PathForce:
		return ""
	}
	if !decidable(p) || p.EndsManaged() && p.Intent.Force {
		return ""
	}
	return words.Path(p.Path)
}

// drawFates lists the tasks by what happens to them, what hurts most first: who
// comes to no harm in one line, the others each with what to know.
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
	var harmless []mrkdwn
	for _, fate := range fates[:min(len(fates), 9)] {
		ts := groups[fate]
		head := "*" + sayN(words.FateUnder(p, fate), 200) + "* (" + mrkdwn(strconv.Itoa(len(ts))) + ")"
		if fate == ecsops.FateMoves || fate == ecsops.FateEnds || fate == ecsops.FateDead {
			harmless = append(harmless, head+": "+taskRow(ts, d, rest))
			continue
		}
		lines := []mrkdwn{head}
		if fate == ecsops.FateOrphaned {
			lines = append(lines, sayN(words.Orphans(len(ts), t, p.Snapshot.EC2), 400), sayN(words.OrphansHold(p), 300))
		}
		s.section("tasks", append(lines, taskBullets(ts, fate, d, rest)...)...)
	}
	s.section("tasks", harmless...)
}

// taskBullets lists tasks: a few and all orphans one by one, many others by what they run.
func taskBullets(ts []ecsops.TaskRef, fate ecsops.Fate, d depth, rest mrkdwn) []mrkdwn {
	if len(ts) <= rowMost || fate == ecsops.FateOrphaned {
		return bullets(len(ts), d, func(i int) mrkdwn { return taskLine(ts[i], fate, d) }, rest)
	}
	groups := alike(ts)
	var out []mrkdwn
	left, used := len(ts), 0
	for _, g := range groups[:min(len(groups), d.items)] {
		line := "• " + taskLine(g[0], fate, d)
		if more := len(g) - 1; more > 0 {
			line = "• " + taskLineBare(g[0], fate, d)
			line += " and " + mrkdwn(strconv.Itoa(more)) + " more" + rest
		}
		if used += runeCount(string(line)) + 1; used > bulletsBudget {
			break
		}
		out = append(out, line)
		left -= len(g)
	}
	if left > 0 {
		out = append(out, "• …and "+mrkdwn(words.Count(left, "task"))+" more"+rest)
	}
	return out
}

// alike groups tasks that run the same, for the same service, protected until the same time.
func alike(ts []ecsops.TaskRef) [][]ecsops.TaskRef {
	type kind struct {
		name, service string
		class         ecsops.TaskClass
		until         int64
	}
	at := map[kind]int{}
	var out [][]ecsops.TaskRef
	for _, t := range ts {
		k := kind{t.Name, t.Service, t.Class, t.Until.Unix()}
		i, seen := at[k]
		if !seen {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], t)
	}
	return out
}

// rowMost is how many tasks a row names one by one; more are counted by name.
const rowMost = 6

// taskRow names tasks in one line.
func taskRow(ts []ecsops.TaskRef, d depth, rest mrkdwn) mrkdwn {
	if len(ts) > rowMost {
		names, all := words.TaskNames(ts)
		if all {
			rest = ""
		}
		return sayN(names, d.line) + rest
	}
	names := make([]string, 0, len(ts))
	for _, t := range ts {
		names = append(names, words.TaskBrief(t))
	}
	return sayN(strings.Join(names, ", "), d.line)
}

// taskLine is a task with what to know of it, and last what it runs and since when.
func taskLine(t ecsops.TaskRef, fate ecsops.Fate, d depth) mrkdwn {
	s := taskSentence(t, fate)
	if facts := words.TaskFacts(t); facts != "" {
		s += "; " + facts
	}
	return sayN(s, d.line)
}

// taskLineBare is for one that stands for others like it.
func taskLineBare(t ecsops.TaskRef, fate ecsops.Fate, d depth) mrkdwn {
	return sayN(taskSentence(t, fate), d.line)
}

func taskSentence(t ecsops.TaskRef, fate ecsops.Fate) string {
	s := words.Task(t)
	if !t.Until.IsZero() {
		s += ", protected until " + words.Time(t.Until)
	}
	if fate == ecsops.FateOrphaned {
		s += ": " + words.LeftBehind(t)
	}
	return s
}

func drawSteps(s *sheet, p ecsops.Plan, d depth) {
	lines := []mrkdwn{"*What the bot does after a yes*"}
	for i, st := range p.Steps[:min(len(p.Steps), shownSteps)] {
		lines = append(lines, mrkdwn(strconv.Itoa(i+1))+". "+sayN(stepUnder(p, st), d.line))
	}
	if p.Has(ecsops.StepDrain) || p.Has(ecsops.StepWait) {
		lines = append(lines, sayN(words.DrainTime(p), d.line))
	}
	s.section("steps", lines...)
}

// stepUnder says of a force that hurts nobody why it is one.
func stepUnder(p ecsops.Plan, st ecsops.Step) string {
	if st.Kind == ecsops.StepForce && p.EndsManaged() {
		return words.Step(st) + ": ECS terminates the machine"
	}
	if st.Kind == ecsops.StepForce && (p.ProvenGhost() || p.Path == ecsops.PathHostStopped) {
		return words.Step(st) + ", as ECS still counts tasks there: nothing runs"
	}
	return words.Step(st)
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
	m := words.Machine(t)
	switch {
	case known && e.Gone():
		return ""
	case p.Path == ecsops.PathExternal:
		return say(m + " itself runs on. Before it may join anything again, remove the agents and their data there.")
	case p.Path == ecsops.PathDuplicate:
		return say(m + " runs on, and goes on costing, under its other registration.")
	case p.Intent.Terminate != ecsops.KeepRunning, p.EndsManaged():
		return say("Billing of " + m + " ends once it is terminated.")
	case !known:
		return say("Deregistering does not end billing: if " + m + " still exists, it goes on costing until it is terminated.")
	case e.State == "stopped":
		return say("Deregistering does not end billing: the disks of " + m + machineFacts(e) + " go on costing until it is terminated.")
	}
	return say("Deregistering does not end billing: " + m + machineFacts(e) + " goes on costing until it is terminated.")
}

func machineFacts(e ecsops.EC2) string {
	if e.Type == "" {
		return ""
	}
	s := " (" + words.Quote(e.Type) + ", " + words.Quote(e.State)
	if !e.LaunchedAt.IsZero() {
		s += ", launched " + words.Time(e.LaunchedAt)
	}
	if e.PublicIP != "" {
		s += ", public address " + words.Quote(e.PublicIP)
	}
	return s + ")"
}

// needs says who or what is still missing.
func needs(op workflow.Operation, reqs []policy.Requirement, o Options) []mrkdwn {
	var lines []mrkdwn
	for _, r := range reqs {
		switch {
		case r == policy.TypedID && op.Confirmed != nil:
			continue
		case r == policy.SecondPerson && len(o.Approvers) == 0 && shownPlan(op).Verdict == ecsops.Red:
			continue // the verdict says so
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
