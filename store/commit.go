package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"ecsbot/workflow"
)

// errSilent: nothing changes its state without a record (the log is the proof).
var errSilent = errors.New("a change of state without an event")

// Commit implements workflow.Store. It does not touch c.Op: what is stored is a
// copy with Version = Expect+1 and Events counted on. Of an operation's events
// it sets Op, N and Version, At when it is zero, and State on the last when it
// is empty; so an operation's stored state is its last event's, and a change of
// state without an event is refused.
//
// The latest TickAt wins: it replaces what Step last returned. A zero TickAt
// leaves that standing. Commit wakes the audit stream when it has events, and
// the operation's card when Redraw is set, another one's when Wake names it.
func (d *DB) Commit(ctx context.Context, c workflow.Change) error {
	if c.Op == nil && len(c.Events) == 0 && c.FollowUp == nil {
		return errors.New("committing: neither an operation nor an event nor a follow-up")
	}
	err := d.update(ctx, func(t tx) error { return d.apply(ctx, t, c) })
	switch {
	case err == nil:
		return nil
	case isAnswer(err):
		return err
	}
	return fmt.Errorf("committing: %w", err)
}

func isAnswer(err error) bool {
	return errors.Is(err, workflow.ErrConflict) || errors.Is(err, workflow.ErrLocked) || errors.Is(err, workflow.ErrSpent)
}

// apply runs inside the transaction, possibly more than once. Rows are locked
// in one order everywhere: token, operation, streams, follow-up, audit head.
func (d *DB) apply(ctx context.Context, t tx, c workflow.Change) error {
	if c.Spend != nil {
		if err := d.spend(ctx, t, *c.Spend); err != nil {
			return err
		}
	}
	var events []workflow.Event
	var jobs []river.InsertManyParams
	if c.Op != nil {
		was, err := d.writeOperation(ctx, t, c)
		if err != nil {
			return err
		}
		events = d.number(c, was)
		if jobs, err = d.operationJobs(ctx, t, c, was); err != nil {
			return err
		}
	} else {
		events = d.number(c, stored{})
	}
	if c.FollowUp != nil {
		more, err := d.writeFollowUp(ctx, t, *c.FollowUp)
		if err != nil {
			return err
		}
		jobs = append(jobs, more...)
	}
	if len(events) > 0 {
		job, err := d.wake(ctx, t, workflow.AuditStream)
		if err != nil {
			return err
		}
		jobs = append(jobs, job)
	}
	if len(jobs) > 0 {
		if err := t.enqueue(ctx, jobs); err != nil {
			return fmt.Errorf("inserting jobs: %w", err)
		}
	}
	return appendEvents(ctx, t, d.back.lock(), events)
}

func (d *DB) spend(ctx context.Context, t tx, s workflow.Spend) error {
	n, err := t.exec(ctx, `INSERT INTO token_spends (token, actor, at) VALUES ($1, $2, $3)
		ON CONFLICT (token, actor) DO NOTHING`, s.Token, s.Actor, nanos(d.clock.Now()))
	if err != nil {
		return fmt.Errorf("spending a token: %w", err)
	}
	if n == 0 {
		return workflow.ErrSpent
	}
	return nil
}

// stored is what the row said before the change.
type stored struct {
	events int
	tick   int64
	state  workflow.State
}

// writeOperation is the compare-and-swap. It returns the row as it was.
func (d *DB) writeOperation(ctx context.Context, t tx, c workflow.Change) (stored, error) {
	var was stored
	op := *c.Op
	if c.Expect != 0 {
		err := t.row(ctx, `SELECT events, tick, state FROM operations WHERE id = $1 AND version = $2`+d.back.lock(),
			op.ID, c.Expect).Scan(&was.events, &was.tick, &was.state)
		if errors.Is(err, sql.ErrNoRows) {
			return was, workflow.ErrConflict
		}
		if err != nil {
			return was, fmt.Errorf("reading the operation: %w", err)
		}
	}
	if op.State != was.state && len(c.Events) == 0 {
		return was, fmt.Errorf("%w: %s from %q to %q", errSilent, op.ID, was.state, op.State)
	}
	op.Version, op.Events = c.Expect+1, was.events+len(c.Events)
	tick := was.tick
	if !c.TickAt.IsZero() {
		tick++
	}
	doc, err := json.Marshal(op)
	if err != nil {
		return was, fmt.Errorf("encoding the operation: %w", err)
	}
	q := `UPDATE operations SET version = $2, state = $3, terminal = $4, locked = $5, target_key = $6,
		cluster = $7, created_at = $8, events = $9, tick = $10, doc = $11 WHERE id = $1`
	if c.Expect == 0 {
		q = `INSERT INTO operations (id, version, state, terminal, locked, target_key, cluster, created_at, events, tick, doc)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`
	}
	n, err := t.exec(ctx, q, op.ID, op.Version, string(op.State), bit(op.State.Terminal()), bit(op.State.Locks()),
		op.Target.Key(), string(op.Target.Cluster), nanos(op.CreatedAt), op.Events, tick, string(doc))
	switch {
	case err != nil && d.back.isUnique(err): // operations_lock is the only one
		return was, workflow.ErrLocked
	case err != nil:
		return was, fmt.Errorf("writing the operation: %w", err)
	case n == 0:
		return was, workflow.ErrConflict
	}
	was.tick = tick
	return was, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// number gives the events what only the transaction knows.
func (d *DB) number(c workflow.Change, was stored) []workflow.Event {
	events := make([]workflow.Event, len(c.Events))
	for i, ev := range c.Events {
		if ev.At.IsZero() {
			ev.At = d.clock.Now()
		}
		if c.Op != nil {
			ev.Op, ev.N, ev.Version = c.Op.ID, was.events+i+1, c.Expect+1
			if i == len(c.Events)-1 && ev.State == "" {
				ev.State = c.Op.State
			}
		}
		events[i] = ev
	}
	return events
}

func (d *DB) operationJobs(ctx context.Context, t tx, c workflow.Change, was stored) ([]river.InsertManyParams, error) {
	var jobs []river.InsertManyParams
	if !c.TickAt.IsZero() {
		jobs = append(jobs, d.tick(c.Op.ID, was.tick, c.TickAt))
	}
	var cards []string
	if c.Redraw {
		cards = append(cards, c.Op.ID)
	}
	if c.Wake != "" {
		cards = append(cards, c.Wake)
	}
	for _, id := range cards {
		job, err := d.wake(ctx, t, workflow.CardStreamPrefix+id)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// tick is the job that steps an operation at a time of the store's clock. River
// takes jobs up to 5 s early, and one that is inserted for less than 5 s ahead
// up to 5 s late: At lets the worker hold the job until then itself.
func (d *DB) tick(op string, gen int64, at time.Time) river.InsertManyParams {
	return river.InsertManyParams{Args: stepArgs{Op: op, Gen: gen, At: nanos(at)}, InsertOpts: d.when(at)}
}

// when schedules a step at a time of the store's clock.
func (d *DB) when(at time.Time) *river.InsertOpts {
	opts := &river.InsertOpts{Queue: stepQueue, MaxAttempts: maxAttempts}
	if wait := min(d.clock.Until(at), longestWait); wait > schedulerPeriod {
		opts.ScheduledAt = d.back.real().Add(wait)
	}
	return opts
}
