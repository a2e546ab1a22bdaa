package ecsops

import (
	"context"
	"sync"
	"time"
)

// mostTimeBox is the longest that a person, and the attempt that a step is, waits for reads.
const mostTimeBox = 25 * time.Second

// box is the time that reads may take. It is AWS's to use: what our own share of a
// throttling bucket makes a call wait is added. Of a cluster of thousands of instances that
// is most of the time, and is known beforehand; an AWS that does not answer gets no more.
type box struct {
	base   time.Duration
	latest time.Time
	cancel context.CancelFunc

	mu    sync.Mutex
	end   time.Time   // guarded by mu
	timer *time.Timer // guarded by mu
}

type boxKey struct{}

// boxed is ctx for one inspection. The returned func must be called.
func (f *Fleet) boxed(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	now := time.Now()
	b := &box{base: f.cfg.TimeBox, latest: now.Add(max(f.cfg.TimeBox, mostTimeBox)), cancel: cancel, end: now.Add(f.cfg.TimeBox)}
	b.timer = time.AfterFunc(f.cfg.TimeBox, cancel)
	return context.WithValue(ctx, boxKey{}, b), b.close
}

func (b *box) close() {
	b.mu.Lock()
	b.timer.Stop()
	b.mu.Unlock()
	b.cancel()
}

// extend makes room for a call that is let go only after so much time.
func (b *box) extend(wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := time.Now().Add(wait + b.base)
	if end.After(b.latest) {
		end = b.latest
	}
	if !end.After(b.end) || !b.timer.Stop() {
		return
	}
	b.end = end
	b.timer.Reset(time.Until(end))
}

// waiting tells the box of ctx, if it is in one, that a call waits for our own budget.
func waiting(ctx context.Context, d time.Duration) {
	if b, ok := ctx.Value(boxKey{}).(*box); ok && d > 0 {
		b.extend(d)
	}
}
