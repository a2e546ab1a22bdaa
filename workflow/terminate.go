package workflow

import (
	"time"

	"ecsbot/ecsops"
)

// terminatePatience is how long a refused termination is tried before the
// operation goes on to verify, and says that the machine still runs.
const terminatePatience = 20 * time.Minute

// terminate ends the machine that the registration was bound to, through its
// Auto Scaling group when it has one.
func (w *step) terminate() Move {
	machine, ok := w.look.EC2.Get()
	if !ok {
		w.unreadable(lookCall, w.look.EC2.Why())
		return w.poll()
	}
	w.read("ec2")
	gone, wait := w.gone()
	if leaving(machine) {
		return w.afterTermination(gone, machine)
	}
	if isGone(w.inst) && !gone {
		return wait
	}
	if group, known := w.look.Group.Get(); known && terminating(group) && w.op.OrderedTermination.IsZero() {
		w.op.OrderedTermination, w.changed = w.now, true // by us or not: there is nothing left to order
	}
	if !w.op.OrderedTermination.IsZero() {
		return w.waitForMachine(w.op.OrderedTermination, machine)
	}
	if w.op.StopBy != nil {
		w.enter(Verifying)
		return w.again()
	}
	if !w.op.Plan.Has(ecsops.StepTerminate) {
		return w.waitForMachine(w.op.StartedAt, machine) // the group terminates it by itself
	}
	if !gone && w.op.Plan.Path != ecsops.PathGroup && w.op.Plan.Path != ecsops.PathMachine { // an inspection finds what it is, and asks
		w.enter(Deregistering) // it reads as registered after all: no machine goes before its registration
		return w.in(lookGap)
	}
	if o := w.op.Order; o != nil && o.Outcome != nil && isTermination(o.Action.Kind) {
		if o.Outcome.Result == ecsops.OK {
			w.op.OrderedTermination, w.changed = o.Outcome.At, true
			return w.poll()
		}
		if m, done := w.terminationRefused(*o.Outcome); done {
			return m
		}
	}
	if until := w.op.GoneAt.Add(terminationWait(w.op.Plan)); w.now.Before(until) {
		return Move{draft: w.draft, Next: until}
	}
	if m, ok := w.cleared(); !ok {
		return m
	}
	return w.give(w.termination())
}

// waitForMachine waits for a machine that was told to end: hooks and managed
// draining may take hours, and say so after a while.
func (w *step) waitForMachine(since time.Time, machine ecsops.EC2) Move {
	if w.now.Sub(since) >= terminatePatience {
		b := Block{Reason: BlockedConsistency, Call: string(ecsops.ActTerminateEC2), Detail: machine.State}
		if groupName(w.op.Plan) != "" {
			b.Reason, b.Call = BlockedGroup, string(ecsops.ActTerminateInGroup)
		}
		w.block(b)
	}
	return w.poll()
}

func isTermination(k ecsops.ActionKind) bool {
	return k == ecsops.ActTerminateEC2 || k == ecsops.ActTerminateInGroup
}

func (w *step) termination() ecsops.Action {
	for _, s := range w.op.Plan.Steps {
		if s.Kind == ecsops.StepTerminate && s.Group != "" {
			return ecsops.Action{Kind: ecsops.ActTerminateInGroup, Group: s.Group, Decrement: s.Terminate == ecsops.Shrink}
		}
	}
	return ecsops.Action{Kind: ecsops.ActTerminateEC2}
}

// terminationRefused keeps trying for a while: groups answer ScalingActivityInProgress.
func (w *step) terminationRefused(out ecsops.Outcome) (Move, bool) {
	if out.Result != ecsops.Refused {
		return Move{}, false
	}
	reason := BlockedGroup
	if blockReason(out.Code) == BlockedCredentials {
		reason = BlockedCredentials
	}
	w.block(Block{Reason: reason, Call: string(w.op.Order.Action.Kind), Detail: out.Code})
	if !w.refusedLong(out) {
		return Move{}, false
	}
	w.op.Cause = "not_terminated"
	w.enter(Verifying)
	return w.again(), true
}

// refusedLong counts from the first refusal: a pause begins anew whenever its reason changes,
// and AWS may refuse for one reason now and for another a minute later.
func (w *step) refusedLong(out ecsops.Outcome) bool {
	if w.op.RefusedSince.IsZero() {
		w.op.RefusedSince, w.changed = out.At, true
	}
	return out.At.Sub(w.op.RefusedSince) >= terminatePatience
}

// afterTermination waits for the registration to follow the machine, and
// deregisters what still lingers (bottlerocket-test-system#717).
func (w *step) afterTermination(gone bool, machine ecsops.EC2) Move {
	if w.op.OrderedTermination.IsZero() {
		w.op.OrderedTermination, w.changed = w.now, true
	}
	if gone {
		w.enter(Verifying)
		return w.again()
	}
	if isGone(w.inst) {
		return w.in(secondLook)
	}
	switch {
	case !machine.Gone():
		return w.waitForMachine(w.op.OrderedTermination, machine)
	case w.now.Sub(w.op.OrderedTermination) < w.s.Linger:
		return w.poll()
	case w.op.StopBy != nil, // nothing more is ordered after a stop
		w.now.Sub(w.op.OrderedTermination) >= 2*w.s.Linger: // ECS refuses, as it shows tasks: say what is left, never force
		w.enter(Verifying)
		return w.again()
	}
	return w.give(ecsops.Action{Kind: ecsops.ActDeregister})
}

// verify looks at what was done until everything that can be seen was seen.
func (w *step) verify() Move {
	over := w.verifyOver()
	if w.seen.After == nil {
		return Move{Want: WantAfter}
	}
	checks := ecsops.Verify(w.op.Plan, *w.seen.After)
	if !sameChecks(checks, w.op.Progress.Checks) {
		w.op.Progress.LookedAt = w.now
		w.event(Event{Type: EvChecked, Checks: checks})
	}
	w.op.Progress.Checks = checks // the result says also what was not worth telling, as why a read failed
	switch {
	case settled(checks):
		if orphansLeft(checks) {
			w.end(Done, w.endCause("orphans_left"))
		} else {
			w.end(Done, w.endCause("verified"))
		}
		return Move{draft: w.draft}
	case over:
		w.end(Unverified, w.endCause("not_all_verified"))
		return Move{draft: w.draft}
	}
	return Move{draft: w.draft, Next: earliest(w.next(), w.op.VerifyBy)}
}

// verifyOver reports whether the time for looking is over; it begins with the first look.
func (w *step) verifyOver() bool {
	if w.op.VerifyBy.IsZero() {
		w.op.VerifyBy, w.changed = w.now.Add(w.s.VerifyFor), true
	}
	return !w.now.Before(w.op.VerifyBy)
}

func (w *step) endCause(otherwise string) string {
	if w.op.Cause != "" {
		return w.op.Cause
	}
	return otherwise
}

// orphansLeft reports whether containers of a force may still run: ECS shows
// their tasks as STOPPED, which proves nothing.
func orphansLeft(checks []ecsops.Check) bool {
	for _, c := range checks {
		if c.ID == "V5" && c.Result != ecsops.CheckPassed && len(c.Names) > 0 {
			return true
		}
	}
	return false
}

// settled reports whether every check passed or does not apply.
func settled(checks []ecsops.Check) bool {
	for _, c := range checks {
		if c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped {
			return false
		}
	}
	return len(checks) > 0
}

func sameChecks(a, b []ecsops.Check) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].ID || a[i].Result != b[i].Result || a[i].Count != b[i].Count {
			return false
		}
	}
	return true
}

// undo makes the instance ACTIVE again, if it was we who set it DRAINING. It
// never needs policy.
func (w *step) undo() Move {
	gone, wait := w.gone()
	if gone {
		w.op.Progress.Status = w.inst.Status
		w.enter(Verifying) // it left meanwhile: show what is
		return w.again()
	}
	if isGone(w.inst) {
		return wait
	}
	cause := "stopped"
	if w.op.Cause != "" {
		cause = w.op.Cause
	}
	switch {
	case w.inst.Status == "ACTIVE":
		return w.undone(cause)
	case w.op.WasStatus != "ACTIVE":
		w.end(Stopped, cause+"_not_ours")
		return Move{draft: w.draft}
	}
	group, known := w.look.Group.Get()
	if known && terminating(group) {
		w.end(Stopped, "group_terminating")
		return Move{draft: w.draft}
	}
	if o := w.op.Order; o != nil && o.Action.Kind == ecsops.ActUndrain && o.Outcome != nil {
		switch o.Outcome.Result {
		case ecsops.OK:
			if w.lookedAfter(o.Outcome.At) < settle {
				return w.in(lookGap)
			}
			w.block(Block{Reason: BlockedConsistency, Call: string(ecsops.ActUndrain), Detail: w.inst.Status}) // drained again: ask again
		case ecsops.Refused:
			if o.Outcome.Code != notObserved {
				w.block(Block{Reason: blockReason(o.Outcome.Code), Call: string(ecsops.ActUndrain), Detail: o.Outcome.Code})
			}
		}
	}
	return w.give(ecsops.Action{Kind: ecsops.ActUndrain})
}

// undone ends a stop once the instance was seen ACTIVE; after a drain of ours,
// only when that was not the moment before a late order lands.
func (w *step) undone(cause string) Move {
	if o := w.op.Order; o != nil && o.Action.Kind == ecsops.ActDrain && w.lookedAfter(o.At) < settle && o.Outcome != nil && o.Outcome.Result == ecsops.OK {
		return w.in(lookGap)
	}
	w.op.Progress.Status = "ACTIVE"
	w.end(Stopped, cause)
	return Move{draft: w.draft}
}
