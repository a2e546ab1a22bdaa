package store_test

import (
	"maps"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/store"
	"ecsbot/workflow"
)

// TestAnnounce: replicas learn of each other, one that joined is settled once all others have,
// and who withdraws, or does not come again, is no longer counted. On SQLite there is one.
func TestAnnounce(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		const long = time.Hour
		announce := func(db *store.DB, ttl time.Duration, live int, settled bool) {
			t.Helper()
			if !p.pg {
				live, settled = 1, true
			}
			got, err := db.Announce(t.Context(), ttl)
			if err != nil || got.Live != live || got.Settled != settled {
				t.Errorf("live %d, settled %t, %v; want %d, %t", got.Live, got.Settled, err, live, settled)
			}
		}
		a := p.open(t)
		announce(a, long, 1, true)
		announce(a, long, 1, true)
		if !p.pg {
			return
		}
		b := p.beside(t)
		announce(b, long, 2, false)
		announce(b, long, 2, false)
		announce(a, long, 2, true)
		announce(b, long, 2, true)
		c := p.beside(t)
		announce(c, long, 3, false)
		announce(a, long, 3, true)
		announce(c, long, 3, false)
		announce(b, -time.Second, 3, true) // it will not come again
		announce(c, long, 2, true)
		announce(a, long, 2, true)
		announce(b, long, 3, false) // it did: as a new one
		if err := b.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		announce(a, long, 2, true)
		if got := race(t, func(i int) error {
			_, err := []*store.DB{a, b, c}[i%3].Announce(t.Context(), long)
			return err
		}); got[nil] != racers {
			t.Errorf("at once: %v", got)
		}
		for _, db := range []*store.DB{a, b, c} {
			if _, err := db.Announce(t.Context(), long); err != nil {
				t.Fatal(err)
			}
		}
		announce(a, long, 3, true)
		announce(b, long, 3, true)
		announce(c, long, 3, true)
	})
}

// TestAnnounceCountsDrains: those that hold a lock, by cluster, whichever replica steps them.
func TestAnnounceCountsDrains(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		for i, s := range []workflow.State{workflow.Draining, workflow.Verifying, workflow.Proposed, workflow.Done} {
			insert(t, db, string(s), i, s)
		}
		other := proposal("elsewhere", 9)
		other.State, other.Target.Cluster = workflow.Draining, ecsops.MakeClusterARN("111122223333", "eu-west-1", "staging")
		if err := db.Commit(t.Context(), workflow.Change{Op: other, Events: event(workflow.EvProposed)}); err != nil {
			t.Fatal(err)
		}
		got, err := db.Announce(t.Context(), time.Minute)
		want := map[ecsops.ClusterARN]int{target(0).Cluster: 2, other.Target.Cluster: 1}
		if err != nil || !maps.Equal(got.Drains, want) {
			t.Errorf("%v, %v; want %v", got.Drains, err, want)
		}
	})
}
