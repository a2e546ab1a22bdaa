package workflow

import (
	"maps"
	"slices"
	"time"

	"ecsbot/ecsops"
)

const (
	// explainAfter is how long a drain may stand still before the bot asks why.
	explainAfter = 30 * time.Second
	// ExplainEvery is how often it asks again: services, protection and EC2 have small
	// buckets of their own, and what they say changes by what people do.
	ExplainEvery = time.Minute
	// holdsKept bounds what is kept of them; Left counts all tasks.
	holdsKept = 100
)

// Held reports whether anything is known to keep a drain from ending.
func (op Operation) Held() bool {
	return (op.State == Draining || op.State == StoppingTasks) && len(op.Progress.Holds) > 0
}

// Stoppable are the standalone tasks that hold op's drain and that nobody decided on.
func (op Operation) Stoppable() []ecsops.TaskRef {
	if !op.Held() {
		return nil
	}
	var out []ecsops.TaskRef
	for _, h := range op.Progress.Holds {
		if h.Cause == ecsops.HeldByStandalone {
			out = append(out, h.Task)
		}
	}
	return out
}

// MayWait reports whether someone may prolong op's wait at that time: at the deadline,
// and before it once something holds the drain and half of the time is over.
func (op Operation) MayWait(at time.Time) bool {
	if b := op.Block; b != nil && b.Reason == BlockedDeadline {
		return true
	}
	return op.Held() && !op.Deadline.IsZero() && op.Deadline.Sub(at) < deadlineOf(op.Plan)/2
}

// explains reports whether the next look must read what holds the drain.
func explains(p Progress, now time.Time) bool {
	still := !p.HeldSince.IsZero() && now.Sub(p.HeldSince) >= explainAfter
	return (still || p.AgentLost || len(p.Holds) > 0) && now.Sub(p.ExplainedAt) >= ExplainEvery
}

// holds says of each task why it has not ended, from this look and, where it did not read
// what tells, from an earlier one. While the drain moves, a task that merely has its turn
// ahead of it is not held.
func (w *step) holds(p Progress) []ecsops.Hold {
	still := !p.HeldSince.IsZero() && w.now.Sub(p.HeldSince) >= explainAfter
	before := map[string]ecsops.Hold{}
	for _, h := range w.op.Progress.Holds {
		before[h.Task.ARN] = h
	}
	all := ecsops.Holds(w.whatTells(), w.op.Plan.Intent, w.op.StartedAt)
	alone := !slices.ContainsFunc(all, func(h ecsops.Hold) bool { return h.Task.Class == ecsops.Replica && h.Cause != ecsops.HeldByOthers })
	var out []ecsops.Hold
	for _, h := range all {
		was, had := before[h.Task.ARN]
		h = w.remember(h, was, had)
		switch {
		case !h.Cause.Read():
		case had, still, h.Cause.Host(), h.Cause == ecsops.HeldByStandalone && alone:
			h.Task = w.known(h.Task)
			out = append(out, h)
		}
	}
	if !slices.ContainsFunc(out, func(h ecsops.Hold) bool { return h.Cause.Blocks() }) && !still {
		return nil // what takes its time is told once the drain stands still
	}
	return out[:min(len(out), holdsKept)]
}

// remember goes on with what an earlier look said of the task, where this one could not tell.
func (w *step) remember(h, was ecsops.Hold, had bool) ecsops.Hold {
	switch {
	case !had:
	case !h.Cause.Read() && w.stillSo(was):
		was.Task.Status = h.Task.Status
		return was
	case h.Cause == ecsops.HeldUnknown && h.Missing != nil && was.Cause != ecsops.HeldUnknown && w.stillSo(was):
		was.Task.Status, was.Missing = h.Task.Status, h.Missing // it could not be read again
		return was
	case h.Cause == was.Cause:
		h.Since = was.Since
		return h
	}
	switch {
	case !h.Since.IsZero():
	case h.Cause == ecsops.HeldByStandalone:
		h.Since = w.op.DrainedAt
	case had || h.Cause.Host():
		h.Since = w.now
	default:
		h.Since = w.op.Progress.HeldSince
	}
	return h
}

// stillSo: what an earlier look said of a task that was not told to stop holds until the
// agent comes or goes, and one look longer.
func (w *step) stillSo(was ecsops.Hold) bool {
	switch was.Cause {
	case ecsops.HeldByStandalone, ecsops.HeldByTicked, ecsops.HeldByOthers:
		return false // each look tells these
	}
	if flipped := w.op.Progress.AgentLost == w.inst.AgentConnected; flipped {
		return true // until the next look, which asks
	}
	return was.Cause.Host() != w.inst.AgentConnected
}

// whatTells is the look with what the plan read of things that do not change during a drain.
func (w *step) whatTells() ecsops.Snapshot {
	s := w.look
	s.ReadAt = w.now
	if _, read := s.TaskDefinitions.Get(); read || s.TaskDefinitions.Why().Reason == notRead {
		s.TaskDefinitions = bothDefinitions(w.op.Plan.Snapshot.TaskDefinitions, s.TaskDefinitions)
	}
	s.TargetGroups = w.op.Plan.Snapshot.TargetGroups
	if _, now := s.Services.Get(); !now {
		s.Tasks = w.withClasses(s.Tasks)
	}
	return s
}

// bothDefinitions are those of two readings: a revision never changes.
func bothDefinitions(a, b ecsops.Fact[map[string]ecsops.TaskDefinition]) ecsops.Fact[map[string]ecsops.TaskDefinition] {
	first, ok := a.Get()
	second, also := b.Get()
	switch {
	case !ok:
		return b
	case !also:
		return a
	}
	both := make(map[string]ecsops.TaskDefinition, len(first)+len(second))
	maps.Copy(both, first)
	maps.Copy(both, second)
	return ecsops.Known(both)
}

// notRead is the reason of a fact that nobody asked for.
const notRead = "not read"

// withClasses marks the daemons that the plan knows: only a look at services tells them.
func (w *step) withClasses(f ecsops.Fact[[]ecsops.Task]) ecsops.Fact[[]ecsops.Task] {
	tasks, ok := f.Get()
	if !ok {
		return f
	}
	tasks = slices.Clone(tasks)
	for i, t := range tasks {
		if t.Class == ecsops.Replica && !w.moves(t) {
			tasks[i].Class = ecsops.Daemon
		}
	}
	return ecsops.Known(tasks)
}

// withDaemons marks the managed daemons that the plan knows: a look does not ask for them.
func withDaemons(look ecsops.Snapshot, p ecsops.Plan) ecsops.Snapshot {
	daemons := map[string]bool{}
	for _, f := range p.Fates {
		daemons[f.Task.ARN] = f.Task.Class == ecsops.ManagedDaemon
	}
	tasks, ok := look.Tasks.Get()
	if !ok || !slices.ContainsFunc(tasks, func(t ecsops.Task) bool { return daemons[t.ARN] }) {
		return look
	}
	tasks = slices.Clone(tasks)
	for i, t := range tasks {
		if daemons[t.ARN] {
			tasks[i].Class = ecsops.ManagedDaemon
		}
	}
	look.Tasks = ecsops.Known(tasks)
	return look
}

// known names a task as the plan did, with its present status and protection.
func (w *step) known(t ecsops.TaskRef) ecsops.TaskRef {
	for _, f := range w.op.Plan.Fates {
		if f.Task.ARN == t.ARN {
			r := f.Task
			r.Status, r.Until, r.Class = t.Status, t.Until, t.Class
			return r
		}
	}
	return t
}

// blocking are the distinct causes that are more than progress, in a fixed order: what the
// record says of a drain.
func blocking(holds []ecsops.Hold) []ecsops.Hold {
	var out []ecsops.Hold
	for _, h := range holds {
		told := slices.ContainsFunc(out, func(o ecsops.Hold) bool { return slices.Equal(keyOf(o), keyOf(h)) })
		if h.Cause.Blocks() && !told {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b ecsops.Hold) int { return slices.Compare(keyOf(a), keyOf(b)) })
	return out
}

// keyOf is what makes two holds one cause: of a machine all tasks wait for the same.
func keyOf(h ecsops.Hold) []string {
	if h.Cause.Host() {
		return []string{string(h.Cause), ""}
	}
	return []string{string(h.Cause), h.Task.Service}
}

// sameCauses compares what the record would say.
func sameCauses(a, b []ecsops.Hold) bool {
	return slices.EqualFunc(blocking(a), blocking(b), func(x, y ecsops.Hold) bool { return slices.Equal(keyOf(x), keyOf(y)) })
}

// tellHolds records that the causes changed: not every look, and not every number in them.
func (w *step) tellHolds(was []ecsops.Hold) {
	now := w.op.Progress.Holds
	if sameCauses(was, now) || w.op.Progress.Left == 0 {
		return
	}
	told := blocking(now)
	w.event(Event{Type: EvHeld, Left: w.op.Progress.Left, Total: w.op.Progress.Total, Holds: told[:min(len(told), heldTold)]})
}

// heldTold bounds the causes of one record.
const heldTold = 10
