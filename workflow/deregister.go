package workflow

import (
	"time"

	"ecsbot/ecsops"
)

// deregister takes the registration away, after a drain with force=false: ECS
// itself then refuses while a task runs, a free interlock.
func (w *step) deregister() Move {
	gone, wait := w.gone()
	if gone && w.op.StopBy == nil && w.op.Plan.Has(ecsops.StepDeregisterNode) {
		if m, busy := w.deregisterNode(); busy {
			return m
		}
	}
	if gone {
		return w.afterGone()
	}
	if isGone(w.inst) {
		return wait
	}
	if m, done := w.deadline(); done {
		return m
	}
	if o := w.op.Order; o != nil && o.Outcome != nil && isDeregister(o.Action.Kind) {
		switch {
		case o.Outcome.Result == ecsops.OK: // wait until it shows
			if w.lookedAfter(o.Outcome.At) >= settle {
				w.block(Block{Reason: BlockedConsistency, Call: string(o.Action.Kind), Detail: w.inst.Status})
				return w.poll()
			}
			return w.in(lookGap)
		case o.Outcome.Result == ecsops.Refused && w.refused(*o.Outcome):
			return w.again()
		}
	}
	force := w.op.Plan.Has(ecsops.StepForce)
	if !force || w.op.Plan.Has(ecsops.StepWait) {
		if m, back := w.stillTasks(); back {
			return m
		}
	}
	if w.endsByItself() {
		return w.poll()
	}
	if m, ok := w.cleared(); !ok {
		return m
	}
	kind := ecsops.ActDeregister
	if force {
		kind = ecsops.ActForceDeregister
	}
	return w.give(ecsops.Action{Kind: kind})
}

// endsByItself: ECS terminates a drained Managed Instance when it is idle. Then there is
// nothing left to order.
func (w *step) endsByItself() bool {
	if w.op.Plan.Path != ecsops.PathManaged || w.seen.Fresh == nil {
		return false
	}
	machine, ok := w.seen.Fresh.EC2.Get()
	return ok && leaving(machine)
}

func isDeregister(k ecsops.ActionKind) bool {
	return k == ecsops.ActDeregister || k == ecsops.ActForceDeregister
}

// refused reads why ECS said no. It reports whether the state changed.
func (w *step) refused(out ecsops.Outcome) bool {
	switch {
	case out.Code == "InvalidParameterException" && w.op.Plan.Has(ecsops.StepWait):
		w.enter(Draining) // tasks run after all: back to watching them
		w.block(Block{Reason: BlockedTasks, Call: string(w.op.Order.Action.Kind), Detail: out.Code})
		w.op.Order.Outcome.Code = "TasksRunning" // seen: do not turn back twice for one answer
		return true
	case out.Code == "TasksRunning", out.Code == notObserved:
		return false
	}
	w.block(Block{Reason: blockReason(out.Code), Call: string(w.op.Order.Action.Kind), Detail: out.Code})
	return false
}

// stillTasks goes back to watching when the look shows a task that is not STOPPED.
func (w *step) stillTasks() (Move, bool) {
	tasks, ok := w.look.Tasks.Get()
	if !ok {
		w.unreadable(lookCall, w.look.Tasks.Why())
		return w.poll(), true
	}
	w.read("tasks")
	w.watch(tasks)
	if !w.empty(tasks) {
		w.enter(Draining)
		return w.again(), true
	}
	return Move{}, false
}

// afterGone goes on once the registration is gone.
func (w *step) afterGone() Move {
	w.unblock()
	if w.op.StopBy == nil && w.op.Plan.Has(ecsops.StepTerminate) {
		w.enter(Terminating)
	} else {
		w.enter(Verifying)
	}
	return w.again()
}

// terminationWait is how long the machine must live after a force: its load
// balancers still send it what they drain.
func terminationWait(p ecsops.Plan) time.Duration {
	if p.Path != ecsops.PathForce {
		return 0
	}
	groups, _ := p.Snapshot.TargetGroups.Get() // unknown: A12 said so
	var longest time.Duration
	for _, g := range groups {
		longest = max(longest, g.Deregister)
	}
	return longest
}
