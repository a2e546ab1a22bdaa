package socket

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pacer spaces the calls of apps.connections.open over all seats.
type pacer struct {
	limiter *rate.Limiter

	mu        sync.Mutex // guards notBefore
	notBefore time.Time
}

func (p *pacer) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		d := time.Until(p.notBefore)
		p.mu.Unlock()
		if d <= 0 {
			return p.limiter.Wait(ctx)
		}
		pause(ctx, d)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// hold stops all calls for d, as Slack's Retry-After asks.
func (p *pacer) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.notBefore) {
		p.notBefore = until
	}
}
