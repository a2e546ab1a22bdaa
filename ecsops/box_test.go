package ecsops

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBox: what our own budget makes a call wait is added to the time box, and AWS's time is not.
func TestBox(t *testing.T) {
	for name, c := range map[string]struct {
		at, waits time.Duration // when a call learns that it must wait, and how long
		ends      time.Duration
	}{
		"no call waits":                      {ends: 8 * time.Second},
		"a call waits":                       {at: time.Second, waits: 6 * time.Second, ends: 15 * time.Second},
		"a call waits near the end":          {at: 7 * time.Second, waits: time.Second, ends: 16 * time.Second},
		"longer than anybody should":         {at: time.Second, waits: time.Minute, ends: mostTimeBox},
		"once it is over nothing reopens it": {at: 9 * time.Second, waits: time.Second, ends: 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &Fleet{cfg: Config{TimeBox: 8 * time.Second}}
				ctx, cancel := f.boxed(t.Context())
				defer cancel()
				began := time.Now()
				if c.waits > 0 {
					time.AfterFunc(c.at, func() { waiting(ctx, c.waits) })
				}
				<-ctx.Done()
				if took := time.Since(began); took != c.ends {
					t.Errorf("ended after %s, want %s", took, c.ends)
				}
				if reason := reasonOf(ctx.Err()); reason != reasonTimedOut {
					t.Errorf("what was not read says %q", reason)
				}
				time.Sleep(time.Minute) // a bubble's: whatever is left over would show
			})
		})
	}
}

// TestWideCallsStandAside: a hundred reads of a cluster are in line, and a read about
// somebody's target comes; it waits for one of them.
func TestWideCallsStandAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(realClock{}, bucket{"some", 20, 20}, usePreview) // ten at once, then ten a second
		var wg sync.WaitGroup
		var mu sync.Mutex
		wide, most := 0, 0
		for range 100 {
			wg.Go(func() {
				leave, err := b.enter(withWide(t.Context()))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				wide++
				most = max(most, len(b.lane.under))
				mu.Unlock()
				time.Sleep(time.Second) // AWS answers
				leave()
			})
		}
		time.Sleep(1*time.Second + 50*time.Millisecond)
		began := time.Now()
		leave, err := b.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leave()
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("the target's own read waited %s behind %d wide ones", took, 100-wide)
		}
		ctx, cancel := context.WithCancel(withWide(t.Context()))
		cancel()
		if _, err := b.enter(ctx); err == nil {
			t.Error("a wide call whose inspection is over was let go")
		}
		wg.Wait()
		if most > wideMost || wide != 100 || len(b.lane.under)+len(b.lane.turn) > 0 {
			t.Errorf("%d wide calls at once, %d in all, %d places held at the end", most, wide, len(b.lane.under)+len(b.lane.turn))
		}
	})
}
