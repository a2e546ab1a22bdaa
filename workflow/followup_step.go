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

// FollowUp looks after what an ended operation left, as far as it is due, and returns when
// to look next; the zero time when nothing is left. Attempts may overlap across processes:
// the row's compare-and-swap lets one of them tell.
func (e *Engine) FollowUp(ctx context.Context, id string) (time.Time, error) {
	if !e.hold("follow-up " + id) {
		return e.store.Clock().Now().Add(busyRetry), nil
	}
	defer e.release("follow-up " + id)
	f, err := e.store.FollowUp(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("loading follow-up %s: %w", id, err)
	}
	f = f.withHost(e.settings.HostLook)
	if next, done, err := e.lookAtHost(ctx, f); done || err != nil {
		return next, err
	}
	m := DecideFollowUp(f, nil, e.store.Clock().Now())
	if !m.Read {
		return m.Next, nil
	}
	seen, err := e.fleet.Aftermath(ctx, f.Target, m.Registrations)
	if busy, ok := errors.AsType[*ecsops.BusyError](err); ok {
		return busy.Until, nil // others have their turn first: nothing is wrong
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("looking after %s: %w", f.Target.EC2, err)
	}
	m = DecideFollowUp(f, &seen, e.store.Clock().Now())
	if err := e.commitFollowUp(ctx, m.FollowUp, m.Events, nil); err != nil {
		return time.Time{}, fmt.Errorf("following operation %s up: %w", id, err)
	}
	return m.Next, nil
}

// commitFollowUp stores a follow-up; with events also on the operation, whose card shows
// V9 and V10.
func (e *Engine) commitFollowUp(ctx context.Context, f FollowUp, events []Event, spend *Spend) error {
	if len(events) == 0 {
		return e.store.Commit(ctx, Change{FollowUp: &f})
	}
	op, err := e.store.Operation(ctx, f.Op)
	if err != nil {
		return err
	}
	d := newDraft(op, e.store.Clock().Now())
	d.op.Progress.Checks = withLater(op.Progress.Checks, f.later())
	d.follow = &f
	for _, ev := range events {
		if ev.Type == EvOrdered {
			d.op.Orders = ev.Order.N
		}
		d.event(ev)
		zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("event", string(ev.Type)).Msg("followed up")
	}
	return e.commit(ctx, d, commitOptions{spend: spend, wake: op.Batch})
}

// SignOff is a person's word that the orphans of an operation need no more reminders.
type SignOff struct {
	Op      string
	Actor   Actor
	Channel string
	Token   string
	Verdict policy.Verdict
}

// SignOff closes the ledger of an operation's orphans. Every answer is one of the fixed
// set; an error means that nothing was recorded.
func (e *Engine) SignOff(ctx context.Context, s SignOff) (Answer, error) {
	for range decideTries {
		answer, err := e.signOffOnce(ctx, s)
		if !errors.Is(err, ErrConflict) {
			return answer, err
		}
	}
	return Answer{}, fmt.Errorf("signing off operation %s: %w", s.Op, ErrConflict)
}

func (e *Engine) signOffOnce(ctx context.Context, s SignOff) (Answer, error) {
	op, err := e.store.Operation(ctx, s.Op)
	if err != nil {
		return Answer{}, fmt.Errorf("loading operation %s: %w", s.Op, err)
	}
	f, err := e.store.FollowUp(ctx, s.Op)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Answer{}, fmt.Errorf("loading follow-up %s: %w", s.Op, err)
	}
	answer := Answer{Kind: Accepted, Op: op, Detail: "signed_off"}
	switch {
	case s.Verdict.Effect != policy.Allow:
		answer = Answer{Kind: NotYours, Op: op, Reasons: s.Verdict.Reasons}
	case f.SignedOff != nil:
		answer = Answer{Kind: AlreadyDone, Op: op, By: f.SignedOff.Actor}
	case !f.Watching(Orphans):
		answer = Answer{Kind: TooLate, Op: op, Detail: "no_orphans"}
	}
	if answer.Kind != Accepted {
		return answer, e.recordRefusal(ctx, op, Decision{Actor: s.Actor, Verb: SignOffVerb, Channel: s.Channel}, answer)
	}
	now := e.store.Clock().Now()
	f.Watches, f.Notices = slices.Clone(f.Watches), slices.Clone(f.Notices)
	f.open(Orphans).Ended = EndedSignedOff
	if w := f.open(Host); w != nil {
		w.Ended, f.Host = EndedSignedOff, nil
	}
	f.SignedOff = &Approval{Actor: s.Actor, Revision: op.Revision, At: now}
	ev := f.note(Notice{Type: EvSignedOff, Orphans: len(f.Orphans), By: &s.Actor, Host: f.Sight}, now)
	ev.Actor, ev.Channel = s.Actor, s.Channel
	var spend *Spend
	if s.Token != "" {
		spend = &Spend{Token: s.Token, Actor: s.Actor.UserID}
	}
	err = e.commitFollowUp(ctx, f, []Event{ev}, spend)
	if errors.Is(err, ErrSpent) {
		return Answer{Kind: AlreadyDone, Op: op, By: s.Actor}, nil
	}
	return answer, err
}
