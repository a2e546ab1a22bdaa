package ecsops

import (
	"context"
	"sync"
)

// later is a value that a read will bring. Reads that depend on another wait for it.
type later[T any] struct {
	done chan struct{}
	val  T
	err  error
}

// wait returns the value, the read's error, or ctx's.
func (l *later[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-l.done:
		return l.val, l.err
	default:
	}
	select {
	case <-l.done:
		return l.val, l.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// start runs f in its own goroutine, counted by wg.
func start[T any](ctx context.Context, wg *sync.WaitGroup, f func(context.Context) (T, error)) *later[T] {
	l := &later[T]{done: make(chan struct{})}
	wg.Go(func() {
		defer close(l.done)
		l.val, l.err = f(ctx)
	})
	return l
}

// ready is a value that is there already.
func ready[T any](v T) *later[T] {
	l := &later[T]{done: make(chan struct{}), val: v}
	close(l.done)
	return l
}

// each runs f on batches of at most size, in parallel, and returns the results in order.
// The first error in that order is returned; every batch is finished by then.
func each[In, Out any](ctx context.Context, in []In, size int, f func(context.Context, []In) (Out, error)) ([]Out, error) {
	n := (len(in) + size - 1) / size
	out, errs := make([]Out, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		part := in[i*size : min((i+1)*size, len(in))]
		wg.Go(func() { out[i], errs[i] = f(ctx, part) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
