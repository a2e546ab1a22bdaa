package slack

import (
	"context"
	"time"
)

// fault is what the next calls of a method meet.
type fault struct {
	err        string
	retryAfter time.Duration
	cut        bool // the effect happens, the answer does not arrive
	times      int
}

// faults are what was ordered. The Workspace's mu guards them.
type faults struct {
	queue map[string][]fault
	delay map[string]time.Duration
	lost  int // ephemeral messages that nobody will see
}

func newFaults() faults {
	return faults{queue: map[string][]fault{}, delay: map[string]time.Duration{}}
}

func (w *Workspace) addFault(method string, f fault) {
	if f.times <= 0 {
		f.times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults.queue[method] = append(w.faults.queue[method], f)
}

// FailNext makes the next calls of a method answer with an error and do nothing.
func (w *Workspace) FailNext(method, code string, times int) {
	w.addFault(method, fault{err: code, times: times})
}

// RateLimitNext makes the next calls of a method answer 429 with Retry-After.
func (w *Workspace) RateLimitNext(method string, retryAfter time.Duration, times int) {
	w.addFault(method, fault{err: "ratelimited", retryAfter: max(retryAfter, time.Second), times: times})
}

// CutAfterEffect lets the next calls of a method take effect and then closes
// the connection instead of answering.
func (w *Workspace) CutAfterEffect(method string, times int) {
	w.addFault(method, fault{cut: true, times: times})
}

// DelayMethod makes every call of a method wait in real time before it is
// served; zero ends that.
func (w *Workspace) DelayMethod(method string, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults.delay[method] = d
}

// LoseEphemerals lets the next n calls of chat.postEphemeral succeed without
// anybody seeing the message: its delivery is not guaranteed
// (api.slack.com/methods/chat.postEphemeral).
func (w *Workspace) LoseEphemerals(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults.lost = n
}

// Heal forgets the ordered failures and delays of every method.
func (w *Workspace) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = newFaults()
}

// RevokeToken makes every later use of a token fail with code, for instance
// "token_revoked" or "account_inactive"; an empty code restores the token.
func (w *Workspace) RevokeToken(token, code string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code == "" {
		delete(w.revoked, token)
		return
	}
	w.revoked[token] = code
}

// ArchiveChannel archives a channel.
func (w *Workspace) ArchiveChannel(id string) bool {
	return w.EditChannel(id, func(c *Channel) { c.IsArchived = true })
}

// RemoveBot takes the app out of a channel.
func (w *Workspace) RemoveBot(channel string) bool {
	return w.EditChannel(channel, func(c *Channel) {
		kept := c.Members[:0]
		for _, m := range c.Members {
			if m != w.cfg.BotUserID {
				kept = append(kept, m)
			}
		}
		c.Members = kept
	})
}

// InviteBot makes the app a member of a channel.
func (w *Workspace) InviteBot(channel string) bool {
	return w.EditChannel(channel, func(c *Channel) {
		if !c.has(w.cfg.BotUserID) {
			c.Members = append(c.Members, w.cfg.BotUserID)
		}
	})
}

// DeleteMessage removes a message as its channel's administrator or the
// retention policy would, and reports whether it was there.
func (w *Workspace) DeleteMessage(channel, ts string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.find(channel, ts)
	if m == nil || m.Deleted {
		return false
	}
	next := *m
	next.Deleted = true
	w.replace(m, &next)
	w.touch()
	return true
}

// strike takes the next ordered fault of the call's method.
func (w *Workspace) strike(ctx context.Context, c *call) (fault, error) {
	w.mu.Lock()
	delay := w.faults.delay[c.method]
	var f fault
	if q := w.faults.queue[c.method]; len(q) > 0 {
		f = q[0]
		if q[0].times--; q[0].times == 0 {
			w.faults.queue[c.method] = q[1:]
		}
	}
	w.mu.Unlock()
	if delay > 0 {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return f, refuse("request_timeout")
		case <-w.ctx.Done():
			return f, refuse("service_unavailable")
		}
	}
	if f.err != "" {
		return f, &apiError{code: f.err, retryAfter: f.retryAfter}
	}
	return f, nil
}

// bucket is a token bucket for one method, or one method in one channel.
type bucket struct {
	tokens float64
	at     time.Time
}

// postBurst is how many messages a channel takes at once; Slack speaks of
// short bursts and gives no number.
const postBurst = 4

// limitRate enforces a method's tier when Config.EnforceRateLimits is set.
func (w *Workspace) limitRate(c *call, e endpoint) error {
	if !w.cfg.EnforceRateLimits || e.perMinute == 0 {
		return nil
	}
	key, burst := c.method, float64(e.perMinute)
	if c.method == "chat.postMessage" {
		key, burst = c.method+" "+c.channel, postBurst
	}
	rate := float64(e.perMinute) / 60
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	b := w.buckets[key]
	if b == nil {
		b = &bucket{tokens: burst, at: now}
		w.buckets[key] = b
	}
	b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.tokens < 1 {
		wait := time.Duration((1 - b.tokens) / rate * float64(time.Second))
		return &apiError{code: "ratelimited", retryAfter: max(wait, time.Second)}
	}
	b.tokens--
	return nil
}
