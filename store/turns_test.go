package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q turns
		var mu sync.Mutex
		var order []string
		wait := func(ctx context.Context, name string, first bool) {
			go func() {
				err := q.take(ctx, first)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					order = append(order, name+" left: "+err.Error())
					return
				}
				order = append(order, name)
				q.give()
			}()
			synctest.Wait()
		}
		if err := q.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		gone, leave := context.WithCancelCause(t.Context())
		wait(t.Context(), "a", false)
		wait(gone, "b", true)
		wait(t.Context(), "envelope 1", true)
		wait(t.Context(), "c", false)
		wait(t.Context(), "envelope 2", true)
		leave(errors.New("too long"))
		synctest.Wait()
		q.give()
		synctest.Wait()
		if want := []string{"b left: too long", "envelope 1", "envelope 2", "a", "c"}; !slices.Equal(order, want) {
			t.Errorf("%q, want %q", order, want)
		}
		if q.busy || len(q.first)+len(q.rest) > 0 {
			t.Errorf("somebody still has the turn: %v, %d waiting", q.busy, len(q.first)+len(q.rest))
		}
	})
}

// Whoever gives up in the moment of being called passes the turn on.
func TestTurnsLeftAtTheLastMoment(t *testing.T) {
	for range 200 {
		var q turns
		if err := q.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var people sync.WaitGroup
		people.Go(func() {
			if q.take(ctx, true) == nil {
				q.give()
			}
		})
		people.Go(cancel)
		q.give()
		people.Wait()
		if err := q.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if len(q.first) > 0 {
			t.Fatal("somebody waits who has left")
		}
		q.give()
	}
}
