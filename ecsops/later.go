package ecsops

import (
	"cmp"
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

// stream is a list that comes page by page: AWS gives the next page's token with each. Who
// asks sees every page, from the first on.
type stream[T any] struct {
	mu    sync.Mutex
	pages [][]T         // guarded by mu, as all below
	ended bool          // no page comes any more
	err   error         // why not
	more  chan struct{} // closed at the next change
}

// flow runs f in its own goroutine, counted by wg; what it puts are the pages.
func flow[T any](ctx context.Context, wg *sync.WaitGroup, f func(context.Context, func([]T)) error) *stream[T] {
	s := &stream[T]{more: make(chan struct{})}
	wg.Go(func() {
		err := f(ctx, func(page []T) {
			s.change(func() { s.pages = append(s.pages, page) })
		})
		s.change(func() { s.ended, s.err = true, err })
	})
	return s
}

func (s *stream[T]) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.more)
	s.more = make(chan struct{})
}

// page returns the n-th page once it is there; ok is false after the last.
func (s *stream[T]) page(ctx context.Context, n int) (page []T, ok bool, err error) {
	for {
		s.mu.Lock()
		more, there := s.more, n < len(s.pages)
		if there {
			page = s.pages[n]
		}
		ended, failed := s.ended, s.err
		s.mu.Unlock()
		switch {
		case there:
			return page, true, nil
		case ended:
			return nil, false, failed
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// wait returns the whole list.
func (s *stream[T]) wait(ctx context.Context) ([]T, error) {
	var all []T
	for n := 0; ; n++ {
		page, ok, err := s.page(ctx, n)
		if err != nil {
			return nil, err
		}
		if !ok {
			return all, nil
		}
		all = append(all, page...)
	}
}

// asTheyCome runs f on each page as soon as it is there, in parallel, and returns the
// results in the pages' order. Nothing new begins after the first error, which is returned
// once all have finished.
func asTheyCome[In, Out any](ctx context.Context, in *stream[In], f func(context.Context, []In) (Out, error)) ([]Out, error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var reads []*later[Out]
	for n := 0; ; n++ {
		page, ok, err := in.page(ctx, n)
		if err != nil {
			return nil, cmp.Or(context.Cause(ctx), err)
		}
		if !ok {
			break
		}
		reads = append(reads, start(ctx, &wg, func(ctx context.Context) (Out, error) {
			out, err := f(ctx, page)
			if err != nil {
				cancel(err)
			}
			return out, err
		}))
	}
	out := make([]Out, 0, len(reads))
	for _, r := range reads {
		v, err := r.wait(ctx)
		if err != nil {
			return nil, cmp.Or(context.Cause(ctx), err)
		}
		out = append(out, v)
	}
	return out, nil
}

// upTo returns the whole list if it has at most so many entries; few is false as soon as
// it is known to have more.
func (s *stream[T]) upTo(ctx context.Context, most int) (all []T, few bool, err error) {
	for n := 0; ; n++ {
		page, ok, err := s.page(ctx, n)
		if err != nil || !ok {
			return all, err == nil, err
		}
		if all = append(all, page...); len(all) > most {
			return nil, false, nil
		}
	}
}
