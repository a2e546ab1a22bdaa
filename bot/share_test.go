package bot

import (
	"testing"
	"time"

	"ecsbot/store"
)

// TestParts: a replica takes one of as many parts as there are replicas, and next to nothing
// while others may not know of it, or may count on its being gone.
func TestParts(t *testing.T) {
	for _, c := range []struct {
		why  string
		last store.Replicas
		age  time.Duration
		want int
	}{
		{"nobody was asked yet", store.Replicas{}, 0, fewest},
		{"alone", store.Replicas{Live: 1, Settled: true}, 0, 1},
		{"one of three", store.Replicas{Live: 3, Settled: true}, announceEvery, 3},
		{"just joined two", store.Replicas{Live: 3}, 0, fewest},
		{"just joined many", store.Replicas{Live: 30}, 0, 30},
		{"two announcements failed", store.Replicas{Live: 3, Settled: true}, 3 * announceEvery, 3},
		{"the database is gone for long", store.Replicas{Live: 3, Settled: true}, announceFor - 2*announceEvery + 1, fewest},
	} {
		if got := parts(c.last, c.age); got != c.want {
			t.Errorf("%s: %d parts, want %d", c.why, got, c.want)
		}
	}
}
