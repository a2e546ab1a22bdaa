package store_test

import (
	"errors"
	"testing"
	"time"

	"ecsbot/store"
	"ecsbot/workflow"
)

// What a replica held that died is handed out at the second announcement that misses it,
// long before its leases end. One that lives and says nothing keeps what it holds.
func TestDeadReplicaIsTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		if !p.pg {
			return // one process serves from SQLite: what a dead one held is given out at the start
		}
		announce := func(db *store.DB, live int) {
			t.Helper()
			if got, err := db.Announce(t.Context(), time.Hour); err != nil || got.Live != live {
				t.Fatalf("live %d, want %d; %v", got.Live, live, err)
			}
		}
		holds := func(db *store.DB, name string) {
			t.Helper()
			if _, err := db.PutInbox(t.Context(), workflow.InboxItem{ID: name, Kind: "interactive", ReceivedAt: noon}); err != nil {
				t.Fatal(err)
			}
			if _, err := db.AcquireStream(t.Context(), "card/"+name, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		has := func(db *store.DB, name string) bool {
			t.Helper()
			items, err := db.ClaimInbox(t.Context(), 10, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			_, err = db.AcquireStream(t.Context(), "card/"+name, time.Hour)
			if err != nil && !errors.Is(err, workflow.ErrLocked) {
				t.Fatal(err)
			}
			if (err == nil) != (len(items) == 1 && items[0].ID == name) {
				t.Errorf("%d envelopes, and the stream says %v", len(items), err)
			}
			return err == nil
		}
		a, lives, dies := p.open(t), p.beside(t), p.beside(t)
		announce(lives, 1)
		announce(dies, 2)
		holds(lives, "lives")
		holds(dies, "dies")
		for range 3 {
			announce(a, 3)
		}
		if has(a, "lives") || has(a, "dies") {
			t.Error("what the living hold was handed out")
		}
		dies.Close() // as a kill does, it says nothing
		announce(a, 3)
		if has(a, "dies") {
			t.Error("handed out at the first announcement that missed it: a connection may come again")
		}
		announce(a, 3)
		announce(a, 2)
		if !has(a, "dies") || has(a, "lives") {
			t.Error("not handed out, or the wrong ones")
		}
	})
}

// A replica whose connection was cut, and that came again in time, keeps what it holds.
func TestPulseComesAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		if !p.pg {
			return // no connection to lose
		}
		a, b := p.open(t), p.beside(t)
		for _, db := range []*store.DB{b, a, b, a} {
			if _, err := db.Announce(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.AcquireStream(t.Context(), "card/b", time.Hour); err != nil {
			t.Fatal(err)
		}
		for n := range 4 {
			b.CutPulse(t.Context())
			for _, db := range []*store.DB{a, b, a} {
				if got, err := db.Announce(t.Context(), time.Hour); err != nil || got.Live != 2 {
					t.Fatal(n, got.Live, err)
				}
			}
		}
		if _, err := a.AcquireStream(t.Context(), "card/b", time.Hour); !errors.Is(err, workflow.ErrLocked) {
			t.Error(err)
		}
	})
}

// A replica whose lock is gone while its connection lives takes it again, and keeps what it holds.
func TestPulseLost(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		if !p.pg {
			return // no lock to lose
		}
		a, b := p.open(t), p.beside(t)
		announce := func(dbs ...*store.DB) {
			t.Helper()
			for _, db := range dbs {
				if _, err := db.Announce(t.Context(), time.Hour); err != nil {
					t.Fatal(err)
				}
			}
		}
		announce(b, a)
		if _, err := b.AcquireStream(t.Context(), "card/b", time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := b.LosePulse(t.Context()); err != nil {
			t.Fatal(err)
		}
		announce(a, b, a, a, a)
		if _, err := a.AcquireStream(t.Context(), "card/b", time.Hour); !errors.Is(err, workflow.ErrLocked) {
			t.Errorf("what the living holds was handed out: %v", err)
		}
	})
}

// A replica that came again between the announcement that missed it and the takeover is left alone.
func TestPulseComesJustInTime(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		if !p.pg {
			return
		}
		a, b := p.open(t), p.beside(t)
		if _, err := b.Announce(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := b.AcquireStream(t.Context(), "card/b", time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := a.Bury(t.Context(), b.Replica()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.AcquireStream(t.Context(), "card/b", time.Hour); !errors.Is(err, workflow.ErrLocked) {
			t.Errorf("what the living holds was handed out: %v", err)
		}
		if got, err := a.Announce(t.Context(), time.Hour); err != nil || got.Live != 2 {
			t.Error(got.Live, err)
		}
	})
}

// While binaries run that know no holder, what one of them leased is not taken for a dead replica's
// that leased it before.
func TestPulseBesideAnOldBinary(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		if !p.pg {
			return
		}
		a, dies := p.open(t), p.beside(t)
		announce := func(db *store.DB) {
			t.Helper()
			if _, err := db.Announce(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		announce(dies)
		s, err := dies.AcquireStream(t.Context(), "card/x", time.Hour)
		if err == nil {
			err = dies.ReleaseStream(t.Context(), s)
		}
		if err == nil {
			err = a.LeaseAsBefore(t.Context(), "card/x")
		}
		if err != nil {
			t.Fatal(err)
		}
		dies.Close()
		announce(a)
		announce(a)
		announce(a)
		if _, err := a.AcquireStream(t.Context(), "card/x", time.Hour); !errors.Is(err, workflow.ErrLocked) {
			t.Errorf("what an old binary holds was handed out: %v", err)
		}
	})
}
