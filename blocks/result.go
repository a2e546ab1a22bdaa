package blocks

import (
	"strings"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// drawResult is the card's body at the end: what came of it, what remains, what was
// looked at, how far the steps came.
func drawResult(s *sheet, op workflow.Operation, d depth) {
	s.section("state", mrkdwn(stateSymbol(op))+" *"+sayN(stateWord(op), d.line)+"*", sayN(causeLine(op), d.line), took(op))
	if rest := remains(op, d); len(rest) > 0 {
		s.section("remains", append([]mrkdwn{"*What remains*"}, rest...)...)
	}
	s.section("checks", checkLines(op, d)...)
	if !op.StartedAt.IsZero() {
		s.section("steps", foldedSteps(op, d)...)
	}
}

// leavesOrphans reports an end of which nobody can say that it is clean.
func leavesOrphans(op workflow.Operation) bool {
	if op.State != workflow.Done || !forced(op) || len(op.Plan.Orphans()) == 0 || laterResult(op, "V10") == ecsops.CheckPassed {
		return false
	}
	e, known := op.Plan.Snapshot.EC2.Get()
	return !known || !e.Gone()
}

// laterResult is how a follow-up's check stands; "" when there is none.
func laterResult(op workflow.Operation, id string) ecsops.CheckResult {
	return laterCheck(op, id).Result
}

func laterCheck(op workflow.Operation, id string) ecsops.Check {
	for _, c := range op.Progress.Checks {
		if c.ID == id {
			return c
		}
	}
	return ecsops.Check{}
}

func stateSymbol(op workflow.Operation) string {
	if leavesOrphans(op) {
		return words.Symbol(ecsops.Amber)
	}
	return words.StateSymbol(op.State)
}

func stateWord(op workflow.Operation) string {
	if leavesOrphans(op) {
		return "Deregistered by force; " + words.Count(len(op.Plan.Orphans()), "task") + " left behind"
	}
	return words.State(op.State)
}

// causeLine is left out where the state says the same.
func causeLine(op workflow.Operation) string {
	if op.State == workflow.Done && (op.Cause == "verified" || op.Cause == "orphans_left" && !leavesOrphans(op)) {
		return ""
	}
	return words.Cause(op.Cause)
}

// checkLines are V1–V10: what applies line by line, what does not in one.
func checkLines(op workflow.Operation, d depth) []mrkdwn {
	cs := op.Progress.Checks
	if len(cs) == 0 {
		return nil
	}
	lines := []mrkdwn{"*What was looked at*"}
	for _, c := range cs[:min(len(cs), max(d.items, 10))] {
		if (c.Result != ecsops.CheckSkipped || words.LeftBehindUnseen(c)) && !leftToLook(op, c) {
			lines = append(lines, checkLine(c, d))
		}
	}
	if more := len(cs) - max(d.items, 10); more > 0 {
		lines = append(lines, mrkdwn("…and "+words.Count(more, "check")+" more")+seeStatus(op.ID))
	}
	if none := words.NotApplicable(cs); none != "" {
		lines = append(lines, "– "+sayN(none, d.line))
	}
	return lines
}

func checkLine(c ecsops.Check, d depth) mrkdwn {
	symbol := words.CheckSymbol(c.Result)
	if words.LeftBehindUnseen(c) {
		symbol = "?"
	}
	return mrkdwn(symbol) + " " + sayN(c.ID+" "+words.Check(c), d.line)
}

// leftToLook reports a check that a person has to look after.
func leftToLook(op workflow.Operation, c ecsops.Check) bool {
	if c.ID == "V9" || c.ID == "V10" {
		return false // followed up
	}
	return op.State == workflow.Unverified && c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped
}

// foldedSteps is one line when every step was done; when it ended or is undone, a line
// for each that was begun and one for the rest; else a line for each.
func foldedSteps(op workflow.Operation, d depth) []mrkdwn {
	if !op.State.Terminal() && op.State != workflow.Undoing || len(op.Plan.Steps) == 0 {
		return stepLines(op, d)
	}
	var lines []mrkdwn
	var done, left []string
	for i, st := range op.Plan.Steps[:min(len(op.Plan.Steps), shownSteps)] {
		switch status := statusOf(op, i); status {
		case stepDone:
			done = append(done, words.StepBrief(st))
		case stepPending:
			left = append(left, words.StepBrief(st))
		default:
			lines = append(lines, status.mark()+" "+sayN(words.Step(st), d.line)+" ("+status.words()+")")
		}
	}
	if len(done) > 0 {
		lines = append([]mrkdwn{"✓ Steps done: " + sayN(strings.Join(done, ", "), d.line)}, lines...)
	}
	if len(left) > 0 {
		lines = append(lines, "○ Not carried through: "+sayN(strings.Join(left, ", "), d.line))
	}
	return lines
}

func took(op workflow.Operation) mrkdwn {
	if op.StartedAt.IsZero() || op.EndedAt.IsZero() {
		return ""
	}
	return say("Took "+words.Duration(op.EndedAt.Sub(op.StartedAt))+", ended ") + when(op.EndedAt) + "."
}

// remains says what nobody should forget: a machine that costs, containers that
// still run, what could not be seen.
func remains(op workflow.Operation, d depth) []mrkdwn {
	var lines []mrkdwn
	if op.State == workflow.Done || op.State == workflow.Unverified {
		orphans := op.Plan.Orphans()
		switch ended := laterResult(op, "V10"); {
		case len(orphans) == 0, !forced(op), ended == ecsops.CheckPassed:
		case ended == ecsops.CheckSignedOff:
			lines = append(lines, "• ☑ A person answers for "+mrkdwn(words.Count(len(orphans), "task"))+" left behind; "+mrkdwn(words.SignedOffSeeing(laterCheck(op, "V10").At))+".")
		default:
			lines = append(lines, "• ⛔ "+sayN(sentences(words.Orphans(len(orphans), op.Target, op.Plan.Snapshot.EC2), words.OrphansHold(op.Plan)), 500))
			lines = append(lines, bullets(len(orphans), d, func(i int) mrkdwn { return taskLine(orphans[i], ecsops.FateOrphaned, d) }, seeStatus(op.ID))...)
		}
		for _, need := range words.ReuseNeeds(op.Plan) {
			lines = append(lines, "• To reuse it: "+sayN(lower(need), d.line))
		}
		if l := billingLine(op.Plan, op.Target); l != "" && op.Plan.Intent.Terminate == ecsops.KeepRunning && !seenGone(op) {
			lines = append(lines, "• "+l)
		}
		if left := words.Remaining(op.Plan); left != "" && seenGone(op) {
			lines = append(lines, "• "+sayN(left, d.line))
		}
	}
	for _, c := range op.Progress.Checks[:min(len(op.Progress.Checks), 10)] {
		if leftToLook(op, c) {
			lines = append(lines, "• Look yourself: "+checkLine(c, d))
		}
	}
	return lines
}

// seenGone reports whether the machine was found gone, at the end or later, whoever ended it.
func seenGone(op workflow.Operation) bool {
	for _, c := range op.Progress.Checks {
		if (c.ID == "V7" || c.ID == "V9") && len(c.Names) > 0 && (ecsops.EC2{State: c.Names[0]}).Gone() {
			return true
		}
	}
	return false
}

func forced(op workflow.Operation) bool { return op.Plan.Has(ecsops.StepForce) }
