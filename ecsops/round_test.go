package ecsops

import (
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
