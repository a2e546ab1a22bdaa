package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
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
