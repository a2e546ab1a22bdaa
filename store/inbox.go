package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/workflow"
)

// inboxHold is how long an envelope belongs to whoever stored it, before the
// sweep may take it: longer than any first answer takes.
const inboxHold = time.Minute

// inboxMaxBatch bounds the envelopes of one transaction.
const inboxMaxBatch = 64

// errClosed answers envelopes that come after Close.
var errClosed = errors.New("the store is closed")

// PutInbox stores an envelope; it is durable when it returns nil. fresh is false
// when the id was seen before, handled or not. The caller holds the item for a
// minute; then ClaimInbox hands it out again unless DoneInbox was called.
// After an error the envelope is not stored: one whose ctx ended in mid-commit
// is removed again.
func (d *DB) PutInbox(ctx context.Context, it workflow.InboxItem) (fresh bool, err error) {
	if it.ID == "" {
		return false, errors.New("storing an envelope: it has no id")
	}
	return d.batch.put(ctx, it)
}

// ClaimInbox leases up to limit envelopes that nobody holds, oldest first. A
// lease that runs out (in real time) is handed out again: handling must bear it.
func (d *DB) ClaimInbox(ctx context.Context, limit int, lease time.Duration) ([]workflow.InboxItem, error) {
	var items []workflow.InboxItem
	err := d.update(ctx, func(t tx) error {
		items = items[:0]
		now := d.back.real()
		rs, err := t.query(ctx, `UPDATE inbox SET lease_until = $1, holder = $4 WHERE id IN (
				SELECT id FROM inbox WHERE done_at = 0 AND lease_until <= $2
				ORDER BY received_at, id LIMIT $3`+d.back.skip()+`)
			RETURNING id, kind, payload, received_at`, nanos(now.Add(lease)), nanos(now), limit, d.replica)
		if err != nil {
			return err
		}
		defer rs.Close()
		for rs.Next() {
			var it workflow.InboxItem
			var at int64
			if err := rs.Scan(&it.ID, &it.Kind, &it.Payload, &at); err != nil {
				return err
			}
			it.ReceivedAt = fromNanos(at)
			items = append(items, it)
		}
		return rs.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("claiming envelopes: %w", err)
	}
	sortInbox(items)
	return items, nil
}

// DoneInbox marks an envelope handled and empties its payload, which holds a
// response URL. The id stays for a day, so that a redelivery is known. Envelopes
// that end together share a commit.
func (d *DB) DoneInbox(ctx context.Context, id string) error {
	if err := d.ends.mark(ctx, id); err != nil {
		return fmt.Errorf("marking an envelope handled: %w", err)
	}
	return nil
}

// batcher makes concurrent puts share a transaction: while one commits, the
// others gather. A lone put waits for nobody.
type batcher struct {
	back    backend
	replica string // who holds what was stored
	log     zerolog.Logger
	in      chan *put
	stop    chan struct{}
	once    sync.Once
	done    sync.WaitGroup
}

// put is one envelope on its way. state decides who has the last word: the
// batcher that stored it, or the caller who would wait no longer.
type put struct {
	item   workflow.InboxItem
	state  atomic.Int32
	answer chan answer // capacity 1: the batcher never waits for a caller who left
}

const (
	putPending = iota
	putAnswered
	putWithdrawn
)

type answer struct {
	fresh bool
	err   error
}

func newBatcher(b backend, replica string, log zerolog.Logger) *batcher {
	g := &batcher{back: b, replica: replica, log: log, in: make(chan *put), stop: make(chan struct{})}
	g.done.Go(g.run)
	return g
}

func (g *batcher) put(ctx context.Context, it workflow.InboxItem) (bool, error) {
	p := &put{item: it, answer: make(chan answer, 1)}
	select {
	case g.in <- p:
	case <-g.stop:
		return false, errClosed
	case <-ctx.Done():
		return false, fmt.Errorf("storing an envelope: %w", context.Cause(ctx))
	}
	select {
	case a := <-p.answer:
		return a.fresh, a.err
	case <-ctx.Done():
		if p.state.CompareAndSwap(putPending, putWithdrawn) {
			return false, fmt.Errorf("storing an envelope: %w", context.Cause(ctx))
		}
		a := <-p.answer // it was stored just now
		return a.fresh, a.err
	}
}

func (g *batcher) close() {
	g.once.Do(func() { close(g.stop) })
	g.done.Wait()
}

func (g *batcher) run() {
	for {
		select {
		case p := <-g.in:
			g.commit(g.gather(p))
		case <-g.stop:
			return
		}
	}
}

// gather takes what waits. An id comes once into a batch: its second put
// is answered by the next one.
func (g *batcher) gather(first *put) []*put {
	ps, ids := []*put{first}, map[string]bool{first.item.ID: true}
	for len(ps) < inboxMaxBatch {
		select {
		case p := <-g.in:
			if ids[p.item.ID] {
				g.commit(ps)
				return []*put{p}
			}
			ps, ids[p.item.ID] = append(ps, p), true
		default:
			return ps
		}
	}
	return ps
}

func (g *batcher) commit(ps []*put) {
	ps = slices.DeleteFunc(ps, func(p *put) bool { return p.state.Load() == putWithdrawn })
	if len(ps) == 0 {
		return
	}
	fresh, err := g.insert(ps)
	if err != nil && len(ps) > 1 && !errors.Is(err, ErrUncertain) {
		// One envelope that the database refuses must not sink the others.
		for _, p := range ps {
			g.commit([]*put{p})
		}
		return
	}
	var left []string
	for _, p := range ps {
		isFresh := fresh[p.item.ID]
		if p.state.CompareAndSwap(putPending, putAnswered) {
			p.answer <- answer{isFresh, err}
		}
		if isFresh && p.state.Load() == putWithdrawn || errors.Is(err, ErrUncertain) {
			left = append(left, p.item.ID)
		}
	}
	g.withdraw(left)
}

// withdraw removes envelopes whose putters were told that they are not stored:
// nothing may come of them later.
func (g *batcher) withdraw(ids []string) {
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	err := g.back.update(ctx, func(t tx) error {
		for _, id := range ids {
			if _, err := t.exec(ctx, `DELETE FROM inbox WHERE id = $1 AND done_at = 0`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		g.log.Error().Err(err).Int("envelopes", len(ids)).Msg("envelopes that were given up may still be handled")
	}
}

// insert stores a batch. When the answer to COMMIT is lost it asks again: the
// hold, to the nanosecond, tells our own rows from those of an earlier delivery.
func (g *batcher) insert(ps []*put) (fresh map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	hold := nanos(g.back.real().Add(inboxHold))
	for range 3 {
		fresh, err = g.tryInsert(ctx, ps, hold)
		if !errors.Is(err, ErrUncertain) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("storing an envelope: %w", err)
	}
	return fresh, nil
}

func (g *batcher) tryInsert(ctx context.Context, ps []*put, hold int64) (map[string]bool, error) {
	fresh := make(map[string]bool, len(ps))
	err := g.back.updateFirst(ctx, func(t tx) error {
		var v values
		for _, p := range ps {
			v.add(p.item.ID, p.item.Kind, append([]byte{}, p.item.Payload...), nanos(p.item.ReceivedAt), hold, 0, g.replica)
		}
		rs, err := t.query(ctx, `INSERT INTO inbox (id, kind, payload, received_at, lease_until, done_at, holder) VALUES `+v.text()+`
			ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until
			WHERE inbox.lease_until = excluded.lease_until AND inbox.done_at = 0 RETURNING id`, v.args...)
		if err != nil {
			return err
		}
		defer rs.Close()
		for rs.Next() {
			var id string
			if err := rs.Scan(&id); err != nil {
				return err
			}
			fresh[id] = true
		}
		return rs.Err()
	})
	return fresh, err
}

// sortInbox: RETURNING promises no order.
func sortInbox(items []workflow.InboxItem) {
	slices.SortFunc(items, func(a, b workflow.InboxItem) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID))
	})
}
