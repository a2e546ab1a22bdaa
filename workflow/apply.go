package workflow

import (
	"slices"
	"strings"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// apply changes a draft by one person's decision. It is pure; fresh is the plan
// of what is now (nil for verbs that need none). It returns the answer; when the
// draft did not change there is nothing to commit.
func apply(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	if dec.Verdict.Effect != policy.Allow && dec.Verdict.Effect != policy.Require {
		return Answer{Kind: NotYours, Reasons: dec.Verdict.Reasons}
	}
	if d.op.State.Terminal() && dec.Verb != Stop {
		return ended(d.op)
	}
	if d.op.IsBatch() {
		return applyBatch(d, dec, s)
	}
	switch dec.Verb {
	case Confirm:
		return applyConfirm(d, dec, fresh, s)
	case Approve:
		return applyApprove(d, dec, fresh, s)
	case Deny:
		return applyDeny(d, dec)
	case Stop:
		return applyStop(d, dec)
	case Cancel:
		return applyCancel(d, dec)
	case Wait:
		return applyWait(d, dec)
	case Force:
		return applyForce(d, dec, fresh, s)
	case StopTasks:
		return applyStopTasks(d, dec, fresh, s)
	}
	if _, chooses := dec.Verb.Chooses(); chooses {
		return applyChoice(d, dec, fresh, s)
	}
	return Answer{Kind: NotYours}
}

func ended(op Operation) Answer {
	switch op.State {
	case Expired:
		return Answer{Kind: WasExpired}
	case RefusedOp, Stopped, Done, Unverified:
		return Answer{Kind: AlreadyDone, By: decider(op), Detail: op.Cause}
	}
	return Answer{Kind: TooLate, Detail: string(op.State)}
}

// decider is who decided last, for "already done by".
func decider(op Operation) Actor {
	switch {
	case op.StopBy != nil:
		return *op.StopBy
	case len(op.Approvals) > 0:
		return op.Approvals[len(op.Approvals)-1].Actor
	case op.Confirmed != nil:
		return op.Confirmed.Actor
	}
	return op.Requester
}

// pending is the plan that awaits a decision: the proposal of a running
// operation, or the plan of one that has not begun.
func pending(op Operation) (plan ecsops.Plan, revision int, needs []policy.Requirement, ok bool) {
	switch {
	case op.Proposal != nil:
		return *op.Proposal, op.Revision + 1, op.ProposalNeeds, true
	case op.State == Proposed || op.State == AwaitingApproval:
		return op.Plan, op.Revision, op.Needs, true
	}
	return ecsops.Plan{}, op.Revision, nil, false
}

func pendingExpired(d *draft) bool {
	if d.op.Proposal != nil {
		return !d.now.Before(d.op.ProposalExpires)
	}
	return !d.now.Before(d.op.ExpiresAt)
}

func applyConfirm(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	plan, revision, needs, ok := pending(d.op)
	switch {
	case !ok && droppedBefore(d.op, dec):
		return Answer{Kind: TooLate, Detail: "dropped"}
	case !ok:
		return Answer{Kind: AlreadyDone, By: decider(d.op)}
	case dec.Revision != 0 && dec.Revision < revision:
		return Answer{Kind: Changed, Changes: d.op.Changes}
	case dec.Revision > revision:
		return Answer{Kind: TooLate}
	case final(d.op):
		return Answer{Kind: TooLate, Detail: "deregistered"}
	case pendingExpired(d):
		return expireNow(d)
	case confirmed(d.op) != nil:
		return Answer{Kind: AlreadyDone, By: confirmed(d.op).Actor}
	case len(plan.Steps) == 0 || len(plan.Barred()) > 0:
		return Answer{Kind: NotYours, Reasons: []policy.Reason{policy.ReasonBarred}}
	case slices.Contains(needs, policy.TypedID) && !typed(d.op.Target, dec.Typed):
		return Answer{Kind: Mistyped}
	}
	if answer, drifted := driftAtClick(d, dec, plan, fresh, s); drifted {
		return answer
	}
	better := eased(d.op, plan, *fresh)
	if len(dec.Tasks) > 0 {
		plan.Intent.StopTasks = standaloneOf(plan, dec.Tasks)
		plan = ecsops.NewPlan(plan.Snapshot, plan.Intent)
		setPending(d, plan)
	}
	a := Approval{Actor: dec.Actor, Revision: revision, Digest: plan.Digest, At: d.now}
	setConfirmed(d, a)
	d.event(Event{Type: EvConfirmed, Actor: dec.Actor, Channel: dec.Channel, Digest: plan.Digest, Revision: revision,
		Tasks: plan.Intent.StopTasks, Changes: better})
	if slices.Contains(needs, policy.SecondPerson) {
		askApproval(d, revision, s)
		return Answer{Kind: Accepted, Detail: "awaiting_approval"}
	}
	begin(d, nil)
	return Answer{Kind: Accepted}
}

// droppedBefore reports a yes to the revision that was dropped last: the plan that runs has its
// number since, and was decided on by others.
func droppedBefore(op Operation, dec Decision) bool {
	return dec.Revision != 0 && dec.Revision == op.Dropped
}

// typed compares what a person typed with the target's ids.
func typed(t ecsops.Target, s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	return s != "" && (s == strings.ToLower(string(t.EC2)) || s == strings.ToLower(t.InstanceID()))
}

// standaloneOf keeps the ticked tasks that the plan knows as standalone.
func standaloneOf(p ecsops.Plan, ticked []string) []string {
	var out []string
	for _, f := range p.Fates {
		if f.Task.Class == ecsops.Standalone && slices.Contains(ticked, f.Task.ARN) {
			out = append(out, f.Task.ARN)
		}
	}
	return out
}

func confirmed(op Operation) *Approval {
	if op.Proposal != nil {
		return op.ProposalConfirmed
	}
	return op.Confirmed
}

func setConfirmed(d *draft, a Approval) {
	if d.op.Proposal != nil {
		d.op.ProposalConfirmed = &a
		return
	}
	d.op.Confirmed = &a
}

func setPending(d *draft, p ecsops.Plan) {
	if d.op.Proposal != nil {
		d.op.Proposal = &p
		return
	}
	d.op.Plan = p
}

func askApproval(d *draft, revision int, s Settings) {
	if d.op.Proposal == nil {
		d.op.State = AwaitingApproval
		d.op.ExpiresAt = d.now.Add(s.ProposalTTL)
	} else {
		d.op.ProposalExpires = d.now.Add(s.ProposalTTL)
		d.askUntil(d.op.ProposalExpires)
	}
	d.event(Event{Type: EvAsked, Revision: revision})
}

// driftAtClick compares what was shown with what is now. A difference becomes a
// new revision that asks again; the click then decides nothing.
func driftAtClick(d *draft, dec Decision, shown ecsops.Plan, fresh *ecsops.Plan, s Settings) (Answer, bool) {
	if fresh == nil {
		return Answer{Kind: Unreadable}, true
	}
	if why := unread(*fresh); why != "" {
		return Answer{Kind: Unreadable, Detail: why}, true
	}
	changes := differences(d.op, shown, *fresh)
	if len(changes) == 0 {
		return Answer{}, false
	}
	d.op.Changes = changes
	if d.op.Proposal != nil {
		d.show(fresh, d.now.Add(s.AskFor))
		d.askUntil(d.op.ProposalExpires)
	} else {
		d.op.Plan, d.op.Confirmed, d.op.Approvals = *fresh, nil, nil
		d.op.State, d.op.Needs, d.op.ExpiresAt = Proposed, policy.Needs(*fresh), d.now.Add(s.ProposalTTL)
		d.op.Revision++
	}
	_, revision, _, _ := pending(d.op)
	d.event(Event{Type: EvRevised, Actor: dec.Actor, Channel: dec.Channel, Action: policy.Action(dec.Verb),
		Revision: revision, Changes: changes, Digest: fresh.Digest, Verdict: fresh.Verdict, Rules: rules(*fresh)})
	return Answer{Kind: Changed, Changes: changes}, true
}

// unread says why the registration itself could not be read, or "".
func unread(p ecsops.Plan) string {
	if _, ok := p.Snapshot.Instance.Get(); ok {
		return ""
	}
	why := p.Snapshot.Instance.Why()
	return why.Call + ": " + why.Reason
}

func expireNow(d *draft) Answer {
	if d.op.Proposal == nil {
		expireDraft(d)
	}
	return Answer{Kind: WasExpired}
}

func applyApprove(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	plan, revision, needs, ok := pending(d.op)
	c := confirmed(d.op)
	switch {
	case !ok && droppedBefore(d.op, dec):
		return Answer{Kind: TooLate, Detail: "dropped"}
	case !ok:
		return Answer{Kind: AlreadyDone, By: decider(d.op)}
	case dec.Revision != 0 && dec.Revision < revision:
		return Answer{Kind: Changed, Changes: d.op.Changes}
	case dec.Revision > revision:
		return Answer{Kind: TooLate}
	case final(d.op):
		return Answer{Kind: TooLate, Detail: "deregistered"}
	case c == nil || !slices.Contains(needs, policy.SecondPerson):
		return Answer{Kind: TooLate, Detail: "nothing_to_approve"}
	case pendingExpired(d):
		return expireNow(d)
	case same(dec.Actor, d.op.Requester), same(dec.Actor, c.Actor):
		return Answer{Kind: NotYours, Reasons: []policy.Reason{policy.ReasonSelfApproval}}
	}
	if answer, drifted := driftAtClick(d, dec, plan, fresh, s); drifted {
		return answer
	}
	a := Approval{Actor: dec.Actor, Revision: revision, Digest: plan.Digest, At: d.now}
	d.event(Event{Type: EvApproved, Actor: dec.Actor, Channel: dec.Channel, Digest: plan.Digest, Revision: revision,
		Tasks: arns(plan.Lost()), Changes: eased(d.op, plan, *fresh)})
	begin(d, &a)
	return Answer{Kind: Accepted}
}

// same compares people by id; an actor without an id is nobody's equal and
// everybody's suspect.
func same(a, b Actor) bool {
	return a.UserID == "" || b.UserID == "" || a.UserID == b.UserID
}

// begin starts the decided plan, or puts a decided revision in place of the
// running one.
func begin(d *draft, approval *Approval) {
	if p := d.op.Proposal; p != nil {
		restart(d, *p)
	}
	d.op.Approvals = nil
	if approval != nil {
		d.op.Approvals = []Approval{*approval}
	}
	if d.op.StartedAt.IsZero() {
		d.op.StartedAt = d.now
	}
	d.op.Deadline = d.now.Add(deadlineOf(d.op.Plan))
	tasks, _ := d.op.Plan.Snapshot.Tasks.Get() // unknown tasks are red (A12); the looks list them
	d.watch(tasks)
	if d.op.Progress.LookedAt.IsZero() {
		d.op.Progress.Left = len(d.op.Watch) // until the first look
	}
	d.op.Progress.Total = max(d.op.Progress.Total, len(d.op.Watch))
	d.op.Block = nil
	d.enter(firstState(d.op))
}

func restart(d *draft, p ecsops.Plan) {
	d.op.Plan, d.op.Proposal, d.op.ProposalExpires = p, nil, zeroTime
	d.op.Revision++
	d.op.Confirmed, d.op.ProposalConfirmed = d.op.ProposalConfirmed, nil
	d.op.Needs, d.op.ProposalNeeds = d.op.ProposalNeeds, nil
	if i, ok := p.Snapshot.Instance.Get(); ok && i.Status == "ACTIVE" && p.Snapshot.ReadAt.After(d.op.DrainedAt) {
		d.op.DrainedAt = zeroTime // someone made it ACTIVE: the drain is to be ordered again
	}
}

// firstState is where a decided plan begins, or goes on.
func firstState(op Operation) State {
	if !op.GoneAt.IsZero() {
		if op.Plan.Has(ecsops.StepTerminate) {
			return Terminating
		}
		if op.Plan.Has(ecsops.StepDeregisterNode) {
			return Deregistering
		}
		return Verifying
	}
	for _, st := range op.Plan.Steps {
		switch st.Kind {
		case ecsops.StepDrain, ecsops.StepWait:
			return Draining
		case ecsops.StepStopTasks:
			return Draining // it stops what was ticked once the rest is gone
		case ecsops.StepDeregister, ecsops.StepForce:
			return Deregistering
		case ecsops.StepTerminate:
			return Terminating
		}
	}
	return Verifying
}

func applyDeny(d *draft, dec Decision) Answer {
	_, revision, needs, ok := pending(d.op)
	switch {
	case !ok || !slices.Contains(needs, policy.SecondPerson):
		return Answer{Kind: TooLate, Detail: "nothing_to_approve"}
	case dec.Revision != 0 && dec.Revision < revision:
		return Answer{Kind: Changed, Changes: d.op.Changes}
	}
	d.event(Event{Type: EvDenied, Actor: dec.Actor, Channel: dec.Channel, Revision: revision})
	if d.op.Proposal != nil {
		dropProposal(d, dec)
		return Answer{Kind: Accepted}
	}
	d.op.StopBy = &dec.Actor
	d.end(RefusedOp, "denied")
	return Answer{Kind: Accepted}
}

// dropProposal goes on with the running plan. After drift there is no plan to go
// on with: a no means undo. The revision's number is never used again, so that
// its buttons are dead.
func dropProposal(d *draft, dec Decision) {
	drifted := d.op.Block != nil && d.op.Block.Reason == BlockedDrift
	d.drop()
	switch {
	case drifted && undoable(d.op):
		stopBy(d, dec)
		d.enter(Undoing)
	case drifted:
		stopBy(d, dec)
		d.enter(Verifying) // too late to undo: show what is
	}
}

func applyCancel(d *draft, dec Decision) Answer {
	switch {
	case d.op.State == Proposed || d.op.State == AwaitingApproval:
		d.event(Event{Type: EvCancelled, Actor: dec.Actor, Channel: dec.Channel})
		d.op.StopBy = &dec.Actor
		d.end(Stopped, "cancelled")
		return Answer{Kind: Accepted}
	case d.op.Proposal != nil:
		d.event(Event{Type: EvCancelled, Actor: dec.Actor, Channel: dec.Channel, Revision: d.op.Revision + 1})
		dropProposal(d, dec)
		return Answer{Kind: Accepted}
	}
	return Answer{Kind: TooLate, Detail: "started"}
}

// applyStop holds at any revision. What was ordered already is said, not hidden.
func applyStop(d *draft, dec Decision) Answer {
	op := d.op
	switch op.State {
	case Proposed, AwaitingApproval:
		stopBy(d, dec)
		d.end(Stopped, "before_start")
		return Answer{Kind: Accepted, Detail: "before_start"}
	case Undoing:
		return Answer{Kind: AlreadyDone, By: decider(op)}
	case Draining, StoppingTasks, Deregistering:
		if final(op) {
			return Answer{Kind: TooLate, Detail: "deregistered"}
		}
		stopBy(d, dec)
		d.enter(Undoing)
		return Answer{Kind: Accepted, Detail: "undoing"}
	case Terminating:
		return stopTerminating(d, dec)
	case Verifying:
		return Answer{Kind: TooLate, Detail: "deregistered"}
	}
	return ended(op)
}

// stopTerminating keeps the machine, unless its end was ordered already, or may
// have been.
func stopTerminating(d *draft, dec Decision) Answer {
	o := d.op.Order
	ordered := o != nil && isTermination(o.Action.Kind) &&
		(o.Outcome == nil || o.Outcome.Result == ecsops.OK || o.Outcome.Result == ecsops.ResultUnknown)
	if ordered || !d.op.OrderedTermination.IsZero() {
		return Answer{Kind: TooLate, Detail: "terminating"}
	}
	stopBy(d, dec)
	if !final(d.op) { // through its group, an instance is terminated while it is registered
		d.enter(Undoing)
		return Answer{Kind: Accepted, Detail: "undoing"}
	}
	d.enter(Verifying)
	return Answer{Kind: Accepted, Detail: "not_terminating"}
}

func stopBy(d *draft, dec Decision) {
	by := dec.Actor
	d.op.StopBy = &by
	d.event(Event{Type: EvStopAsked, Actor: by, Channel: dec.Channel})
}

func deregisterAccepted(op Operation) bool {
	o := op.Order
	return o != nil && isDeregister(o.Action.Kind) && o.Outcome != nil && o.Outcome.Result == ecsops.OK
}

// final reports whether the registration is gone or ECS accepted to remove it:
// there is nothing left to decide about its tasks.
func final(op Operation) bool { return !op.GoneAt.IsZero() || deregisterAccepted(op) }

// applyWait gives the drain its whole time again, from now.
func applyWait(d *draft, dec Decision) Answer {
	if !d.op.MayWait(d.now) {
		return Answer{Kind: TooLate, Detail: "not_asked"}
	}
	d.op.Deadline = d.now.Add(deadlineOf(d.op.Plan))
	d.event(Event{Type: EvWaitLonger, Actor: dec.Actor, Channel: dec.Channel})
	d.unblock(BlockedDeadline)
	return Answer{Kind: Accepted}
}

// applyForce proposes and confirms a forced revision in one act: the person saw
// the orphans by name and typed the id.
func applyForce(d *draft, dec Decision, fresh *ecsops.Plan, s Settings) Answer {
	undecided := d.op.State == Proposed || d.op.State == AwaitingApproval
	switch {
	case d.op.State == Terminating, d.op.State == Verifying, d.op.State == Undoing, final(d.op):
		return Answer{Kind: TooLate, Detail: string(d.op.State)}
	case undecided && pendingExpired(d):
		return expireNow(d)
	case !typed(d.op.Target, dec.Typed):
		return Answer{Kind: Mistyped}
	case pendingForce(d.op):
		return Answer{Kind: AlreadyDone, By: confirmed(d.op).Actor}
	case fresh == nil:
		return Answer{Kind: Unreadable}
	case unread(*fresh) != "":
		return Answer{Kind: Unreadable, Detail: unread(*fresh)}
	case len(fresh.Barred()) > 0, !fresh.Has(ecsops.StepForce):
		return Answer{Kind: NotYours, Reasons: []policy.Reason{policy.ReasonBarred}}
	}
	for _, o := range fresh.Lost() {
		if !slices.Contains(dec.Tasks, o.ARN) {
			return Answer{Kind: Changed, Changes: []ecsops.Change{{What: "orphan", Name: o.Name, After: o.ARN}}}
		}
	}
	if !undecided {
		d.show(fresh, d.now.Add(s.ProposalTTL))
	}
	a := &Approval{Actor: dec.Actor, Revision: d.op.Revision + 1, Digest: fresh.Digest, At: d.now}
	d.event(Event{Type: EvForceAsked, Actor: dec.Actor, Channel: dec.Channel, Digest: fresh.Digest, Revision: a.Revision,
		Verdict: fresh.Verdict, Tasks: arns(fresh.Lost())})
	if undecided {
		d.op.Revision++
		d.op.Plan, d.op.Needs, d.op.Confirmed, d.op.Approvals = *fresh, policy.Needs(*fresh), a, nil
	} else {
		d.op.ProposalConfirmed = a
	}
	d.op.Changes = nil
	if slices.Contains(policy.Needs(*fresh), policy.SecondPerson) {
		askApproval(d, a.Revision, s)
		return Answer{Kind: Accepted, Detail: "awaiting_approval"}
	}
	begin(d, nil)
	return Answer{Kind: Accepted}
}

func pendingForce(op Operation) bool {
	plan, _, _, ok := pending(op)
	return ok && plan.Intent.Force && confirmed(op) != nil
}
