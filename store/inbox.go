package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

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
// When ctx ends first the envelope may or may not have been stored.
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
		rs, err := t.query(ctx, `UPDATE inbox SET lease_until = $1 WHERE id IN (
				SELECT id FROM inbox WHERE done_at = 0 AND lease_until <= $2
				ORDER BY received_at, id LIMIT $3`+d.back.skip()+`)
			RETURNING id, kind, payload, received_at`, nanos(now.Add(lease)), nanos(now), limit)
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
// response URL. The id stays for a day, so that a redelivery is known.
func (d *DB) DoneInbox(ctx context.Context, id string) error {
	err := d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE inbox SET done_at = $2, payload = $3 WHERE id = $1 AND done_at = 0`,
			id, nanos(d.back.real()), []byte{})
		return err
	})
	if err != nil {
		return fmt.Errorf("marking an envelope handled: %w", err)
	}
	return nil
}

// batcher makes concurrent puts share a transaction: while one commits, the
// others gather. A lone put waits for nobody.
type batcher struct {
	back backend
	in   chan put
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
}

type put struct {
	item   workflow.InboxItem
	answer chan answer // capacity 1: the batcher never waits for a caller who left
}

type answer struct {
	fresh bool
	err   error
}

func newBatcher(b backend) *batcher {
	g := &batcher{back: b, in: make(chan put), stop: make(chan struct{})}
	g.done.Go(g.run)
	return g
}

func (g *batcher) put(ctx context.Context, it workflow.InboxItem) (bool, error) {
	p := put{it, make(chan answer, 1)}
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
		return false, fmt.Errorf("storing an envelope: %w: %w", ErrUncertain, context.Cause(ctx))
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

func (g *batcher) gather(first put) []put {
	ps := []put{first}
	for len(ps) < inboxMaxBatch {
		select {
		case p := <-g.in:
			ps = append(ps, p)
		default:
			return ps
		}
	}
	return ps
}

func (g *batcher) commit(ps []put) {
	fresh, err := g.insert(ps)
	if err != nil && len(ps) > 1 && !errors.Is(err, ErrUncertain) {
		// One envelope that the database refuses must not sink the others.
		for _, p := range ps {
			g.commit([]put{p})
		}
		return
	}
	for _, p := range ps {
		a := answer{err: err}
		if err == nil {
			a.fresh = fresh[p.item.ID]
			delete(fresh, p.item.ID) // of two equal ids in one batch one is fresh
		}
		p.answer <- a
	}
}

func (g *batcher) insert(ps []put) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	fresh := make(map[string]bool, len(ps))
	err := g.back.update(ctx, func(t tx) error {
		var v values
		hold := nanos(g.back.real().Add(inboxHold))
		for _, p := range ps {
			v.add(p.item.ID, p.item.Kind, append([]byte{}, p.item.Payload...), nanos(p.item.ReceivedAt), hold, 0)
		}
		rs, err := t.query(ctx, `INSERT INTO inbox (id, kind, payload, received_at, lease_until, done_at) VALUES `+
			v.text()+` ON CONFLICT (id) DO NOTHING RETURNING id`, v.args...)
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
	if err != nil {
		return nil, fmt.Errorf("storing an envelope: %w", err)
	}
	return fresh, nil
}

// sortInbox: RETURNING promises no order.
func sortInbox(items []workflow.InboxItem) {
	slices.SortFunc(items, func(a, b workflow.InboxItem) int {
		return cmp.Or(a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID))
	})
}
