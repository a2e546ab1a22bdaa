package handlers

import (
	"context"
	"sync"
	"time"
)

const (
	burstGap  = 4 * time.Millisecond   // what comes closer together is one burst
	burstMost = 200 * time.Millisecond // a person hardly sees it
)

// burst knows whether envelopes come in a burst. Its zero value is ready.
type burst struct {
	mu      sync.Mutex
	waiting int       // guarded by mu: envelopes between their arrival and their ack
	last    time.Time // guarded by mu: of an arrival or an ack
	on      bool      // guarded by mu: the last envelope came with, or right after, another
}

func (b *burst) arrived() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = b.waiting > 0 || time.Since(b.last) < burstGap
	b.waiting++
	b.last = time.Now()
}

func (b *burst) acked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting--
	b.last = time.Now()
}

// goesOn is how long to wait before asking again; 0 when there is no burst.
func (b *burst) goesOn() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.on:
		return 0
	case b.waiting > 0:
		return burstGap
	}
	return max(0, burstGap-time.Since(b.last))
}

// acksFirst lets envelopes that come in a burst be stored and acked before the
// work on those that are: an ack is due within 3 s, the work is not. It never
// waits long, and not at all for an envelope that came alone.
func (b *burst) acksFirst(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, burstMost)
	defer cancel()
	for wait := b.goesOn(); wait > 0 && ctx.Err() == nil; wait = b.goesOn() {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}
