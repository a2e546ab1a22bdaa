package ecsops

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// gather answers what several callers ask at about the same time by one AWS call. What it
// gives is never older than the question: a call that has left takes no more askers.
type gather[K comparable, V any] struct {
	clock Clock
	box   time.Duration // of one call
	size  int           // most keys of one call
	send  func(ctx context.Context, keys []K) (map[K]V, error)

	mu   sync.Mutex
	open *joint[K, V] // guarded by mu: the call that still takes askers
}

// joint is one call on behalf of its askers.
type joint[K comparable, V any] struct {
	keys   []K
	has    map[K]bool
	askers int
	until  time.Time // the most patient asker's
	left   int       // askers that gave up
	stop   context.CancelFunc
	full   chan struct{} // closed when it takes no more
	done   chan struct{}
	vals   map[K]V
	err    error
}

// gatherFor is how long a call waits for others to join. A step is seconds away from the
// next, so a person does not notice.
const gatherFor = 100 * time.Millisecond

// ask returns what the calls brought for the keys; a key without an answer is absent. It
// waits up to wait for others with keys of their own. Who stops waiting stops no one else.
func (g *gather[K, V]) ask(ctx context.Context, keys []K, wait time.Duration) (map[K]V, error) {
	out := make(map[K]V, len(keys))
	joined := g.join(ctx, keys, wait)
	var first error
	for _, j := range joined {
		select {
		case <-j.done:
		case <-ctx.Done():
			first = ctx.Err()
			g.leave(j)
			continue
		}
		vals, err := j.vals, j.err
		if err != nil && j.askers > 1 && answered(err) {
			vals, err = g.send(ctx, j.mine(keys)) // it may be about what another asked
		}
		if err != nil && first == nil {
			first = err
		}
		maps.Copy(out, vals)
	}
	if first != nil {
		return nil, first
	}
	maps.DeleteFunc(out, func(k K, _ V) bool { return !slices.Contains(keys, k) })
	return out, nil
}

// answered: AWS took the question and did not like it; neither time nor the network is at fault.
func answered(err error) bool {
	_, ours := errors.AsType[reasonError](err)
	return ours || refused(err)
}

func (j *joint[K, V]) mine(keys []K) []K {
	var out []K
	for _, k := range keys {
		if j.has[k] {
			out = append(out, k)
		}
	}
	return out
}

// join puts the keys into the open call, and into further ones when it is full.
func (g *gather[K, V]) join(ctx context.Context, keys []K, wait time.Duration) []*joint[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	var joined []*joint[K, V]
	for _, k := range keys {
		if g.open == nil {
			g.begin(ctx, wait)
		}
		j := g.open
		if !slices.Contains(joined, j) {
			joined = append(joined, j)
			j.askers++
			if t := patienceOf(ctx); t.After(j.until) {
				j.until = t
			}
		}
		if !j.has[k] {
			j.has[k] = true
			j.keys = append(j.keys, k)
		}
		if len(j.keys) == g.size {
			g.open = nil
			close(j.full)
		}
	}
	return joined
}

// begin opens a call; mu is held. The call outlives the asker that opened it.
func (g *gather[K, V]) begin(ctx context.Context, wait time.Duration) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	j := &joint[K, V]{has: map[K]bool{}, stop: stop, full: make(chan struct{}), done: make(chan struct{})}
	g.open = j
	go g.carry(ctx, j, wait)
}

func (g *gather[K, V]) carry(ctx context.Context, j *joint[K, V], wait time.Duration) {
	defer j.stop()
	defer close(j.done)
	g.linger(ctx, j, wait)
	g.mu.Lock()
	if g.open == j {
		g.open = nil
	}
	keys, until := j.keys, j.until
	g.mu.Unlock()
	if j.err = ctx.Err(); j.err != nil {
		return
	}
	box := g.box
	if !until.IsZero() { // who asks may wait longer for the budget than half a box
		box = g.box/2 + min(max(g.box/2, g.clock.Until(until)), longestWait)
	}
	ctx, cancel := context.WithTimeout(withPatience(ctx, until), box)
	defer cancel()
	j.vals, j.err = g.send(ctx, keys)
}

// linger waits for others, on the injected clock; one that stands still is not waited for.
func (g *gather[K, V]) linger(ctx context.Context, j *joint[K, V], wait time.Duration) {
	if wait <= 0 {
		return
	}
	left := g.clock.Until(g.clock.Now().Add(wait))
	if left >= never {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-j.full:
	case <-ctx.Done():
	}
}

// leave gives up; the last one ends the call.
func (g *gather[K, V]) leave(j *joint[K, V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if j.left++; j.left < j.askers {
		return
	}
	if g.open == j {
		g.open = nil // whoever asks next gets a call of its own
	}
	j.stop()
}
