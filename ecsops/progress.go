package ecsops

import (
	"context"
	"sync"
	"time"
)

// tellFrom is the wait that is worth a word to whoever waits.
const tellFrom = 3 * time.Second

type longKey struct{}

// OnLong has tell called, once at most and before the inspection under ctx ends, when our
// own share of AWS's buckets will make it last long: takes is how long, from now. It says
// nothing of what is read, as whether the person may know that is decided later.
func OnLong(ctx context.Context, tell func(takes time.Duration)) context.Context {
	var once sync.Once
	return context.WithValue(ctx, longKey{}, func(takes time.Duration) { once.Do(func() { tell(takes) }) })
}

// estimate says how long the calls about a cluster of that size wait for our own budget.
func (f *Fleet) estimate(c Cluster) time.Duration {
	calls := map[bucket]int{clusterResourceRead: 2 * inPages(c.Instances, maxResults)}
	if c.services <= mostServices {
		calls[serviceRead] = inPages(c.services, maxResults) + inPages(c.services, servicesBatch)
	}
	longest := time.Duration(0)
	for b, n := range calls {
		longest = max(longest, f.budget(c.ARN.Account(), c.ARN.Region(), b, usePreview).takes(n))
	}
	return longest
}

func inPages(n, size int) int { return (n + size - 1) / size }

// takes is the real time until so many calls are let go, if nobody else calls.
func (b *budget) takes(calls int) time.Duration {
	now := b.clock.Now()
	short := float64(calls) - b.limiter.TokensAt(now)
	if short <= 0 {
		return 0
	}
	takes := b.clock.Until(now.Add(time.Duration(short / float64(b.limiter.Limit()) * float64(time.Second))))
	if takes == never {
		return 0 // the budget does not hold then
	}
	return takes
}

// TakesLong tells whoever asked by OnLong, if it is long.
func TakesLong(ctx context.Context, takes time.Duration) {
	if tell, ok := ctx.Value(longKey{}).(func(time.Duration)); ok && takes >= tellFrom {
		tell(min(takes, mostTimeBox))
	}
}

// tellIfLong waits for the estimate, which was made before the calls began to count.
func (r *reader) tellIfLong() {
	r.wg.Go(func() {
		if takes, err := r.estimated.wait(r.ctx); err == nil {
			TakesLong(r.ctx, takes)
		}
	})
}
