package ecsops

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wire is a call that takes a second, and remembers when it left and for what.
type wire struct {
	mu   sync.Mutex
	sent []time.Time
	keys [][]string
	fail func(keys []string) error
}

func (w *wire) gather(size int) *gather[string, string] {
	return &gather[string, string]{clock: realClock{}, box: 8 * time.Second, size: size,
		send: func(ctx context.Context, keys []string) (map[string]string, error) {
			w.mu.Lock()
			w.sent, w.keys = append(w.sent, time.Now()), append(w.keys, slices.Clone(keys))
			w.mu.Unlock()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if w.fail != nil {
				if err := w.fail(keys); err != nil {
					return nil, err
				}
			}
			out := map[string]string{}
			for _, k := range keys {
				out[k] = "of " + k
			}
			return out, nil
		}}
}

// Those who ask within the window share a call; who asks while it is on its way gets
// another one, that left after the question.
func TestGatherIsNeverOlderThanTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		g := w.gather(100)
		asked := []time.Duration{0, 50 * time.Millisecond, 99 * time.Millisecond, 101 * time.Millisecond, 900 * time.Millisecond}
		began := time.Now()
		answered := make([]time.Time, len(asked))
		for i, at := range asked {
			go func() {
				time.Sleep(at)
				key := string(rune('a' + i))
				got, err := g.ask(t.Context(), []string{key}, gatherFor)
				if err != nil || len(got) != 1 || got[key] != "of "+key {
					t.Errorf("%s: %v, %v", key, got, err)
				}
				answered[i] = time.Now()
			}()
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if want := [][]string{{"a", "b", "c"}, {"d"}, {"e"}}; !slices.EqualFunc(w.keys, want, slices.Equal) {
			t.Fatalf("calls %v, want %v", w.keys, want)
		}
		for i, at := range asked {
			call := slices.IndexFunc(w.keys, func(k []string) bool { return slices.Contains(k, string(rune('a'+i))) })
			if w.sent[call].Before(began.Add(at)) {
				t.Errorf("question %d, asked at %s, was answered by a call that left at %s", i, at, w.sent[call].Sub(began))
			}
			if took := answered[i].Sub(began.Add(at)); took > gatherFor+time.Second {
				t.Errorf("question %d took %s", i, took)
			}
		}
	})
}

// A call takes so many names and no more; it leaves at once when it is full.
func TestGatherFillsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		g := w.gather(3)
		began := time.Now()
		got, err := g.ask(t.Context(), []string{"a", "b", "c", "d", "e", "f", "g"}, gatherFor)
		if err != nil || len(got) != 7 || len(w.keys) != 3 {
			t.Fatalf("%d answers by %v, %v", len(got), w.keys, err)
		}
		early := 0
		for _, at := range w.sent {
			if at.Equal(began) {
				early++
			}
		}
		if early != 2 {
			t.Errorf("%d full calls left at once", early)
		}
	})
}

// A failed call fails everyone whom it was for, with the same error. What AWS refused may
// be about one of them: the others get their answer from a call of their own.
func TestGatherFails(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		lost []string // who gets no answer
		sent int
	}{
		"no answer":       {errors.New("connection failed"), []string{"good", "bad"}, 1},
		"refused by name": {called("ecs:DescribeTasks", reasonError("ACCESS")), []string{"bad"}, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{fail: func(keys []string) error {
				if slices.Contains(keys, "bad") {
					return c.err
				}
				return nil
			}}
			g := w.gather(100)
			var lost []string
			for _, key := range []string{"good", "bad"} {
				go func() {
					if _, err := g.ask(t.Context(), []string{key}, gatherFor); err != nil {
						w.mu.Lock()
						lost = append(lost, key)
						w.mu.Unlock()
						if !errors.Is(err, c.err) {
							t.Errorf("%s: %s: %v", name, key, err)
						}
					}
				}()
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			slices.Sort(lost)
			slices.Sort(c.lost)
			if !slices.Equal(lost, c.lost) || len(w.sent) != c.sent {
				t.Errorf("%s: %d calls, no answer for %v", name, len(w.sent), lost)
			}
		})
	}
}

// Who stops waiting stops nobody else, not even when he asked first; the last one ends the call.
func TestGatherOutlivesAnAsker(t *testing.T) {
	for name, leave := range map[string]time.Duration{"before it left": 50 * time.Millisecond, "on its way": 500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := &wire{}
			g := w.gather(100)
			var answers atomic.Int32
			short, cancel := context.WithTimeout(t.Context(), leave)
			defer cancel()
			for key, ctx := range map[string]context.Context{"first": short, "second": t.Context()} {
				go func() {
					if key == "second" {
						time.Sleep(10 * time.Millisecond)
					}
					got, err := g.ask(ctx, []string{key}, gatherFor)
					switch {
					case err == nil && got[key] != "":
						answers.Add(1)
					case key == "second" || !errors.Is(err, context.DeadlineExceeded):
						t.Errorf("left %s: %s: %v, %v", name, key, got, err)
					}
				}()
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if answers.Load() != 1 || len(w.sent) != 1 {
				t.Errorf("left %s: %d answers from %d calls", name, answers.Load(), len(w.sent))
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		g := w.gather(100)
		if _, err := g.ask(ctx, []string{"a"}, gatherFor); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if len(w.sent) != 0 {
			t.Error("a call was made that nobody waits for")
		}
		if got, err := g.ask(t.Context(), []string{"b"}, gatherFor); err != nil || got["b"] == "" {
			t.Errorf("the next: %v, %v", got, err)
		}
	})
}
