package workflow

import (
	"slices"
	"strings"
	"time"

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
	changes := changesNow(w.op, *w.seen.Fresh)
	if why, yes := newlyUnread(w.op.Plan.Snapshot, *w.seen.Fresh, w.matter()...); yes && (len(changes) > 0 || why.Fact == "instance") {
		w.unreadable(inspectCall, why)
		return w.poll(), false
	}
	w.over(inspectCall)
	if w.op.Batch != "" && w.op.Shown == nil && len(changes) > 0 {
		if stillGhost(w.op, *w.seen.Fresh) {
			return Move{}, true
		}
		w.end(Stopped, "came_back") // nobody is asked about one of many: its row says so
		return Move{draft: w.draft}, false
	}
	if len(changes) > 0 && onlyAgent(w.op, *w.seen.Fresh) {
		w.block(Block{Reason: BlockedAgent})
		if w.op.Block.Reason != BlockedAgent || w.agentLost() < agentPatience {
			return w.poll(), false
		}
	}
	if !w.op.AgentLostSince.IsZero() {
		w.op.AgentLostSince, w.changed = zeroTime, true
	}
	if len(changes) > 0 {
		return w.drift(changes), false
	}
	w.unblock(BlockedAgent)
	return Move{}, true
}

// agentLost is for how long an order has waited for the agent, whatever else was wrong meanwhile:
// a pause's since begins anew with each reason.
func (w *step) agentLost() time.Duration {
	if w.op.AgentLostSince.IsZero() {
		w.op.AgentLostSince, w.changed = w.op.Block.Since, true
	}
	return w.now.Sub(w.op.AgentLostSince)
}

// onlyAgent reports whether nothing is a surprise but that the agent lost its
// connection: mostly it is back within minutes.
func onlyAgent(op Operation, fresh ecsops.Snapshot) bool {
	was, _ := op.Plan.Snapshot.Instance.Get() // unknown bars a plan
	now, ok := fresh.Instance.Get()
	if !ok || now.AgentConnected || !was.AgentConnected {
		return false
	}
	now.AgentConnected = true
	fresh.Instance = ecsops.Known(now)
	return len(changesNow(op, fresh)) == 0
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
	if w.op.Shown != nil {
		return w.surprise(changes)
	}
	if w.seen.Fresh == nil {
		return Move{Want: WantFresh}
	}
	plan := ecsops.NewPlan(*w.seen.Fresh, w.op.Plan.Intent)
	w.show(&plan, w.now.Add(w.s.AskFor))
	w.op.Changes, w.op.RefusedSince = changes, zeroTime // whoever confirms it wants it tried
	w.event(Event{Type: EvRevised, Revision: w.op.Revision + 1, Changes: changes, Digest: plan.Digest, Verdict: plan.Verdict, Rules: rules(plan)})
	w.op.Block = nil
	w.block(Block{Reason: BlockedDrift, AskedUntil: w.op.ProposalExpires})
	return Move{draft: w.draft, Next: w.op.ProposalExpires}
}

// surprises are the decision-relevant differences between the plan and what is
// now, without those that the operation's own steps bring about.
func surprises(op Operation, fresh ecsops.Snapshot) []ecsops.Change {
	return differences(op, op.Plan, ecsops.NewPlan(fresh, op.Plan.Intent))
}

// differences compares a plan that people saw with what is now: what must be decided on anew.
// Until something was ordered, that is all but what only got better; then, all that the orders
// do not explain.
func differences(op Operation, shown, now ecsops.Plan) []ecsops.Change {
	var out []ecsops.Change
	if begun(op) {
		for _, c := range ecsops.Diff(shown, now) {
			if !expected(op, c) {
				out = append(out, c)
			}
		}
	} else {
		out, _ = ecsops.Weigh(shown, now)
	}
	if shown.Has(ecsops.StepForce) {
		out = append(out, newOrphans(shown, now)...)
	}
	return out
}

// begun reports whether anything was ordered, or another's drain was joined.
func begun(op Operation) bool { return op.Orders > 0 || !op.DrainedAt.IsZero() }

// eased is what got better while people read the plan, for the record of their yes.
func eased(op Operation, shown, now ecsops.Plan) []ecsops.Change {
	if begun(op) {
		return nil
	}
	_, out := ecsops.Weigh(shown, now)
	return out
}

// expected tells a consequence of our own orders from a surprise: things leave
// the target because of them, nothing arrives.
func expected(op Operation, c ecsops.Change) bool {
	if !op.GoneAt.IsZero() {
		// Deregistered: only the machine and its group still matter.
		return c.What != "ec2_id" && c.What != "ec2_state" && (c.What != "owner" || c.Name != "group")
	}
	switch c.What {
	case "service", "protected":
		return true // their tasks leave; what the service wants elsewhere is no matter of this instance
	case "standalone":
		return c.Before != "" && c.Before != unknown
	case "rule":
		return c.After == "" || !slices.Contains(alarming, ecsops.Rule(c.Name))
	case "status":
		return c.After == "DRAINING" && op.WasStatus == "ACTIVE"
	case "agent":
		return c.After == "connected" && !op.Plan.Has(ecsops.StepForce) // a drain only gets better by it
	case "owner": // the group goes on with what it was doing
		return c.Name == "lifecycle" && terminating(ecsops.Group{Lifecycle: c.Before}) && terminating(ecsops.Group{Lifecycle: c.After})
	}
	return false
}

// unknown is how Diff writes what could not be read.
const unknown = "unknown"

// alarming rules are surprises whenever they appear after the decision; the
// others only mirror counts that a drain changes.
var alarming = []ecsops.Rule{
	ecsops.RuleLastInstance, ecsops.RuleManagedInstance, ecsops.RuleAgentLost, ecsops.RuleMove, ecsops.RuleOwnHost,
	ecsops.RuleTransition, ecsops.RuleDuplicate, ecsops.RuleGhost, ecsops.RuleHostStopped, ecsops.RuleTermination, ecsops.RuleIntent,
}

// matter are the facts that must be read before an order: nil is all of them. Of a registration
// that is gone ECS soon tells nothing any more (an hour after it became INACTIVE), and nothing of it
// matters to what is ordered of its machine.
func (w *step) matter() []string {
	if w.op.GoneAt.IsZero() {
		return nil
	}
	return []string{"instance", "ec2", "group"}
}

// newlyUnread finds a fact that was read for the plan and could not be read this
// time: what differs by it is waited for, not asked about. Where facts are named, no other counts.
func newlyUnread(plan, fresh ecsops.Snapshot, facts ...string) (ecsops.Unknown, bool) {
	before := plan.Unknowns()
	for _, u := range fresh.Unknowns() {
		if len(facts) > 0 && !slices.Contains(facts, u.Fact) {
			continue
		}
		if !slices.ContainsFunc(before, func(b ecsops.Unknown) bool { return b.Fact == u.Fact }) {
			return u, true
		}
	}
	return ecsops.Unknown{}, false
}

// newOrphans are tasks that a force would orphan and that nobody approved.
func newOrphans(approved, now ecsops.Plan) []ecsops.Change {
	known := arns(approved.Lost())
	var out []ecsops.Change
	for _, t := range now.Lost() {
		if !slices.Contains(known, t.ARN) {
			out = append(out, ecsops.Change{What: "orphan", Name: t.Name, After: t.ARN})
		}
	}
	return out
}
