package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ecsbot/ecsops"
)

// lookAtHost takes the look into the machine one move on, when one is due: what is read,
// the intent, the one call, its outcome. done is false when nothing was to be done.
func (e *Engine) lookAtHost(ctx context.Context, f FollowUp) (next time.Time, done bool, err error) {
	if f.at(Host, e.store.Clock().Now()) == nil {
		return time.Time{}, false, nil
	}
	op, err := e.store.Operation(ctx, f.Op)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("loading operation %s: %w", f.Op, err)
	}
	how := HostHow{Document: e.settings.HostLook, Order: op.Orders + 1, Owner: e.owner, Barrier: e.settings.Barrier}
	if e.settings.Sole {
		how.Barrier = 0
	}
	m := DecideHost(f, HostSeen{}, how, e.store.Clock().Now())
	if m.Node || m.Answer {
		seen, err := e.readHost(ctx, f, m)
		if err != nil {
			return time.Time{}, false, err
		}
		m = DecideHost(f, seen, how, e.store.Clock().Now())
	}
	if !m.Changed {
		return time.Time{}, false, nil
	}
	if err := e.commitFollowUp(ctx, m.FollowUp, m.Events, nil); err != nil {
		return time.Time{}, false, fmt.Errorf("following operation %s up: %w", f.Op, err)
	}
	if m.Act == nil {
		return m.FollowUp.Due(), true, nil
	}
	next, err = e.closeLook(ctx, f.Op, *m.FollowUp.Host.Order, e.sendLook(ctx, *m.FollowUp.Host.Order))
	return next, true, err
}

func (e *Engine) readHost(ctx context.Context, f FollowUp, m HostMove) (HostSeen, error) {
	if m.Node {
		node, err := e.fleet.Node(ctx, f.Target)
		if err != nil {
			return HostSeen{}, fmt.Errorf("asking Systems Manager for %s: %w", f.Target.EC2, err)
		}
		return HostSeen{Node: &node}, nil
	}
	o := f.Host.Order
	answer, err := e.fleet.HostLook(ctx, ecsops.HostQuestion{Target: f.Target, Command: o.Outcome.Command, Asked: o.At, Orphans: f.Orphans, Left: f.Began})
	if err != nil {
		return HostSeen{}, fmt.Errorf("asking what %s answered: %w", f.Target.EC2, err)
	}
	return HostSeen{Answer: &answer}, nil
}

// sendLook makes the one attempt, unless this process was held up for so long that another
// may have given the order up.
func (e *Engine) sendLook(ctx context.Context, o Order) ecsops.Outcome {
	if now := e.store.Clock().Now(); !e.settings.Sole && now.Sub(o.At) > e.settings.Barrier/3 {
		return ecsops.Outcome{Result: ecsops.Throttled, Code: notSent, At: now}
	}
	out := e.fleet.Do(ctx, o.Action)
	if out.At.IsZero() {
		out.At = e.store.Clock().Now()
	}
	return out
}

// closeLook commits an order's outcome, even when the follow-up moved on meanwhile: the
// record has it then, and nothing waits for it.
func (e *Engine) closeLook(ctx context.Context, op string, o Order, out ecsops.Outcome) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), outcomeTime, errOutcomeSlow)
	defer cancel()
	o.Outcome, o.ClosedBy = &out, "answer"
	for {
		f, err := e.store.FollowUp(ctx, op)
		if err != nil {
			return time.Time{}, fmt.Errorf("loading follow-up %s: %w", op, err)
		}
		f = f.heard(o, e.store.Clock().Now())
		copied := o
		err = e.commitFollowUp(ctx, f, []Event{{Type: EvOutcome, Order: &copied}}, nil)
		if !errors.Is(err, ErrConflict) {
			return f.Due(), err
		}
		if ctx.Err() != nil {
			return time.Time{}, context.Cause(ctx)
		}
	}
}

// heard puts an order's outcome into the look that still waits for it.
func (f FollowUp) heard(o Order, now time.Time) FollowUp {
	if f.Host == nil || f.Host.Order == nil || f.Host.Order.N != o.N || f.Host.Order.Outcome != nil {
		return f
	}
	f.Watches = slices.Clone(f.Watches)
	look := *f.Host
	look.Order, f.Host = &o, &look
	if w := f.open(Host); w != nil {
		w.Due = now
		switch o.Outcome.Result {
		case ecsops.OK:
			w.Due = now.Add(hostPoll)
		case ecsops.Throttled, ecsops.ResultUnknown:
			w.Due = now.Add(hostRetry)
		}
	}
	return f
}

func (l HostLook) by() Actor {
	if l.By == nil {
		return botActor
	}
	return *l.By
}
