package workflow

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"ecsbot/ecsops"
)

// slowReads is a fleet whose shared readings wait for the test.
type slowReads struct {
	Fleet
	mu    sync.Mutex
	reads [][]ecsops.EC2ID
	gate  chan struct{} // one value lets one reading end
	fail  error
}

func (s *slowReads) InspectMany(ctx context.Context, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	s.mu.Lock()
	var ids []ecsops.EC2ID
	out := make([]ecsops.Snapshot, len(ts))
	for i, t := range ts {
		ids, out[i].Target = append(ids, t.EC2), t
	}
	s.reads = append(s.reads, ids)
	s.mu.Unlock()
	select {
	case <-s.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return out, s.fail
}

// Whoever comes while a reading is under way waits for the next one, with all others; each
// gets its own target.
func TestGatheringSharesReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowReads{gate: make(chan struct{})}
		g := &gathering{fleet: s}
		var wg sync.WaitGroup
		ask := func(n int) {
			wg.Go(func() {
				got, err := g.inspect(t.Context(), grave(n), ecsops.Intent{})
				if err != nil || got.Target != grave(n) {
					t.Errorf("%d: %+v, %v", n, got.Target.EC2, err)
				}
			})
		}
		ask(0)
		synctest.Wait()
		for n := 1; n < 26; n++ {
			ask(n)
		}
		synctest.Wait()
		s.gate <- struct{}{}
		synctest.Wait()
		s.gate <- struct{}{}
		wg.Wait()
		if len(s.reads) != 2 || len(s.reads[0]) != 1 || len(s.reads[1]) != 25 {
			t.Errorf("read %v: want the first alone, then all others at once", s.reads)
		}
		ask(30) // nobody reads any more: it does not wait for anybody
		s.gate <- struct{}{}
		wg.Wait()
	})
}

// Who was to read and leaves hands that on; who only waited is forgotten.
func TestGatheringOutlivesWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowReads{gate: make(chan struct{})}
		g := &gathering{fleet: s}
		results := map[int]error{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		ask := func(ctx context.Context, n int) {
			wg.Go(func() {
				_, err := g.inspect(ctx, grave(n), ecsops.Intent{})
				mu.Lock()
				defer mu.Unlock()
				results[n] = err
			})
			synctest.Wait()
		}
		reading, stopReading := context.WithCancel(t.Context())
		waiting, stopWaiting := context.WithCancel(t.Context())
		ask(reading, 0)
		ask(waiting, 1)
		ask(t.Context(), 2)
		stopWaiting()
		synctest.Wait()
		stopReading() // its reading fails: the next in line reads
		synctest.Wait()
		s.gate <- struct{}{}
		wg.Wait()
		if !errors.Is(results[0], context.Canceled) || !errors.Is(results[1], context.Canceled) || results[2] != nil {
			t.Errorf("%v", results)
		}
		if len(s.reads) != 2 || !slices.Equal(s.reads[1], []ecsops.EC2ID{grave(2).EC2}) {
			t.Errorf("read %v", s.reads)
		}
	})
}
