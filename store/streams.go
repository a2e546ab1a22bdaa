package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"ecsbot/workflow"
)

// AcquireStream leases a delivery for ttl of real time. A stream that never
// delivered has Seq -1 and no State, so that Seq+1 is always what comes next.
// ErrLocked while another holds it. Each lease has a value of its own: what an
// earlier holder still writes is refused.
func (d *DB) AcquireStream(ctx context.Context, name string, ttl time.Duration) (workflow.Stream, error) {
	s := workflow.Stream{Name: name, Lease: secret()}
	err := d.update(ctx, func(t tx) error {
		now := d.back.real()
		return t.row(ctx, `INSERT INTO streams (name, want, seq, state, lease, lease_until, lease_ttl, holder)
			VALUES ($1, 0, -1, $2, $3, $4, $5, $7)
			ON CONFLICT (name) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until, lease_ttl = excluded.lease_ttl, holder = excluded.holder
			WHERE streams.lease_until <= $6
			RETURNING seq, state`,
			name, []byte{}, s.Lease, nanos(now.Add(ttl)), int64(ttl), nanos(now), d.replica).Scan(&s.Seq, &s.State)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return workflow.Stream{}, fmt.Errorf("stream %s: %w", name, workflow.ErrLocked)
	}
	if err != nil {
		return workflow.Stream{}, fmt.Errorf("leasing stream %s: %w", name, err)
	}
	if len(s.State) == 0 {
		s.State = nil
	}
	return s, nil
}

// AdvanceStream saves Seq and State and renews the lease for its ttl.
// ErrConflict when the lease was taken over: the caller must stop.
func (d *DB) AdvanceStream(ctx context.Context, s workflow.Stream) error {
	var n int64
	err := d.update(ctx, func(t tx) (err error) {
		n, err = t.exec(ctx, `UPDATE streams SET seq = $3, state = $4, lease_until = $5 + lease_ttl
			WHERE name = $1 AND lease = $2 AND lease <> ''`,
			s.Name, s.Lease, s.Seq, append([]byte{}, s.State...), nanos(d.back.real()))
		return err
	})
	if err != nil {
		return fmt.Errorf("advancing stream %s: %w", s.Name, err)
	}
	if n == 0 {
		return fmt.Errorf("stream %s: %w", s.Name, workflow.ErrConflict)
	}
	return nil
}

// ReleaseStream gives the lease back; one that was lost already is no error.
func (d *DB) ReleaseStream(ctx context.Context, s workflow.Stream) error {
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE streams SET lease = '', lease_until = 0, holder = '' WHERE name = $1 AND lease = $2`, s.Name, s.Lease)
		return err
	})
	if err != nil {
		return fmt.Errorf("releasing stream %s: %w", s.Name, err)
	}
	return nil
}

// WakeStream asks for a delivery of the stream now.
func (d *DB) WakeStream(ctx context.Context, name string) error {
	err := d.update(ctx, func(t tx) error {
		job, err := d.wake(ctx, t, name)
		if err != nil {
			return err
		}
		return t.enqueue(ctx, []river.InsertManyParams{job})
	})
	if err != nil {
		return fmt.Errorf("waking stream %s: %w", name, err)
	}
	return nil
}

// wake counts a wake in the transaction and returns its job. The newest count's
// job does the work, older ones have nothing left to do; a running one is left
// alone and followed by this one.
func (d *DB) wake(ctx context.Context, t tx, name string) (river.InsertManyParams, error) {
	var want int64
	if err := t.row(ctx, `INSERT INTO streams (name, want, seq, state, lease, lease_until, lease_ttl)
		VALUES ($1, 1, -1, $2, '', 0, 0)
		ON CONFLICT (name) DO UPDATE SET want = streams.want + 1 RETURNING want`, name, []byte{}).Scan(&want); err != nil {
		return river.InsertManyParams{}, fmt.Errorf("waking stream %s: %w", name, err)
	}
	return river.InsertManyParams{Args: deliverArgs{Stream: name, Gen: want}, InsertOpts: &river.InsertOpts{
		Queue: deliverQueue, MaxAttempts: maxAttempts}}, nil
}
