package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/policy"
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

// HostRequest is a person's wish to have the machine looked into now.
type HostRequest struct {
	Op      string
	Actor   Actor
	Channel string
	Verdict policy.Verdict
}

// LookAtHost has the machine looked into, once: whoever asks while a look is under way is
// told so. Every answer is one of the fixed set; an error means that nothing was recorded.
func (e *Engine) LookAtHost(ctx context.Context, r HostRequest) (Answer, error) {
	for range decideTries {
		answer, err := e.lookAtHostOnce(ctx, r)
		if !errors.Is(err, ErrConflict) {
			return answer, err
		}
	}
	return Answer{}, fmt.Errorf("looking at the host of operation %s: %w", r.Op, ErrConflict)
}

func (e *Engine) lookAtHostOnce(ctx context.Context, r HostRequest) (Answer, error) {
	op, err := e.store.Operation(ctx, r.Op)
	if err != nil {
		return Answer{}, fmt.Errorf("loading operation %s: %w", r.Op, err)
	}
	f, err := e.store.FollowUp(ctx, r.Op)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Answer{}, fmt.Errorf("loading follow-up %s: %w", r.Op, err)
	}
	f = f.withHost(e.settings.HostLook)
	answer := Answer{Kind: Accepted, Op: op, Detail: "host_look"}
	switch {
	case r.Verdict.Effect != policy.Allow:
		answer = Answer{Kind: NotYours, Op: op, Reasons: r.Verdict.Reasons}
	case !f.Watching(Orphans):
		answer = Answer{Kind: TooLate, Op: op, Detail: "no_orphans_left"}
	case !f.Watching(Host):
		answer = Answer{Kind: TooLate, Op: op, Detail: "host_look_off"}
	case f.Host != nil:
		answer = Answer{Kind: AlreadyDone, Op: op, By: f.Host.by()}
	}
	if answer.Kind != Accepted {
		return answer, e.recordRefusal(ctx, op, Decision{Actor: r.Actor, Verb: LookHostVerb, Channel: r.Channel}, answer)
	}
	now := e.store.Clock().Now()
	f.Watches = slices.Clone(f.Watches)
	f.open(Host).Due, f.Host = now, &HostLook{By: &r.Actor, Began: now}
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Msg("a look at the host was asked for")
	ev := Event{Type: EvHostAsked, Actor: r.Actor, Channel: r.Channel}
	return answer, e.commitFollowUp(ctx, f, []Event{ev}, nil)
}

func (l HostLook) by() Actor {
	if l.By == nil {
		return botActor
	}
	return *l.By
}
