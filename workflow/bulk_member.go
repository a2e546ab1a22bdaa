package workflow

import (
	"slices"

	"ecsbot/ecsops"
)

// A member of a batch of drains has no card that asks. What would be a question elsewhere
// ends it: undone, if anything was done; and the batch pauses.

// changesNow are the surprises of a running operation. Of a batch's member, what the batch
// showed and what the others of its wave bring about are none.
func changesNow(op Operation, fresh ecsops.Snapshot) []ecsops.Change {
	changes := surprises(op, fresh)
	if op.Shown == nil {
		return changes
	}
	now := ecsops.NewPlan(fresh, op.Plan.Intent)
	return slices.DeleteFunc(changes, func(c ecsops.Change) bool {
		switch c.What {
		case "service": // its tasks come and go as the others leave
			return true
		case "standalone", "protected":
			return c.Before != "" && c.Before != unknown // it ended, or ends
		case "rule", "risk":
			return !redNow(now, ecsops.Rule(c.Name)) || slices.Contains(op.Shown.Red, ecsops.Rule(c.Name))
		}
		return false
	})
}

func redNow(p ecsops.Plan, r ecsops.Rule) bool {
	return slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool { return f.Rule == r && f.Severity.Rank() >= ecsops.Red.Rank() })
}

// surprise ends a member that found what nobody approved.
func (w *step) surprise(changes []ecsops.Change) Move {
	w.op.Changes = changes
	w.event(Event{Type: EvSurprise, Changes: changes})
	switch {
	case w.op.Orders == 0 && w.op.DrainedAt.IsZero():
		w.end(Stopped, "surprise")
		return Move{draft: w.draft}
	case undoable(w.op):
		return w.giveUp("surprise")
	}
	w.op.Cause = "surprise"
	w.enter(Verifying) // too late to undo: show what is
	return w.again()
}

// outOfTime undoes a member whose drain took longer than its deadline.
func (w *step) outOfTime() Move {
	w.event(Event{Type: EvBlocked, Block: &Block{Reason: BlockedDeadline, Since: w.now}})
	return w.giveUp("deadline_undone")
}
