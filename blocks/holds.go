package blocks

import (
	"slices"

	"ecsbot/ecsops"
	"ecsbot/words"
	"ecsbot/workflow"
)

// holdsBudget is what the causes may take of a card; the rest is in the status.
const holdsBudget = 2200

// drawHolds says of each cause which tasks it holds, since when, and what would free them.
func drawHolds(s *sheet, op workflow.Operation, d depth) {
	if !op.Held() {
		return
	}
	if op.Proposal != nil { // what is asked comes first; the plan above names the tasks
		if held := words.HeldBy(blocking(op)); held != "" {
			s.section("holds", "*What holds it:* "+sayN(held, d.line))
		}
		return
	}
	groups := words.HoldGroups(op.Progress.Holds)
	lines, used, shown := []mrkdwn{"*What holds it*"}, 0, 0
	for _, g := range groups[:min(len(groups), max(d.items, 1))] {
		more := holdLines(g, d)
		for _, l := range more {
			used += runeCount(string(l)) + 1
		}
		if used > holdsBudget && shown > 0 {
			break
		}
		lines = append(lines, more...)
		shown++
	}
	if left := len(groups) - shown; left > 0 {
		lines = append(lines, "• …and "+mrkdwn(words.Count(left, "more cause"))+seeStatus(op.ID))
	}
	s.section("holds", lines...)
}

// shownQuote is how much of a service's event a card shows, in runes.
const shownQuote = 330

// holdLines are one cause: tasks and title, then the numbers, the service's own words and
// the way out.
func holdLines(g words.HoldGroup, d depth) []mrkdwn {
	e := words.Hold(g.Hold)
	head := "• " + sayN(g.Names(), d.line) + ": *" + sayN(e.Title, 200) + "*"
	if !g.Hold.Since.IsZero() {
		head += ", since " + when(g.Hold.Since)
	}
	out := []mrkdwn{head}
	if e.Detail != "" {
		out = append(out, "   "+sayN(e.Detail, d.line))
	}
	if q := codeLong(words.ShortQuote(g.Hold.Quote), min(d.line, shownQuote)); q != "" {
		out = append(out, "   The service says: "+q)
	}
	if e.WayOut != "" {
		out = append(out, "   → "+sayN(e.WayOut, d.line))
	}
	return out
}

// heldDetails are the causes uncut, one task each.
func heldDetails(op workflow.Operation) []mrkdwn {
	if !op.Held() {
		return nil
	}
	var out []mrkdwn
	for _, h := range op.Progress.Holds {
		quote := h.Quote
		h.Quote = ""
		line := "• " + sayN(words.HoldLine(h, words.Task(h.Task)), 900)
		if q := codeLong(quote, words.QuoteLimit+2); q != "" {
			line += " The service says: " + q
		}
		out = append(out, line+" In full "+code(words.TaskID(h.Task.ARN)))
	}
	return out
}

// explained are the tasks whose cause is said one by one.
func explained(op workflow.Operation) map[string]bool {
	out := map[string]bool{}
	if op.Held() && op.Proposal == nil {
		for _, h := range op.Progress.Holds {
			out[h.Task.ARN] = true
		}
	}
	return out
}

// unexplained are the tasks that are still there, without those whose cause is said.
func unexplained(op workflow.Operation) []ecsops.TaskRef {
	said := explained(op)
	return slices.DeleteFunc(slices.Clone(op.Progress.Holding), func(t ecsops.TaskRef) bool { return said[t.ARN] })
}

// blocking are one hold for each cause and service that is more than progress.
func blocking(op workflow.Operation) []ecsops.Hold {
	if !op.Held() {
		return nil
	}
	var out []ecsops.Hold
	for _, g := range words.HoldGroups(op.Progress.Holds) {
		if g.Hold.Cause.Blocks() {
			out = append(out, g.Hold)
		}
	}
	return out
}

// runningVerbs are the buttons of a drain under way, by what holds it.
func runningVerbs(op workflow.Operation) []workflow.Verb {
	var out []workflow.Verb
	asked := op.Block != nil && op.Block.Reason == workflow.BlockedDeadline
	if op.MayWait(op.Progress.LookedAt) {
		out = append(out, workflow.Wait)
	}
	if len(op.Stoppable()) > 0 {
		out = append(out, workflow.StopTasks)
	}
	out = append(out, workflow.Stop)
	if op.Plan.Intent.Purpose == ecsops.Reuse {
		return out // every task is to be stopped, none left behind
	}
	if asked || op.Held() && slices.ContainsFunc(op.Progress.Holds, func(h ecsops.Hold) bool {
		return h.Cause == ecsops.HeldByHostStop || h.Cause == ecsops.HeldByHostGone
	}) {
		out = append(out, workflow.Force)
	}
	return out
}
