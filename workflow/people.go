package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

var zeroTime time.Time

// decideTries bounds how often a decision is taken again after a conflict; each
// try sees what the other one did.
const decideTries = 5

// Decide takes a person's decision on an operation: one transaction with the
// button spent, the compare-and-swap, the events and the next step. Every answer
// is one of the fixed set; an error means that nothing was decided.
func (e *Engine) Decide(ctx context.Context, dec Decision) (Answer, error) {
	for range decideTries {
		op, err := e.store.Operation(ctx, dec.Op)
		if err != nil {
			return Answer{}, fmt.Errorf("loading operation %s: %w", dec.Op, err)
		}
		answer, err := e.decideOnce(ctx, op, dec)
		if errors.Is(err, ErrConflict) {
			continue
		}
		return answer, err
	}
	return Answer{}, fmt.Errorf("deciding %s on operation %s: %w", dec.Verb, dec.Op, ErrConflict)
}

func (e *Engine) decideOnce(ctx context.Context, op Operation, dec Decision) (Answer, error) {
	switch busy, err := e.heldByOther(ctx, op, dec); {
	case err != nil:
		return Answer{}, err
	case busy.Kind != "":
		return busy, e.recordRefusal(ctx, op, dec, busy)
	}
	fresh, err := e.freshPlan(ctx, op, dec)
	if err != nil {
		return Answer{}, err
	}
	d := newDraft(op, e.store.Clock().Now())
	answer := apply(d, dec, fresh, e.settings)
	if !d.changed {
		answer.Op = op
		return answer, e.recordRefusal(ctx, op, dec, answer)
	}
	o := commitOptions{tickAt: d.now}
	// Each deadline, and each surprise, asks anew with the same button: only its question guards it.
	if dec.Token != "" && answer.Kind == Accepted && dec.Verb != Wait && dec.Verb != GoOn {
		o.spend = &Spend{Token: dec.Token, Actor: dec.Actor.UserID}
	}
	if d.op.State == Proposed || d.op.State == AwaitingApproval {
		o.tickAt = d.op.ExpiresAt
	}
	switch err := e.commit(ctx, d, o); {
	case errors.Is(err, ErrSpent):
		return Answer{Kind: AlreadyDone, Op: op, By: decider(op)}, nil
	case errors.Is(err, ErrLocked):
		answer, err := e.busy(ctx, op)
		switch {
		case errors.Is(err, ErrNotFound):
			return Answer{}, ErrConflict // it ended meanwhile: decide again
		case err != nil:
			return Answer{}, err
		}
		return answer, e.recordRefusal(ctx, op, dec, answer)
	case err != nil:
		return Answer{}, err
	}
	answer.Op = d.op
	if answer.Kind == WasExpired { // the events say that it expired, not that someone clicked
		return answer, e.recordRefusal(ctx, d.op, dec, answer)
	}
	return answer, nil
}

// heldByOther answers a decision that would start something while another
// operation holds the target: what that one changes is no drift of this plan. The
// zero Answer means that it is free; Commit has the last word.
func (e *Engine) heldByOther(ctx context.Context, op Operation, dec Decision) (Answer, error) {
	starts := dec.Verb == Confirm || dec.Verb == Approve || dec.Verb == Force
	if !starts || op.State != Proposed && op.State != AwaitingApproval || dec.Verdict.Effect != policy.Allow && dec.Verdict.Effect != policy.Require {
		return Answer{}, nil
	}
	answer, err := e.busy(ctx, op)
	if errors.Is(err, ErrNotFound) {
		return Answer{}, nil
	}
	return answer, err
}

// busy names the operation that holds the target.
func (e *Engine) busy(ctx context.Context, op Operation) (Answer, error) {
	holder, err := e.store.Holder(ctx, op.Target)
	if err != nil {
		return Answer{}, fmt.Errorf("looking for the running operation: %w", err)
	}
	return Answer{Kind: Busy, Op: op, Other: holder.ID, Detail: string(holder.State)}, nil
}

// freshPlan reads the target again for the verbs that start something, after
// every human and before every act.
func (e *Engine) freshPlan(ctx context.Context, op Operation, dec Decision) (*ecsops.Plan, error) {
	end, chooses := dec.Verb.Chooses()
	switch dec.Verb {
	case Confirm, Approve, Force, StopTasks:
	default:
		if !chooses {
			return nil, nil
		}
	}
	if op.State.Terminal() || op.IsBatch() {
		return nil, nil
	}
	shown, _, _, ok := pending(op)
	if !ok {
		shown = op.Plan
		if dec.Verb != Force && dec.Verb != StopTasks {
			return nil, nil // already decided: no need to read anything
		}
	}
	intent := shown.Intent
	if dec.Verb == Force {
		intent.Force = true
		intent.StopTasks = nil
	}
	if chooses {
		intent.Terminate = end
	}
	if dec.Fresh != nil {
		p := ecsops.NewPlan(*dec.Fresh, intent)
		return &p, nil
	}
	s, err := e.fleet.Inspect(ecsops.Reading(ctx, intent), op.Target)
	if err != nil {
		return nil, fmt.Errorf("reading %s again: %w", op.Target.EC2, err)
	}
	p := ecsops.NewPlan(s, intent)
	return &p, nil
}

// recordRefusal records a click that changed nothing, whatever the reason: every
// click that was acked is in the record. A second click on a decided card is the
// exception: what it wanted is in the record already.
func (e *Engine) recordRefusal(ctx context.Context, op Operation, dec Decision, a Answer) error {
	if a.Kind == AlreadyDone {
		return nil
	}
	target := &op.Target
	if op.IsBatch() {
		target = nil
	}
	return e.Record(ctx, Event{
		Op: op.ID, Type: EvRefused, Actor: dec.Actor, Channel: dec.Channel, Target: target,
		State: op.State, Revision: op.Revision, Cause: string(a.Kind), Reasons: a.Reasons, Action: actionOf(dec.Verb),
	})
}

// actionOf is what policy calls a verb: a choice asks for another plan.
func actionOf(v Verb) policy.Action {
	if _, chooses := v.Chooses(); chooses {
		return policy.Propose
	}
	return policy.Action(v)
}

func deadlineOf(p ecsops.Plan) time.Duration {
	if p.Intent.Deadline > 0 {
		return p.Intent.Deadline
	}
	return ecsops.DefaultDeadline
}
