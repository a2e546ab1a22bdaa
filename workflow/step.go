package workflow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
)

// maxMoves bounds one attempt: an operation that could move for ever would hold
// its worker; the next attempt goes on.
const maxMoves = 24

// busyRetry is when to come back to an operation that this process is stepping.
const busyRetry = 250 * time.Millisecond

// Step moves an operation as far as it goes now: look, Decide, commit the
// intent, make the one AWS call, commit the outcome. It returns when to look
// next; the zero time means not until something changes. Steps of one operation
// may overlap across processes: the compare-and-swap decides.
func (e *Engine) Step(ctx context.Context, id string) (time.Time, error) {
	if !e.hold(id) {
		return e.store.Clock().Now().Add(busyRetry), nil
	}
	defer e.release(id)
	op, err := e.store.Operation(ctx, id)
	if err != nil {
		return time.Time{}, fmt.Errorf("loading operation %s: %w", id, err)
	}
	switch {
	case op.Bulk != nil && op.State == Releasing:
		return e.stepBulk(ctx, op)
	case op.IsBatch() && op.State == Releasing:
		return e.stepBatch(ctx, op)
	}
	var seen Seen
	for range maxMoves {
		m := Decide(op, seen, e.store.Clock().Now(), e.settings, e.owner)
		if m.Want != WantNothing {
			err := e.read(ctx, m.Want, op, &seen)
			if busy, ok := errors.AsType[*ecsops.BusyError](err); ok {
				return busy.Until, nil // others have their turn first: nothing is wrong
			}
			if err != nil {
				return time.Time{}, err
			}
			continue
		}
		next, moved, err := e.perform(ctx, op, m)
		switch {
		case errors.Is(err, ErrConflict):
			// A person or another replica was faster: decide again on what is now.
			if op, err = e.store.Operation(ctx, id); err != nil {
				return time.Time{}, fmt.Errorf("loading operation %s: %w", id, err)
			}
			seen = Seen{}
			continue
		case err != nil:
			return time.Time{}, fmt.Errorf("stepping operation %s in %s: %w", id, op.State, err)
		}
		op = moved
		if !m.Again && m.Act == nil {
			return next, nil
		}
		seen = Seen{}
	}
	return e.store.Clock().Now().Add(busyRetry), nil
}

func (e *Engine) hold(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.inFlight[id] {
		return false
	}
	e.inFlight[id] = true
	return true
}

func (e *Engine) release(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.inFlight, id)
}

// read fills the part of seen that Decide wants.
func (e *Engine) read(ctx context.Context, want Want, op Operation, seen *Seen) error {
	switch want {
	case WantLook:
		seen.Began = e.store.Clock().Now()
		seen.Pace = e.pace(op.Target, e.settings.Poll)
		lf := lookFor(op, seen.Began)
		lf.Drains = seen.Pace.Drains
		look, err := e.fleet.Look(ctx, op.Target, lf)
		if err != nil {
			return fmt.Errorf("looking at %s: %w", op.Target.EC2, err)
		}
		seen.Look = &look
	case WantFresh:
		fresh, err := e.inspect(ctx, op)
		if err != nil {
			return fmt.Errorf("inspecting %s: %w", op.Target.EC2, err)
		}
		seen.Fresh = &fresh
	case WantAuthority:
		verdict, err := e.authority.Authorize(ctx, op)
		a := Authorization{Verdict: verdict}
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			zerolog.Ctx(ctx).Warn().Err(err).Str("op_id", op.ID).Msg("actors could not be checked")
			a.Unreachable = "the actors could not be checked"
		}
		seen.Authority = &a
	case WantAfter:
		lf := lookForAfter(op)
		lf.Drains = seen.Pace.Drains
		after, err := e.fleet.After(ctx, op.Target, lf, since(op))
		if err != nil {
			return fmt.Errorf("verifying %s: %w", op.Target.EC2, err)
		}
		seen.After = &after
	}
	return nil
}

// since is from when on what happened counts as the plan's doing: a drain that somebody else began
// moves tasks between the plan and its yes.
func since(op Operation) time.Time {
	if read := op.Plan.Snapshot.ReadAt; !read.IsZero() && read.Before(op.StartedAt) {
		return read
	}
	return op.StartedAt
}

// lookForAfter names everything that the verification compares.
func lookForAfter(op Operation) ecsops.LookFor {
	lf := ecsops.LookFor{KnownTasks: op.Watch, Services: serviceNames(op.Plan), EC2: true, Group: groupName(op.Plan), Node: op.Plan.Path == ecsops.PathExternal}
	groups, _ := op.Plan.Snapshot.TargetGroups.Get() // unknown: A12 said so, its check stays unknown
	for arn := range groups {
		lf.TargetGroups = append(lf.TargetGroups, arn)
	}
	tasks, _ := op.Plan.Snapshot.Tasks.Get()
	for _, t := range tasks {
		for _, eni := range t.ENIs {
			lf.ENIs = append(lf.ENIs, eni.ID)
		}
	}
	return lf
}

// perform commits a move and makes its call. The outcome is committed even when
// a person decided meanwhile: an order's answer must never be lost.
func (e *Engine) perform(ctx context.Context, op Operation, m Move) (time.Time, Operation, error) {
	if m.draft == nil || !m.draft.changed {
		return m.Next, op, nil
	}
	quiet := len(m.draft.events) == 0 && op.Progress.LookedAt.Equal(m.draft.op.Progress.LookedAt)
	if err := e.commit(ctx, m.draft, commitOptions{next: m.Next, quiet: quiet}); err != nil {
		return time.Time{}, op, err
	}
	op = m.draft.op
	logMove(ctx, op)
	if m.Act == nil {
		return m.Next, op, nil
	}
	return e.closeOrder(ctx, op, e.call(ctx, op, *m.Act))
}

// call makes the one attempt of the order that was just committed. A process that
// was paused in between must not: after the barrier others looked, found nothing,
// and may have carried out a stop. AWS takes no fencing token, so time is the fence.
func (e *Engine) call(ctx context.Context, op Operation, a ecsops.Action) ecsops.Outcome {
	if now := e.store.Clock().Now(); !e.settings.Sole && now.Sub(op.Order.At) > e.settings.Barrier/3 {
		return ecsops.Outcome{Result: ecsops.Throttled, Code: notSent, At: now}
	}
	out := e.fleet.Do(ctx, a)
	if out.At.IsZero() {
		out.At = e.store.Clock().Now()
	}
	return out
}

// notSent is the code of an order that this process did not send in time: nothing happened.
const notSent = "NotSent"

func logMove(ctx context.Context, op Operation) {
	zerolog.Ctx(ctx).Info().Str("op_id", op.ID).Str("state", string(op.State)).
		Int64("version", op.Version).Msg("operation moved")
}

// outcomeTime is how long the outcome's commit may take after the attempt's own
// context ended.
const outcomeTime = 5 * time.Second

var errOutcomeSlow = errors.New("committing an outcome took too long")

// closeOrder commits the outcome of the open order.
func (e *Engine) closeOrder(ctx context.Context, op Operation, out ecsops.Outcome) (time.Time, Operation, error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), outcomeTime, errOutcomeSlow)
	defer cancel()
	n := op.Order.N
	for {
		d := newDraft(op, e.store.Clock().Now())
		d.close(out, "answer")
		d.afterAnswer()
		err := e.commit(ctx, d, commitOptions{next: d.now})
		if err == nil {
			return time.Time{}, d.op, nil
		}
		if !errors.Is(err, ErrConflict) {
			return time.Time{}, op, fmt.Errorf("committing the outcome of %s: %w", op.Order.Action.Kind, err)
		}
		if op, err = e.store.Operation(ctx, op.ID); err != nil {
			return time.Time{}, op, fmt.Errorf("loading operation again: %w", err)
		}
		if op.Order == nil || op.Order.N != n || op.Order.Outcome != nil {
			return time.Time{}, op, nil // someone closed it by looking
		}
	}
}

// afterAnswer notes what an accepted order means for the later steps.
func (d *draft) afterAnswer() {
	o := d.op.Order
	switch {
	case o.Outcome.Result == ecsops.OK && o.Action.Kind == ecsops.ActDrain:
		d.op.DrainedAt = d.now
		d.unblock(BlockedAWS, BlockedCredentials)
	case o.Outcome.Result == ecsops.OK && isTermination(o.Action.Kind):
		d.op.OrderedTermination = d.now
		d.unblock(BlockedAWS, BlockedGroup, BlockedCredentials)
	case o.Outcome.Result == ecsops.OK:
		d.unblock(BlockedAWS, BlockedCredentials, BlockedTasks)
	case o.Outcome.Result == ecsops.Refused && (o.Action.Kind == ecsops.ActDrain || o.Action.Kind == ecsops.ActStopTask):
		d.block(Block{Reason: blockReason(o.Outcome.Code), Call: string(o.Action.Kind), Detail: o.Outcome.Code})
	case o.Outcome.Result == ecsops.Throttled:
		d.block(Block{Reason: BlockedAWS, Call: string(o.Action.Kind), Detail: o.Outcome.Code})
	}
}
