package ecsops

import "context"

// Reads about a whole cluster may be a hundred calls. They are wide: of each bucket only
// one of them stands in line for a token at a time, so that what is asked about the target
// itself, here and in every other inspection, waits for one of them and not for all. And
// few are under way at once, as each answer is large.
const wideMost = 8

type wideKey struct{}

func withWide(ctx context.Context) context.Context { return context.WithValue(ctx, wideKey{}, true) }

func isWide(ctx context.Context) bool { return ctx.Value(wideKey{}) != nil }

// lane is where wide calls of one budget queue.
type lane struct {
	turn  chan struct{} // held by the one that waits for a token
	under chan struct{} // held by those under way
}

func newLane() lane {
	return lane{turn: make(chan struct{}, 1), under: make(chan struct{}, wideMost)}
}

func hold(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter waits for a token; the returned func says that the call is over.
func (b *budget) enter(ctx context.Context) (leave func(), err error) {
	if !isWide(ctx) {
		return func() {}, b.wait(ctx)
	}
	if err := hold(ctx, b.lane.under); err != nil {
		return nil, err
	}
	leave = func() { <-b.lane.under }
	if err = hold(ctx, b.lane.turn); err == nil {
		err = b.wait(ctx)
		<-b.lane.turn
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}
