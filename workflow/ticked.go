package workflow

import (
	"slices"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// applyStopTasks adds standalone tasks to those that a running drain stops. It is a new
// revision of the plan, confirmed in the same act: the person saw the tasks by name. Where
// the plan needs a second person, so does this. The orders come as for tasks that were
// ticked beforehand: services first, and everything is looked at again before each.
func applyStopTasks(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	switch {
	case d.op.State != Draining && d.op.State != StoppingTasks, final(d.op):
		return Answer{Kind: TooLate, Detail: string(d.op.State)}
	case d.op.Proposal != nil:
		return Answer{Kind: Changed, Changes: d.op.Changes} // another question is open: that one first
	case fresh == nil:
		return Answer{Kind: Unreadable}
	case unread(*fresh) != "":
		return Answer{Kind: Unreadable, Detail: unread(*fresh)}
	}
	tasks, ok := fresh.Snapshot.Tasks.Get()
	if !ok {
		why := fresh.Snapshot.Tasks.Why()
		return Answer{Kind: Unreadable, Detail: why.Call + ": " + why.Reason}
	}
	more := stillToStop(d.op, tasks, dec.Tasks)
	if len(more) == 0 {
		return Answer{Kind: TooLate, Detail: "no_tasks"}
	}
	plan := withStandalone(d.op.Plan, fresh.Snapshot, tasks)
	plan.Intent.StopTasks = append(slices.Clone(plan.Intent.StopTasks), more...)
	plan = ecsops.NewPlan(plan.Snapshot, plan.Intent)
	return adopt(d, dec, plan, more, s)
}

// stillToStop keeps of the ticked those that run there, belong to no service, and that
// nobody ticked before.
func stillToStop(op Operation, tasks []ecsops.Task, ticked []string) []string {
	var out []string
	for _, t := range tasks {
		if t.Class == ecsops.Standalone && !t.Stopped() && !t.Stopping() && slices.Contains(ticked, t.ARN) &&
			!slices.Contains(op.Plan.Intent.StopTasks, t.ARN) {
			out = append(out, t.ARN)
		}
	}
	return out
}

// withStandalone adds to what the plan knows the standalone tasks that came after it. All
// else stays as it was when the drain began: the verification compares with that.
func withStandalone(p ecsops.Plan, fresh ecsops.Snapshot, tasks []ecsops.Task) ecsops.Plan {
	known, _ := p.Snapshot.Tasks.Get() // unread: what came since is all there is to know
	known = slices.Clone(known)
	for _, t := range tasks {
		has := slices.ContainsFunc(known, func(k ecsops.Task) bool { return k.ARN == t.ARN })
		if t.Class == ecsops.Standalone && !t.Stopped() && !has {
			known = append(known, t)
		}
	}
	if _, ok := p.Snapshot.Tasks.Get(); ok {
		p.Snapshot.Tasks = ecsops.Known(known)
	} else {
		p.Snapshot.Tasks = fresh.Tasks
	}
	p.Snapshot.TaskDefinitions = bothDefinitions(p.Snapshot.TaskDefinitions, fresh.TaskDefinitions)
	return p
}

// adopt puts the confirmed revision in place, or before a second person.
func adopt(d *draft, dec Decision, plan ecsops.Plan, more []string, s Settings) Answer {
	d.show(&plan, d.now.Add(s.ProposalTTL))
	a := &Approval{Actor: dec.Actor, Revision: d.op.Revision + 1, Digest: plan.Digest, At: d.now}
	d.op.ProposalConfirmed, d.op.Changes = a, nil
	d.event(Event{Type: EvTicked, Actor: dec.Actor, Channel: dec.Channel, Digest: plan.Digest, Revision: a.Revision,
		Verdict: plan.Verdict, Tasks: more})
	if slices.Contains(policy.Needs(plan), policy.SecondPerson) {
		askApproval(d, a.Revision, s)
		return Answer{Kind: Accepted, Detail: "awaiting_approval"}
	}
	begin(d, nil)
	return Answer{Kind: Accepted}
}
