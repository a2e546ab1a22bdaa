package delivery

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Slack's limits, with a margin (https://docs.slack.dev/apis/web-api/rate-limits): chat.postMessage about one message a second
// and channel with short bursts, chat.update Tier 3, 50 a minute. They count for the whole app; with several replicas the
// answer 429 evens out what the others use.
const (
	postEvery   = time.Second
	postBurst   = 3
	updateEvery = 1300 * time.Millisecond
	updateBurst = 12
	// reserved updates are left for changes of state: progress waits while fewer are there.
	reserved = 6
	// waitHere is the longest wait inside an attempt; a longer one gives the worker back.
	waitHere = 1500 * time.Millisecond
	// keepChannels bounds the memory for channels; beyond it idle ones are forgotten.
	keepChannels = 1000
)

// pace keeps the process within Slack's limits. It counts real time.
type pace struct {
	updates *rate.Limiter

	// mu guards what follows.
	mu     sync.Mutex
	posts  map[string]*rate.Limiter // by channel
	closed map[string]time.Time     // until when Slack wants to hear nothing, by method and channel
}

func newPace() *pace {
	return &pace{
		updates: rate.NewLimiter(rate.Every(updateEvery), updateBurst),
		posts:   map[string]*rate.Limiter{}, closed: map[string]time.Time{},
	}
}

// urgency is how much a call matters.
type urgency int

const (
	progress urgency = iota // may be left out
	change                  // a change of state, a record
)

// take waits for a turn, or returns a *slackError of kind tooSoon.
func (p *pace) take(ctx context.Context, key string, lim *rate.Limiter, u urgency) error {
	if wait := p.shut(key); wait > 0 {
		return &slackError{kind: tooSoon, wait: wait}
	}
	if u == progress && lim.Tokens() < reserved {
		missing := reserved - lim.Tokens()
		return &slackError{kind: tooSoon, wait: time.Duration(missing * float64(updateEvery))}
	}
	r := lim.Reserve()
	wait := r.Delay()
	if wait > waitHere {
		r.Cancel()
		return &slackError{kind: tooSoon, wait: wait}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		r.Cancel()
		return &slackError{kind: retry, err: context.Cause(ctx)}
	}
}

func (p *pace) shut(key string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.closed[key]
	if !ok {
		return 0
	}
	wait := time.Until(until)
	if wait <= 0 {
		delete(p.closed, key)
	}
	return wait
}

// close notes a 429.
func (p *pace) close(key string, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed[key] = time.Now().Add(wait)
}

func (p *pace) channel(id string) *rate.Limiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	lim, ok := p.posts[id]
	if !ok {
		if len(p.posts) >= keepChannels {
			p.forgetIdle()
		}
		lim = rate.NewLimiter(rate.Every(postEvery), postBurst)
		p.posts[id] = lim
	}
	return lim
}

func (p *pace) forgetIdle() {
	for id, lim := range p.posts {
		if lim.Tokens() >= postBurst {
			delete(p.posts, id)
		}
	}
}
