package blocks

import (
	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// drawResult is the card's body at the end: what came of it, what was verified,
// what remains.
func drawResult(s *sheet, op workflow.Operation, d depth) {
	s.section("state", mrkdwn(words.StateSymbol(op.State))+" *"+sayN(words.State(op.State), d.line)+"*", sayN(words.Cause(op.Cause), d.line), took(op))
	if len(op.Progress.Checks) > 0 {
		cs := op.Progress.Checks
		s.section("checks", append([]mrkdwn{"*What was looked at*"}, bullets(len(cs), depth{max(d.items, 8), d.line}, func(i int) mrkdwn {
			return mrkdwn(words.CheckSymbol(cs[i].Result)) + " " + sayN(cs[i].ID+" "+words.Check(cs[i]), d.line)
		}, seeStatus(op.ID))...)...)
	}
	if !op.StartedAt.IsZero() {
		s.section("steps", stepLines(op, d)...)
	}
	if rest := remains(op, d); len(rest) > 0 {
		s.section("remains", append([]mrkdwn{"*What remains*"}, rest...)...)
	}
}

func took(op workflow.Operation) mrkdwn {
	if op.StartedAt.IsZero() || op.EndedAt.IsZero() {
		return ""
	}
	return say("It took "+words.Duration(op.EndedAt.Sub(op.StartedAt))+", ended ") + when(op.EndedAt) + "."
}

// remains says what nobody should forget: a machine that costs, containers that
// still run, what could not be seen.
func remains(op workflow.Operation, d depth) []mrkdwn {
	var lines []mrkdwn
	if op.State == workflow.Done || op.State == workflow.Unverified {
		if op.Plan.Intent.Terminate == ecsops.KeepRunning {
			if l := billingLine(op.Plan, op.Target); l != "" {
				lines = append(lines, "• "+l)
			}
		}
		if orphans := op.Plan.Orphans(); len(orphans) > 0 && forced(op) {
			lines = append(lines, "• ⛔ "+sayN(words.Orphans(len(orphans), op.Target, op.Plan.Snapshot.EC2), 400))
			lines = append(lines, bullets(len(orphans), d, func(i int) mrkdwn { return taskLine(orphans[i], ecsops.FateOrphaned, d) }, seeStatus(op.ID))...)
		}
	}
	if op.State == workflow.Unverified || op.State == workflow.Failed {
		for _, c := range op.Progress.Checks[:min(len(op.Progress.Checks), 8)] {
			if c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped {
				lines = append(lines, "• "+sayN("Look yourself: "+words.Check(c)+".", d.line))
			}
		}
	}
	return lines
}

func forced(op workflow.Operation) bool { return op.Plan.Has(ecsops.StepForce) }
