package ecsops

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pagesOf puts pages a second apart, and ends with err.
func pagesOf(ctx context.Context, wg *sync.WaitGroup, err error, pages ...[]int) *stream[int] {
	return flow(ctx, wg, func(_ context.Context, put func([]int)) error {
		for _, p := range pages {
			time.Sleep(time.Second) // a bubble's
			put(p)
		}
		return err
	})
}

func TestStream(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		err   error
		pages [][]int
		most  int
		few   bool
		knows time.Duration // when upTo answers
	}{
		"nothing":               {most: 2, few: true},
		"as many as asked":      {pages: [][]int{{1}, {2}}, most: 2, few: true, knows: 2 * time.Second},
		"more, seen at once":    {pages: [][]int{{1, 2, 3}, {4}, {5}}, most: 2, knows: time.Second},
		"a page that is empty":  {pages: [][]int{{1}, {}, {2}}, most: 2, few: true, knows: 3 * time.Second},
		"broken after a page":   {pages: [][]int{{1}}, most: 2, err: broken, knows: time.Second},
		"broken, but too many":  {pages: [][]int{{1, 2, 3}}, most: 2, err: broken, knows: time.Second},
		"broken from the first": {most: 2, err: broken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var wg sync.WaitGroup
				defer wg.Wait()
				began := time.Now()
				s := pagesOf(t.Context(), &wg, c.err, c.pages...)
				all, few, err := s.upTo(t.Context(), c.most)
				if took := time.Since(began); took != c.knows {
					t.Errorf("known after %s, want %s", took, c.knows)
				}
				whole := slices.Concat(c.pages...)
				tooMany := len(whole) > c.most
				if few != c.few || tooMany && err != nil || !tooMany && !errors.Is(err, c.err) || few && !slices.Equal(all, whole) {
					t.Errorf("upTo = %v, %t, %v", all, few, err)
				}
				for range 2 { // whoever asks sees all of it
					if got, err := s.wait(t.Context()); !errors.Is(err, c.err) || c.err == nil && !slices.Equal(got, whole) {
						t.Errorf("wait = %v, %v", got, err)
					}
				}
			})
		})
	}
}

// TestAsTheyCome: each page is worked on while the next is awaited, and the results are in order.
func TestAsTheyCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		defer wg.Wait()
		began := time.Now()
		out, err := asTheyCome(t.Context(), pagesOf(t.Context(), &wg, nil, []int{1}, []int{2}, []int{3}), func(_ context.Context, p []int) (int, error) {
			time.Sleep(time.Duration(4-p[0]) * 2 * time.Second) // the first takes longest
			return p[0], nil
		})
		if took := time.Since(began); err != nil || !slices.Equal(out, []int{1, 2, 3}) || took != 7*time.Second {
			t.Errorf("%v, %v after %s", out, err, took)
		}
		broken := errors.New("broken")
		began = time.Now()
		_, err = asTheyCome(t.Context(), pagesOf(t.Context(), &wg, nil, []int{1}, []int{2}, []int{3}), func(ctx context.Context, p []int) (int, error) {
			if p[0] == 2 {
				return 0, broken
			}
			<-ctx.Done() // what is under way is called off
			return 0, ctx.Err()
		})
		if took := time.Since(began); !errors.Is(err, broken) || took != 2*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		_, err = asTheyCome(t.Context(), pagesOf(t.Context(), &wg, broken, []int{1}), func(context.Context, []int) (int, error) { return 0, nil })
		if !errors.Is(err, broken) {
			t.Errorf("a list that broke off: %v", err)
		}
	})
}

func TestInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		defer wg.Wait()
		var got [][]int
		in := pagesOf(t.Context(), &wg, nil, []int{1, 2, 3}, []int{}, []int{4, 5}, []int{6, 7, 8, 9})
		err := inBatches(t.Context(), in, 2, func(b []int) { got = append(got, slices.Clone(b)) }, func(n int) (int, bool) { return n, n != 4 })
		if want := [][]int{{1, 2}, {3, 5}, {6, 7}, {8, 9}}; err != nil || !slices.EqualFunc(got, want, slices.Equal[[]int]) {
			t.Errorf("%v, %v", got, err)
		}
		got = nil
		err = inBatches(t.Context(), pagesOf(t.Context(), &wg, errTooManyServices, []int{1, 2, 3}), 2, func(b []int) { got = append(got, b) }, func(n int) (int, bool) { return n, true })
		if !errors.Is(err, errTooManyServices) || len(got) != 1 {
			t.Errorf("a list that broke off: %v, %v", got, err)
		}
	})
}
