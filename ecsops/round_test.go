package ecsops

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"
)

type handClock struct{ now time.Time }

func (c *handClock) Now() time.Time                { return c.now }
func (c *handClock) Until(time.Time) time.Duration { return 0 }

// TestRoundForgets: a round that goes on for hours holds no more than what it may still use.
func TestRoundForgets(t *testing.T) {
	clock := &handClock{now: lookedAt}
	var rs rounds
	var r *round
	for n := range 100 {
		r = rs.goOn("a", clock, 0)
		if _, err := keep(r, "tasks "+strconv.Itoa(n), func() (int, error) { return n, nil }); err != nil {
			t.Fatal(err)
		}
		clock.now = clock.now.Add(time.Minute)
	}
	if n := len(r.pieces); n > int(keptFor/time.Minute)+1 {
		t.Errorf("%d pieces are held", n)
	}
}

// TestKeep: what an attempt read holds for the next ones as long as the round says, and no
// failure is kept.
func TestKeep(t *testing.T) {
	clock := &handClock{now: lookedAt}
	var rs rounds
	reads, fail := 0, error(nil)
	read := func() (int, error) { reads++; return reads, fail }
	for _, c := range []struct {
		why   string
		after time.Duration
		need  time.Duration
		err   error
		want  int // which reading it is
	}{
		{"the first attempt", 0, 0, nil, 1},
		{"the next one", keptFor, 0, nil, 1},
		{"it is too old", 1, 0, nil, 2},
		{"the budget asks for time", keptFor, time.Minute, nil, 2},
		{"older, as it asked for time", 2 * time.Minute, time.Minute, nil, 2},
		{"too old even so", 1, time.Minute, context.DeadlineExceeded, 3},
		{"a failure is asked again", 0, time.Minute, nil, 4},
	} {
		clock.now, fail = clock.now.Add(c.after), c.err
		got, err := keep(rs.goOn("op", clock, c.need), "tasks", read)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: reading %d, %v; want %d", c.why, got, err, c.want)
		}
	}
	if got, _ := keep(rs.goOn("op", clock, 0), "services", read); got != 5 {
		t.Errorf("another piece: reading %d", got)
	}
	rs.ended("op")
	if got, _ := keep(rs.goOn("op", clock, 0), "tasks", read); got != 6 {
		t.Errorf("a new round: reading %d", got)
	}
	slow := rs.goOn("op", clock, 0)
	clock.now = clock.now.Add(keptFor + 1)
	if got, _ := keep(slow, "tasks", read); got != 7 {
		t.Errorf("an attempt that took too long: reading %d", got)
	}
	if got, _ := keep(nil, "tasks", read); got != 8 {
		t.Errorf("without a round: reading %d", got)
	}
}
