package ecsops

import (
	"context"
	"maps"
	"sync"
	"time"
)

// round is one verification, or one look after an operation, in as many attempts as the budget asks for. What an attempt
// learned before its time was up is kept, or a process with a small part of the budget and
// many services or clusters to ask would begin anew for ever.
type round struct {
	clock Clock

	mu     sync.Mutex
	age    time.Duration        // guarded by mu: how old a piece may be
	pieces map[string]aged[any] // guarded by mu
}

// keptFor is how old what it says may be, beside twice the time that the budget
// asks for. It is also how long a round is remembered that nobody goes on with.
const keptFor = 2 * time.Minute

// keep returns what an earlier attempt of the round read, or reads it; without a round it
// just reads.
func keep[T any](r *round, piece string, read func() (T, error)) (T, error) {
	if r == nil {
		return read()
	}
	r.mu.Lock()
	p, ok := r.pieces[piece]
	fits := ok && r.clock.Now().Sub(p.at) <= r.age
	r.mu.Unlock()
	if v, is := p.v.(T); fits && is {
		return v, nil
	}
	v, err := read()
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pieces[piece] = aged[any]{v, r.clock.Now()}
	}
	return v, err
}

// rounds are those that were begun and did not end.
type rounds struct {
	mu sync.Mutex
	m  map[string]aged[*round] // guarded by mu
}

// goOn returns the round that an earlier attempt began, or a new one, which asks for so
// much of the budget's time.
func (rs *rounds) goOn(key string, clock Clock, need time.Duration) *round {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	now := clock.Now()
	for k, r := range rs.m {
		if now.Sub(r.at) > max(keptFor, r.v.age) {
			delete(rs.m, k)
		}
	}
	r := rs.m[key].v
	if r == nil {
		r = &round{clock: clock, pieces: map[string]aged[any]{}}
	}
	r.lasts(keptFor+2*need, now)
	if rs.m == nil {
		rs.m = map[string]aged[*round]{}
	}
	rs.m[key] = aged[*round]{r, now}
	return r
}

// lasts says how old a piece may be, and forgets those that are older.
func (r *round) lasts(age time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age = age
	maps.DeleteFunc(r.pieces, func(_ string, p aged[any]) bool { return now.Sub(p.at) > age })
}

// ended forgets a round: the next one reads everything anew.
func (rs *rounds) ended(key string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	delete(rs.m, key)
}

// inquiry is what a round asks for.
type inquiry struct {
	key    string        // of the round
	tokens float64       // that it is expected to take of the cluster resource reads
	groups int           // target groups whose targets are read
	box    time.Duration // of one attempt, waiting for the budget apart
}

// inRound makes one attempt of a round, and ends the round unless something that read says is
// missing is so because the budget was spent: then it returns a *BusyError.
func (f *Fleet) inRound(ctx context.Context, t Target, q inquiry, read func(context.Context, *round) []Unknown) error {
	in := f.rounds.goOn(q.key, f.clock, f.asks(t, q.tokens, q.groups))
	boxed, cancel := f.polling(ctx, t, q.tokens, q.box)
	defer cancel()
	missing := read(boxed, in)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.hadTurn(missing); err != nil {
		return err
	}
	f.rounds.ended(q.key)
	return nil
}
