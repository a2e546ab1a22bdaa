package ecsops

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// BusyError says that a look was given up because its turn in our own share of AWS's
// budget would come too late. Nothing was learned, and nothing is wrong.
type BusyError struct {
	Until time.Time // when to come again
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("no turn before %s in this bot's share of AWS's budget", e.Until.UTC().Format(time.RFC3339))
}

type patienceKey struct{}

// withPatience bounds what a call waits for the budget; the zero time bounds nothing.
func withPatience(ctx context.Context, until time.Time) context.Context {
	return context.WithValue(ctx, patienceKey{}, until)
}

func patienceOf(ctx context.Context) time.Time {
	t, _ := ctx.Value(patienceKey{}).(time.Time)
	return t
}

// gate lets looks in one after another, as fast as polling's share of the budget lasts.
// Without it, looks that begin and cannot be finished would spend the share and leave
// nobody anything. Who finds it shut gets a turn: looks at running drains of one cluster
// together, as they share calls, and else in the order of asking.
type gate struct {
	next    time.Time              // the first turn that nobody has
	turns   map[string]time.Time   // by target
	convoys map[ClusterARN]*convoy // the last one of each cluster
	joint   map[ClusterARN]int     // looks under way that share calls
	single  float64                // tokens that the others under way are expected to take
}

// convoy is a turn of several.
type convoy struct {
	at      time.Time
	n, room int
}

// visit is who asks the gate, and for what.
type visit struct {
	key     string // of the target, and of what is read of it
	cluster ClusterARN
	shares  bool    // calls, with others of its cluster
	beside  int     // drains in the cluster
	tokens  float64 // that it is expected to take: looks that share, by what they took lately
	urgent  bool    // it waits for nobody, and those who do wait the longer
}

const (
	// gateDebt is how long the looks that are in may have to wait for tokens, one with another.
	gateDebt = time.Second
	// forgetTurn is after what time a turn is forgotten that nobody came for.
	forgetTurn = 2 * time.Minute
	// turnSoon: a turn is never so near that the queue would not notice.
	turnSoon = 100 * time.Millisecond
	// Looks under way that share take two calls, and so much more for each of them.
	convoyTokens, memberTokens = 2, 0.25
	// lookTokens are those of a look that shares nothing: it lists twice and describes twice.
	lookTokens = 4
	// A verification looks, lists, and asks for the tasks of each service.
	afterTokens, serviceTokens = 6, 1.5
)

func newGate() *gate {
	return &gate{turns: map[string]time.Time{}, convoys: map[ClusterARN]*convoy{}, joint: map[ClusterARN]int{}}
}

// enter reports when to come again; the zero time means now. free are the tokens that are
// there, less than none when some wait. Turns leave as much of the share as the pace does to
// urgent looks. Pure but for g.
func (g *gate) enter(v visit, now time.Time, free, perSecond float64) time.Time {
	for k, at := range g.turns {
		if now.Sub(at) > forgetTurn {
			delete(g.turns, k)
		}
	}
	at, has := g.turns[v.key]
	owed := after(max(0, g.wanted()-free), perSecond)
	switch {
	case v.urgent:
		g.next = latest(g.next, now).Add(after(v.tokens, perSecond))
	case has && now.Before(at):
		return at
	case !has && (g.next.After(now) || owed > gateDebt):
		at = latest(g.next, now.Add(owed), now.Add(turnSoon))
		g.turns[v.key] = g.queue(v, at, now, perSecond*paceRoom)
		return g.turns[v.key]
	}
	delete(g.turns, v.key)
	if v.shares {
		g.joint[v.cluster]++
	} else {
		g.single += v.tokens
	}
	return time.Time{}
}

// queue gives a turn: at, or with its cluster's, if that is to come.
func (g *gate) queue(v visit, at, now time.Time, perSecond float64) time.Time {
	if !v.shares {
		g.next = at.Add(after(v.tokens, perSecond))
		return at
	}
	c := g.convoys[v.cluster]
	if c == nil || !c.at.After(now.Add(turnSoon)) || c.n >= lookTogether {
		// Those who will join are reckoned with now, or the turns behind would be too early.
		c = &convoy{at: at, room: min(max(v.beside, 1), lookTogether)}
		g.convoys[v.cluster] = c
		g.next = at.Add(after(v.tokens*float64(c.room), perSecond))
	}
	if c.n++; c.n > c.room {
		g.next = g.next.Add(after(v.tokens, perSecond))
	}
	return c.at
}

// wanted is what the looks under way are expected to take in all.
func (g *gate) wanted() float64 {
	tokens := g.single
	for _, n := range g.joint {
		tokens += convoyTokens + memberTokens*float64(n)
	}
	return tokens
}

func (g *gate) leave(v visit) {
	if !v.shares {
		g.single -= v.tokens
		return
	}
	if g.joint[v.cluster]--; g.joint[v.cluster] == 0 {
		delete(g.joint, v.cluster)
	}
}

func after(tokens, perSecond float64) time.Duration {
	return time.Duration(tokens / perSecond * float64(time.Second))
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// enter asks the gate of t's account and Region; leave must follow where err is nil.
func (f *Fleet) enter(t Target, v visit) (leave func(), err error) {
	at, now := place(t.Account, t.Region), f.clock.Now()
	if v.shares {
		v.tokens = f.meter(at).costs()[clusterResourceRead.name].tokens
	}
	b := f.budget(t.Account, t.Region, clusterResourceRead, usePoll)
	f.mu.Lock()
	defer f.mu.Unlock()
	g := f.traffic.gates[at]
	if g == nil {
		g = newGate()
		f.traffic.gates[at] = g
	}
	v.key, v.cluster, v.beside = t.Key()+v.key, t.Cluster, f.traffic.inCluster[t.Cluster]
	until := g.enter(v, now, b.limiter.TokensAt(now), float64(b.limiter.Limit()))
	if !until.IsZero() {
		if f.clock.Until(until) < never {
			return nil, &BusyError{Until: until}
		}
		v.urgent = true // a clock that stands still holds nobody
		g.enter(v, now, 0, 1)
	}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		g.leave(v)
	}, nil
}

// longestWait is how long a poll may wait for the budget: an attempt of a step has 30 s.
const longestWait = 15 * time.Second

// polling is ctx for a poll of so many calls in a time box, half of which may be spent
// waiting for the budget. Where this process has so small a part of it that this would
// never be enough, the poll waits longer: else it would come again and again for nothing.
func (f *Fleet) polling(ctx context.Context, t Target, tokens float64, box time.Duration) (context.Context, context.CancelFunc) {
	per := float64(f.budget(t.Account, t.Region, clusterResourceRead, usePoll).limiter.Limit())
	wait := max(box/2, min(after(tokens*5/4, per), longestWait))
	until := f.clock.Now().Add(wait)
	return context.WithTimeout(withPatience(withUse(ctx, usePoll), until), box/2+min(f.clock.Until(until), wait))
}

// hadTurn is nil unless a fact is missing because the budget was spent.
func (f *Fleet) hadTurn(missing []Unknown) error {
	if slices.ContainsFunc(missing, func(u Unknown) bool { return u.Reason == reasonBusy }) {
		return &BusyError{Until: f.clock.Now().Add(f.cfg.TimeBox / 2)}
	}
	return nil
}

// looked counts a look, so that it is known what one costs. What looks without a turn spent
// in vain counts with those that had theirs, so that there is less of it.
func (f *Fleet) looked(t Target) { f.meter(place(t.Account, t.Region)).look() }
