package workflow

import (
	"slices"
	"strings"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// cleared is asked before the first order and before each irreversible one: the
// actors must still be entitled, and what was decided on must still be so.
func (w *step) cleared() (Move, bool) {
	switch {
	case w.seen.Fresh == nil:
		return Move{Want: WantFresh}, false
	case w.seen.Authority == nil:
		return Move{Want: WantAuthority}, false
	}
	if a := w.seen.Authority; a.Unreachable != "" {
		w.block(Block{Reason: BlockedAuthority, Detail: a.Unreachable})
		return w.in(authorityRetry), false
	}
	if v := w.seen.Authority.Verdict; v.Effect != policy.Allow {
		w.block(Block{Reason: BlockedAuthority, Detail: reasonList(v.Reasons)})
		return w.in(2 * authorityRetry), false
	}
	w.unblock(BlockedAuthority)
	if _, ok := w.seen.Fresh.Instance.Get(); !ok {
		w.unreadable(w.seen.Fresh.Instance.Why())
		return w.poll(), false
	}
	if changes := surprises(w.op, *w.seen.Fresh); len(changes) > 0 {
		return w.drift(changes), false
	}
	return Move{}, true
}

func reasonList(reasons []policy.Reason) string {
	out := make([]string, len(reasons))
	for i, r := range reasons {
		out[i] = string(r)
	}
	return strings.Join(out, ", ")
}

// drift stops before the next order: the difference is a new revision that asks.
func (w *step) drift(changes []ecsops.Change) Move {
	if w.seen.Fresh == nil {
		return Move{Want: WantFresh}
	}
	plan := ecsops.NewPlan(*w.seen.Fresh, w.op.Plan.Intent)
	w.op.Proposal, w.op.ProposalConfirmed = &plan, nil
	w.op.ProposalNeeds = policy.Needs(plan)
	w.op.ProposalExpires = w.now.Add(w.s.AskFor)
	w.op.Changes = changes
	w.event(Event{Type: EvRevised, Changes: changes, Digest: plan.Digest, Verdict: plan.Verdict, Rules: rules(plan)})
	w.op.Block = nil
	w.block(Block{Reason: BlockedDrift, AskedUntil: w.op.ProposalExpires})
	return Move{draft: w.draft, Next: w.op.ProposalExpires}
}

// Changes that the steps of a drain bring about themselves: tasks leave, the
// status follows our order, and the rules that spoke of them fall silent.
var broughtAbout = []string{"status", "service", "standalone", "protected", "rule", "tasks"}

// surprises are the decision-relevant differences between the plan and what is
// now, without those that the operation's own steps bring about.
func surprises(op Operation, fresh ecsops.Snapshot) []ecsops.Change {
	now := ecsops.NewPlan(fresh, op.Plan.Intent)
	begun := op.Orders > 0 || !op.DrainedAt.IsZero()
	var out []ecsops.Change
	for _, c := range ecsops.Diff(op.Plan, now) {
		if !begun || !expected(op, c) {
			out = append(out, c)
		}
	}
	if op.Plan.Has(ecsops.StepForce) {
		out = append(out, newOrphans(op.Plan, now)...)
	}
	return out
}

// expected tells a consequence of our own orders from a surprise: things leave
// the target because of them, nothing arrives.
func expected(op Operation, c ecsops.Change) bool {
	if !slices.Contains(broughtAbout, c.What) {
		return false
	}
	switch c.What {
	case "standalone", "protected":
		return c.After == "" // left; an arrival has no Before
	case "rule":
		return c.After == "" || !slices.Contains(alarming, ecsops.Rule(c.Name))
	case "status":
		return c.After == "DRAINING" && op.WasStatus == "ACTIVE" || !op.GoneAt.IsZero()
	}
	return true
}

// alarming rules are surprises whenever they appear after the decision; the
// others only mirror counts that a drain changes.
var alarming = []ecsops.Rule{ecsops.RuleOwnHost, ecsops.RuleMove, ecsops.RuleManagedInstance, ecsops.RuleAgentLost, ecsops.RuleGhost, ecsops.RuleHostStopped}

// newOrphans are tasks that a force would orphan and that nobody approved.
func newOrphans(approved, now ecsops.Plan) []ecsops.Change {
	known := arns(approved.Orphans())
	var out []ecsops.Change
	for _, t := range now.Orphans() {
		if !slices.Contains(known, t.ARN) {
			out = append(out, ecsops.Change{What: "orphan", Name: t.Name, After: t.ARN})
		}
	}
	return out
}
