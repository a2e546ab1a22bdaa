package bot

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/store"
	"ecsbot/workflow"
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

// TestShareSetsThePace: what the store counts reaches those who look, and on SQLite the
// whole of the budget is this process's.
func TestShareSetsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Options{StateDir: t.TempDir(), Serve: true, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		fleet, err := ecsops.New(t.Context(), ecsops.Config{Region: "eu-central-1", Clusters: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		const base = 10 * time.Second
		cluster := ecsops.MakeClusterARN("123456789012", "eu-central-1", "prod")
		target := ecsops.Target{Account: "123456789012", Region: "eu-central-1", Cluster: cluster}
		stop := (&service{db: db, fleet: fleet}).sharing(t.Context())
		time.Sleep(announceEvery + time.Second)
		if p := fleet.Pace(target, base); p.Drains != 0 || p.Every != base || fleet.Parts() != 1 {
			t.Errorf("alone: %+v, one of %d parts", p, fleet.Parts())
		}
		for i := range 200 {
			at := target
			at.Instance = ecsops.InstanceARN(fmt.Sprint(i))
			op := workflow.Operation{ID: fmt.Sprint(i), State: workflow.Draining, Target: at, CreatedAt: time.Now()}
			if err := db.Commit(t.Context(), workflow.Change{Op: &op, Events: []workflow.Event{{Type: workflow.EvConfirmed, State: workflow.Draining}}}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(announceEvery + time.Second)
		if p := fleet.Pace(target, base); p.Drains != 200 || p.Every <= base || p.Grid <= 0 || fleet.Parts() != 1 {
			t.Errorf("two hundred: %+v, one of %d parts", p, fleet.Parts())
		}
		stop()
	})
}
