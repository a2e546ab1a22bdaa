package workflow

import "ecsbot/ecsops"

// deregisterNode ends the registration of an ECS Anywhere host in Systems Manager, once ECS
// has let it go: its agents live on credentials that Systems Manager gives them. It reports
// false when there is nothing left to do.
func (w *step) deregisterNode() (Move, bool) {
	node, ok := w.look.Node.Get()
	if !ok {
		why := w.look.Node.Why()
		why.Fact = "node"
		w.unreadable(lookCall, why)
		return w.poll(), true
	}
	w.read("node")
	if !node.Registered {
		return Move{}, false
	}
	if o := w.op.Order; o != nil && o.Outcome != nil && o.Action.Kind == ecsops.ActDeregisterNode {
		switch o.Outcome.Result {
		case ecsops.OK: // wait until it shows
			if w.lookedAfter(o.Outcome.At) >= settle {
				w.block(Block{Reason: BlockedConsistency, Call: string(o.Action.Kind), Detail: node.Ping})
				return w.poll(), true
			}
			return w.in(lookGap), true
		case ecsops.Refused:
			w.block(Block{Reason: blockReason(o.Outcome.Code), Call: string(o.Action.Kind), Detail: o.Outcome.Code})
			if w.refusedLong(*o.Outcome) {
				w.op.Cause = "not_deregistered_in_ssm"
				w.enter(Verifying) // which says that Systems Manager still has it
				return w.again(), true
			}
		}
	}
	if m, ok := w.cleared(); !ok {
		return m, true
	}
	return w.give(ecsops.Action{Kind: ecsops.ActDeregisterNode}), true
}
