package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// ends marks envelopes handled. While one transaction waits for its turn and
// commits, the next ones gather.
type ends struct {
	d    *DB
	in   chan *end
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
}

// end is one handled envelope. err has room for one: nobody waits for a caller who left.
type end struct {
	id  string
	err chan error
}

func newEnds(d *DB) *ends {
	e := &ends{d: d, in: make(chan *end), stop: make(chan struct{})}
	e.done.Go(e.run)
	return e
}

// mark returns when the mark is durable. After an error it may or may not be.
func (e *ends) mark(ctx context.Context, id string) error {
	m := &end{id: id, err: make(chan error, 1)}
	select {
	case e.in <- m:
	case <-e.stop:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-m.err:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *ends) close() {
	e.once.Do(func() { close(e.stop) })
	e.done.Wait()
}

func (e *ends) run() {
	for {
		select {
		case m := <-e.in:
			e.commit(e.gather(m))
		case <-e.stop:
			return
		}
	}
}

func (e *ends) gather(first *end) []*end {
	all := []*end{first}
	for len(all) < inboxMaxBatch {
		select {
		case m := <-e.in:
			all = append(all, m)
		default:
			return all
		}
	}
	return all
}

func (e *ends) commit(all []*end) {
	ctx, cancel := context.WithTimeout(context.Background(), commitLimit)
	defer cancel()
	args, places := []any{nanos(e.d.back.real()), []byte{}}, make([]string, 0, len(all))
	for _, m := range all {
		args = append(args, m.id)
		places = append(places, "$"+strconv.Itoa(len(args)))
	}
	err := e.d.update(ctx, func(t tx) error {
		_, err := t.exec(ctx, `UPDATE inbox SET done_at = $1, payload = $2 WHERE done_at = 0 AND id IN (`+strings.Join(places, ", ")+`)`, args...)
		return err
	})
	for _, m := range all {
		m.err <- err
	}
}
