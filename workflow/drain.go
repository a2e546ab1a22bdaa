package workflow

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"ecsbot/ecsops"
)

// drain orders the drain, watches it to its end, and stops the standalone tasks
// that the person ticked.
func (w *step) drain() Move {
	gone, wait := w.gone()
	if gone && w.op.Plan.Has(ecsops.StepDeregisterNode) {
		w.enter(Deregistering) // Systems Manager still has it
		return w.again()
	}
	if gone {
		w.enter(Verifying) // someone else, or ECS itself, took it out
		return w.again()
	}
	if isGone(w.inst) {
		return wait
	}
	if w.inst.Status != "DRAINING" {
		return w.startDrain()
	}
	w.over(string(ecsops.ActDrain))
	if w.op.DrainedAt.IsZero() {
		w.op.DrainedAt, w.changed = w.now, true
		if w.op.WasStatus == "" || drainNotTaken(w.op.Order) {
			w.op.WasStatus = "DRAINING" // not by us: undo is not ours either
		}
	}
	tasks, ok := w.look.Tasks.Get()
	if !ok {
		w.unreadable(lookCall, w.look.Tasks.Why())
		if m, done := w.deadline(); done {
			return m
		}
		return w.poll()
	}
	w.read("tasks")
	w.watch(tasks)
	w.progress(tasks)
	if w.empty(tasks) {
		return w.drained()
	}
	if m, done := w.deadline(); done {
		return m
	}
	if ticked := w.ticked(tasks); len(ticked) > 0 {
		return w.stopTask(ticked)
	}
	w.over(string(ecsops.ActStopTask))
	return Move{draft: w.draft, Next: earliest(w.next(), w.askAt())}
}

// drainNotTaken reports whether AWS answered our order to drain with no.
func drainNotTaken(o *Order) bool {
	if o == nil || o.Outcome == nil || o.Action.Kind != ecsops.ActDrain {
		return false
	}
	switch o.Outcome.Result {
	case ecsops.Refused:
		return o.Outcome.Code != notObserved // missed by our looks, it may just have been late
	case ecsops.Throttled:
		return true
	}
	return false
}

// startDrain handles an instance that is not DRAINING (any more).
func (w *step) startDrain() Move {
	if m, done := w.deadline(); done {
		return m
	}
	switch {
	case w.inst.Status != "ACTIVE":
		w.block(Block{Reason: BlockedConsistency, Call: string(ecsops.ActDrain), Detail: w.inst.Status})
		return w.poll()
	case !w.op.DrainedAt.IsZero() && w.lookedAfter(w.op.DrainedAt) < settle:
		return w.in(lookGap)
	case !w.op.DrainedAt.IsZero():
		return w.drift([]ecsops.Change{{What: "status", Before: "DRAINING", After: "ACTIVE"}})
	}
	if m, ok := w.cleared(); !ok {
		return m
	}
	w.op.WasStatus = "ACTIVE"
	return w.give(ecsops.Action{Kind: ecsops.ActDrain})
}

// empty reports whether nothing is left to wait for. The managed daemons of a Managed
// Instance end with it: AWS does not say whether a drain that a person ordered stops them.
func (w *step) empty(tasks []ecsops.Task) bool {
	return !slices.ContainsFunc(tasks, func(t ecsops.Task) bool { return !t.Stopped() && !w.endsWithMachine(t) })
}

func (w *step) endsWithMachine(t ecsops.Task) bool {
	return t.Class == ecsops.ManagedDaemon && w.op.Plan.EndsManaged()
}

// lookedAfter is how long after t the look began. A slow look is an old one.
func (w *step) lookedAfter(t time.Time) time.Duration { return w.seen.Began.Sub(t) }

// drained goes on once every task that ever ran here is STOPPED.
func (w *step) drained() Move {
	w.unblock(BlockedTasks)
	if w.op.Plan.Path == ecsops.PathGroup {
		w.enter(Terminating)
	} else {
		w.enter(Deregistering)
	}
	return w.again()
}

// ticked are the standalone tasks to stop, once nothing else is left: those that
// the person ticked and that are neither stopped nor stopping.
func (w *step) ticked(tasks []ecsops.Task) []string {
	var out []string
	for _, t := range tasks {
		switch {
		case t.Stopped(), t.Stopping():
		case t.Class == ecsops.Standalone && slices.Contains(w.op.Plan.Intent.StopTasks, t.ARN):
			out = append(out, t.ARN)
		case w.moves(t):
			return nil // services first: their load balancers drain meanwhile
		}
	}
	return out
}

// moves reports whether a drain makes a service start the task elsewhere. ECS
// stops daemons last, when nothing else is left on the instance
// (aws/containers-roadmap#128): waiting for them first would never end.
func (w *step) moves(t ecsops.Task) bool {
	services, _ := w.op.Plan.Snapshot.Services.Get() // a look reads them seldom; unknown: only the task's own class tells
	return t.Class == ecsops.Replica && services[t.Service].Scheduling != "DAEMON"
}

func (w *step) stopTask(ticked []string) Move {
	w.enter(StoppingTasks)
	if m, ok := w.cleared(); !ok {
		return m
	}
	if o := w.op.Order; accepted(o, ecsops.ActStopTask) && o.Action.Task == ticked[0] && w.lookedAfter(o.Outcome.At) >= settle {
		w.block(Block{Reason: BlockedConsistency, Call: string(ecsops.ActStopTask), Detail: "RUNNING"})
	}
	return w.give(ecsops.Action{Kind: ecsops.ActStopTask, Task: ticked[0],
		Reason: "stopped by ecsbot operation " + w.op.ID + " for " + w.op.Requester.UserID})
}

// progress is what the card shows of a drain. A change of counts or of what
// holds it is an event; the rest only refreshes the row.
func (w *step) progress(tasks []ecsops.Task) {
	p := w.op.Progress
	was := p
	p.Status, p.Left, p.Stopping, p.Holding = w.inst.Status, 0, 0, nil
	for _, t := range tasks {
		if t.Stopped() {
			continue
		}
		p.Left++
		if t.Stopping() {
			p.Stopping++
		}
		if len(p.Holding) < 20 {
			p.Holding = append(p.Holding, w.ref(t))
		}
	}
	p.Total = max(p.Total, len(w.op.Watch), p.Left)
	if p.Left != was.Left || p.Stopping != was.Stopping || p.HeldSince.IsZero() {
		p.HeldSince = w.now
	}
	if _, read := w.look.Protection.Get(); read || w.look.Protection.Why().Reason != notRead {
		p.ExplainedAt = w.now
	}
	if p.AgentLost = !w.inst.AgentConnected; p.AgentLost != was.AgentLost {
		p.ExplainedAt = zeroTime // the next look asks what that means
	}
	p.Holds = w.holds(p)
	p.Every, p.Drains = 0, 0
	if pace := w.seen.Pace; pace.Every > w.s.Poll {
		p.Every, p.Drains = pace.Every, pace.Drains
	}
	moved := p.Left != was.Left || p.Total != was.Total
	stale := w.now.Sub(was.LookedAt) >= redrawAfter
	if moved || stale || p.AgentLost != was.AgentLost || !reflect.DeepEqual(p.Holds, was.Holds) {
		p.LookedAt = w.now
		w.changed = true
	}
	w.op.Progress = p
	if moved && p.Left > 0 {
		w.event(Event{Type: EvProgress, Left: p.Left, Total: p.Total})
	}
	w.tellHolds(was.Holds)
}

// ref names a task as the plan did, with its present status.
func (w *step) ref(t ecsops.Task) ecsops.TaskRef {
	return w.known(ecsops.TaskRef{ARN: t.ARN, Name: t.TaskDefinition[strings.LastIndexByte(t.TaskDefinition, '/')+1:],
		Service: t.Service, Class: t.Class, Status: t.LastStatus, StartedAt: t.StartedAt, StartedBy: t.StartedBy, Image: t.Image("")})
}

// deadline asks when the drain took too long, and takes silence as undo. It
// never forces by itself. A question about a changed plan comes first: proposalSilence.
func (w *step) deadline() (Move, bool) {
	if w.op.Deadline.IsZero() || w.now.Before(w.op.Deadline) || !undoable(w.op) {
		return Move{}, false
	}
	switch { // nobody is asked about one of many
	case w.op.Shown != nil:
		return w.outOfTime(), true
	case w.op.Batch != "":
		return w.memberDeadline(), true
	}
	b := w.op.Block
	switch {
	case b == nil || b.Reason != BlockedDeadline:
		w.op.Block = nil
		w.block(Block{Reason: BlockedDeadline, AskedUntil: w.now.Add(w.s.AskFor)})
		if w.op.Proposal != nil {
			w.askUntil(w.op.ProposalExpires) // a force waits for its approval: that is an answer
		}
		return Move{}, false
	case w.now.Before(b.AskedUntil):
		return Move{}, false
	}
	return w.giveUp("deadline_silence"), true
}

// undoable reports whether the instance can still be made ACTIVE again.
func undoable(op Operation) bool {
	switch op.State {
	case Draining, StoppingTasks, Deregistering:
		return !final(op)
	}
	return false
}

// giveUp undoes for want of an answer.
func (w *step) giveUp(cause string) Move {
	by := botActor
	w.op.StopBy, w.op.Cause = &by, cause
	w.event(Event{Type: EvStopAsked, Cause: cause})
	w.enter(Undoing)
	return w.again()
}

// proposalSilence hears the silence after drift or an unanswered force.
func (w *step) proposalSilence() (Move, bool) {
	if w.op.Proposal == nil {
		return Move{}, false
	}
	b := w.op.Block
	drifted := b != nil && b.Reason == BlockedDrift
	switch {
	case w.now.Before(w.op.ProposalExpires) && drifted:
		return Move{draft: w.draft, Next: w.op.ProposalExpires}, true
	case w.now.Before(w.op.ProposalExpires):
		return Move{}, false // a force is asked for; the drain goes on meanwhile
	case drifted && undoable(w.op):
		return w.giveUp("drift_silence"), true
	case drifted:
		w.op.Cause = "drift_silence"
		w.enter(Verifying) // too late to undo: show what is
		return w.again(), true
	}
	w.drop()
	return w.again(), true
}

// lookFor says what the next look must read.
func lookFor(op Operation, now time.Time) ecsops.LookFor {
	lf := ecsops.LookFor{KnownTasks: op.Watch}
	switch op.State {
	case Draining, StoppingTasks:
		lf.Holds = explains(op.Progress, now)
		// Until it is DRAINING tasks may come. What is ordered once nothing is left rests on
		// looks of other states, and on an inspection.
		lf.Sparing = !op.DrainedAt.IsZero()
	case Deregistering:
		lf.Node = op.Plan.Has(ecsops.StepDeregisterNode)
	case Terminating, Undoing:
		lf.EC2, lf.Group = true, groupName(op.Plan)
	}
	return lf
}

func serviceNames(p ecsops.Plan) []string {
	services, _ := p.Snapshot.Services.Get() // unknown: A12 said so, nothing to describe
	var out []string
	for name := range services {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func groupName(p ecsops.Plan) string {
	g, _ := p.Snapshot.Group.Get() // unknown: A12 said so
	return g.Name
}
