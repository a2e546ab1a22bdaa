package store

import (
	"context"
	"slices"
	"sync"
)

// turns decides who writes next where there is one writer. An envelope, whose
// sender waits for its ack, goes before every transaction that has not begun:
// in the order of arrival it would wait for the commit of each.
type turns struct {
	mu    sync.Mutex
	busy  bool            // guarded by mu
	first []chan struct{} // guarded by mu, as rest
	rest  []chan struct{}
}

// take waits for a turn; give ends it. After an error there is nothing to give.
func (q *turns) take(ctx context.Context, first bool) error {
	q.mu.Lock()
	if !q.busy {
		q.busy = true
		q.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	line := &q.rest
	if first {
		line = &q.first
	}
	*line = append(*line, mine)
	q.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(*line, mine)
	if i >= 0 {
		*line = slices.Delete(*line, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 {
		q.give() // it came just now
	}
	return context.Cause(ctx)
}

func (q *turns) give() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, line := range []*[]chan struct{}{&q.first, &q.rest} {
		if len(*line) > 0 {
			next := (*line)[0]
			*line = (*line)[1:]
			close(next)
			return
		}
	}
	q.busy = false
}
