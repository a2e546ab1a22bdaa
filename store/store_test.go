package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"ecsbot/audit"
	"ecsbot/ecsops"
	"ecsbot/store"
	"ecsbot/store/pgtest"
	"ecsbot/workflow"
)

// racers is how many goroutines meet in the race tests.
const racers = 16

// place is an empty database that several handles may open.
type place struct {
	name string
	opts store.Options
	pg   bool
}

// onBoth runs the conformance test f on each database.
func onBoth(t *testing.T, f func(t *testing.T, p place)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		f(t, place{name: "sqlite", opts: store.Options{StateDir: t.TempDir(), Serve: true, Log: testLog(t)}})
	})
	t.Run("postgres", func(t *testing.T) {
		f(t, place{name: "postgres", opts: store.Options{URL: shared(t).Database(t), Serve: true, Log: testLog(t)}, pg: true})
	})
}

func testLog(t *testing.T) zerolog.Logger {
	return zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)
}

func (p place) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), p.opts)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// beside opens a second handle: another replica, or on SQLite a terminal.
func (p place) beside(t *testing.T) *store.DB {
	t.Helper()
	p.opts.Serve = p.pg
	return p.open(t)
}

func target(n int) ecsops.Target {
	c := ecsops.MakeClusterARN("111122223333", "eu-west-1", "prod")
	return ecsops.Target{Account: "111122223333", Region: "eu-west-1", Cluster: c,
		Instance: ecsops.InstanceARN(fmt.Sprintf("arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/%032x", n)),
		EC2:      ecsops.EC2ID(fmt.Sprintf("i-%017x", n)), RegisteredAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func proposal(id string, n int) *workflow.Operation {
	return &workflow.Operation{ID: id, State: workflow.Proposed, Target: target(n), Revision: 1,
		Requester: workflow.Actor{UserID: "U1", TeamID: "T1"}, CreatedAt: noon.Add(time.Duration(n) * time.Second)}
}

func event(ty workflow.EventType) []workflow.Event {
	return []workflow.Event{{At: noon, Type: ty, Actor: workflow.Actor{UserID: "U1"}}}
}

// insert commits a new operation in the given state.
func insert(t *testing.T, db *store.DB, id string, n int, s workflow.State) workflow.Operation {
	t.Helper()
	op := proposal(id, n)
	op.State = s
	if err := db.Commit(t.Context(), workflow.Change{Op: op, Events: event(workflow.EvProposed)}); err != nil {
		t.Fatalf("inserting %s: %v", id, err)
	}
	return get(t, db, id)
}

func get(t *testing.T, db *store.DB, id string) workflow.Operation {
	t.Helper()
	op, err := db.Operation(t.Context(), id)
	if err != nil {
		t.Fatalf("reading %s: %v", id, err)
	}
	return op
}

// text is v's JSON: a Fact's fields are out of cmp's reach.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// race runs f in racers goroutines at once and counts the errors by sentinel.
func race(t *testing.T, f func(i int) error) map[error]int {
	t.Helper()
	var wg sync.WaitGroup
	start, errs := make(chan struct{}), make([]error, racers)
	for i := range racers {
		wg.Go(func() { <-start; errs[i] = f(i) })
	}
	close(start)
	wg.Wait()
	got := map[error]int{}
	for _, err := range errs {
		known := err
		for _, s := range []error{workflow.ErrConflict, workflow.ErrLocked, workflow.ErrSpent, workflow.ErrNotFound} {
			if errors.Is(err, s) {
				known = s
			}
		}
		got[known]++
	}
	return got
}

func TestCommitStoresAndNumbers(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		op := proposal("op1", 1)
		err := db.Commit(t.Context(), workflow.Change{Op: op, Events: append(event(workflow.EvProposed), event(workflow.EvAsked)...)})
		if err != nil {
			t.Fatal(err)
		}
		if op.Version != 0 || op.Events != 0 {
			t.Errorf("Commit changed the caller's operation: version %d, events %d", op.Version, op.Events)
		}
		want := *op
		want.Version, want.Events = 1, 2
		got := get(t, db, "op1")
		if d := cmp.Diff(text(t, want), text(t, got)); d != "" {
			t.Errorf("stored operation (-want +got):\n%s", d)
		}
		got.State = workflow.Draining
		if err := db.Commit(t.Context(), workflow.Change{Op: &got, Expect: 1, Events: event(workflow.EvState)}); err != nil {
			t.Fatal(err)
		}
		recs, err := db.OperationRecords(t.Context(), "op1")
		if err != nil || len(recs) != 3 {
			t.Fatalf("records: %d, %v", len(recs), err)
		}
		for i, r := range recs {
			if r.Seq != int64(i) || r.Event.N != i+1 || r.Event.Op != "op1" {
				t.Errorf("record %d: seq %d, n %d, op %q", i, r.Seq, r.Event.N, r.Event.Op)
			}
		}
		if ev := recs[2].Event; ev.Version != 2 || ev.State != workflow.Draining {
			t.Errorf("last event: version %d, state %q", ev.Version, ev.State)
		}
		held, err := db.Holder(t.Context(), target(1))
		if err != nil || held.ID != "op1" {
			t.Errorf("holder: %q, %v", held.ID, err)
		}
		if _, err := db.Operation(t.Context(), "op2"); !errors.Is(err, workflow.ErrNotFound) {
			t.Errorf("unknown operation: %v", err)
		}
	})
}

func TestCommitRefusesSilentChangeOfState(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		op := insert(t, db, "op1", 1, workflow.Proposed)
		op.State = workflow.Draining
		if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: 1}); err == nil {
			t.Error("a change of state without an event was stored")
		}
		op.State = workflow.Proposed
		if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: 1}); err != nil {
			t.Errorf("a change without an event: %v", err)
		}
		if got := get(t, db, "op1"); got.Version != 2 || got.State != workflow.Proposed {
			t.Errorf("version %d, state %s", got.Version, got.State)
		}
	})
}

func TestCompareAndSwapRace(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		a := p.open(t)
		dbs := []*store.DB{a, p.beside(t)}
		if got := race(t, func(i int) error {
			return dbs[i%2].Commit(t.Context(), workflow.Change{Op: proposal("op1", 1), Events: event(workflow.EvProposed)})
		}); got[nil] != 1 || got[workflow.ErrConflict] != racers-1 {
			t.Errorf("inserting: %v", got)
		}
		for round := range 5 {
			op := get(t, a, "op1")
			if got := race(t, func(i int) error {
				mine := op
				return dbs[i%2].Commit(t.Context(), workflow.Change{Op: &mine, Expect: op.Version, Events: event(workflow.EvProgress)})
			}); got[nil] != 1 || got[workflow.ErrConflict] != racers-1 {
				t.Errorf("round %d: %v", round, got)
			}
		}
		if n, err := a.LogSize(t.Context()); n != 6 || err != nil {
			t.Errorf("log has %d records (%v), want 6", n, err)
		}
	})
}

func TestTargetLockRace(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		a := p.open(t)
		dbs := []*store.DB{a, p.beside(t)}
		for i := range racers {
			insert(t, a, fmt.Sprintf("op%02d", i), 7, workflow.Proposed)
		}
		lock := func(i int) error {
			op := get(t, a, fmt.Sprintf("op%02d", i))
			op.State = workflow.Draining
			return dbs[i%2].Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvConfirmed)})
		}
		if got := race(t, lock); got[nil] != 1 || got[workflow.ErrLocked] != racers-1 {
			t.Fatalf("locking: %v", got)
		}
		held, err := a.Holder(t.Context(), target(7))
		if err != nil {
			t.Fatal(err)
		}
		held.State = workflow.Done
		if err := a.Commit(t.Context(), workflow.Change{Op: &held, Expect: held.Version, Events: event(workflow.EvEnded)}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Holder(t.Context(), target(7)); !errors.Is(err, workflow.ErrNotFound) {
			t.Errorf("the ended operation still holds the lock: %v", err)
		}
		var n int
		for i := range racers {
			if id := fmt.Sprintf("op%02d", i); id != held.ID {
				if err := lock(i); err == nil {
					n++
				}
			}
		}
		if n != 1 {
			t.Errorf("%d operations took the released lock", n)
		}
	})
}

func TestTokenIsSpentOnceForEachActor(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		a := p.open(t)
		dbs := []*store.DB{a, p.beside(t)}
		insert(t, a, "op1", 1, workflow.Proposed)
		tokens, err := a.Tokens(t.Context(), "op1", 1, []workflow.Verb{workflow.Confirm}, noon)
		if err != nil {
			t.Fatal(err)
		}
		spend := func(db *store.DB, actor string) error {
			// Events of no operation: only the token can refuse.
			return db.Commit(t.Context(), workflow.Change{Events: event(workflow.EvConfirmed),
				Spend: &workflow.Spend{Token: tokens[workflow.Confirm], Actor: actor}})
		}
		for _, actor := range []string{"U1", "U2"} {
			if got := race(t, func(i int) error { return spend(dbs[i%2], actor) }); got[nil] != 1 || got[workflow.ErrSpent] != racers-1 {
				t.Errorf("%s: %v", actor, got)
			}
		}
		// A refused change spends nothing.
		op := get(t, a, "op1")
		c := workflow.Change{Op: &op, Expect: 99, Events: event(workflow.EvConfirmed),
			Spend: &workflow.Spend{Token: tokens[workflow.Confirm], Actor: "U3"}}
		if err := a.Commit(t.Context(), c); !errors.Is(err, workflow.ErrConflict) {
			t.Errorf("stale version: %v", err)
		}
		if err := spend(a, "U3"); err != nil {
			t.Errorf("spending after a refusal: %v", err)
		}
		if err := a.Commit(t.Context(), workflow.Change{Events: event(workflow.EvConfirmed),
			Spend: &workflow.Spend{Token: "forged", Actor: "U1"}}); err == nil {
			t.Error("a token that was never made was spent")
		}
	})
}

func TestTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		verbs := []workflow.Verb{workflow.Confirm, workflow.Cancel}
		one, err := db.Tokens(t.Context(), "op1", 1, verbs, noon)
		if err != nil || len(one) != 2 {
			t.Fatal(one, err)
		}
		again, err := db.Tokens(t.Context(), "op1", 1, verbs[:1], noon.Add(time.Hour))
		if err != nil || again[workflow.Confirm] != one[workflow.Confirm] {
			t.Errorf("a redraw changed the token: %v %v (%v)", one, again, err)
		}
		two, err := db.Tokens(t.Context(), "op1", 2, verbs[:1], noon)
		if err != nil || two[workflow.Confirm] == one[workflow.Confirm] {
			t.Errorf("another revision has the same token (%v)", err)
		}
		if err := db.BindTokens(t.Context(), "op1", "C1", "1.2"); err != nil {
			t.Fatal(err)
		}
		got, err := db.Token(t.Context(), one[workflow.Confirm])
		want := workflow.Token{Token: one[workflow.Confirm], Op: "op1", Revision: 1, Verb: workflow.Confirm,
			Channel: "C1", TS: "1.2", ExpiresAt: noon.Add(time.Hour)}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("token: %v\n%s", err, d)
		}
		if _, err := db.Token(t.Context(), "forged"); !errors.Is(err, workflow.ErrNotFound) {
			t.Errorf("forged token: %v", err)
		}
	})
}

func TestLogIsGapFree(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		a := p.open(t)
		dbs := []*store.DB{a, p.beside(t)}
		const each = 20
		race(t, func(i int) error {
			id := fmt.Sprintf("op%02d", i)
			for k := range each {
				op := proposal(id, i)
				if err := dbs[i%2].Commit(t.Context(), workflow.Change{Op: op, Expect: int64(k), Events: event(workflow.EvProgress)}); err != nil {
					t.Errorf("%s, %d: %v", id, k, err)
				}
				// A refused one in between leaves no gap.
				_ = dbs[i%2].Commit(t.Context(), workflow.Change{Op: op, Expect: 999, Events: event(workflow.EvProgress)})
			}
			return nil
		})
		recs, err := a.Records(t.Context(), 0, 10_000)
		if err != nil || len(recs) != racers*each {
			t.Fatalf("%d records, %v", len(recs), err)
		}
		n := map[string]int{}
		for i, r := range recs {
			n[r.Event.Op]++
			if r.Seq != int64(i) || r.Event.N != n[r.Event.Op] {
				t.Fatalf("record %d has seq %d, and n %d of %s", i, r.Seq, r.Event.N, r.Event.Op)
			}
		}
		if _, err := audit.Root(t.Context(), a, int64(len(recs))); err != nil {
			t.Error(err)
		}
	})
}

func TestOperationsListing(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		for i := range 25 {
			s := workflow.Proposed
			if i%5 == 0 {
				s = workflow.Done
			}
			insert(t, db, fmt.Sprintf("op%02d", i), i, s)
		}
		for name, row := range map[string]struct {
			f     workflow.Filter
			n     int
			first string
		}{
			"zero":          {workflow.Filter{}, 20, "op24"},
			"active":        {workflow.Filter{Active: true, Limit: 100}, 20, "op24"},
			"all":           {workflow.Filter{Limit: 100}, 25, "op24"},
			"cluster":       {workflow.Filter{Cluster: target(0).Cluster, Limit: 3}, 3, "op24"},
			"other cluster": {workflow.Filter{Cluster: "arn:aws:ecs:eu-west-1:111122223333:cluster/other"}, 0, ""},
		} {
			ops, err := db.Operations(t.Context(), row.f)
			if err != nil || len(ops) != row.n {
				t.Errorf("%s: %d operations, %v; want %d", name, len(ops), err, row.n)
				continue
			}
			if row.n > 0 && ops[0].ID != row.first {
				t.Errorf("%s: newest is %s", name, ops[0].ID)
			}
		}
	})
}

func TestInbox(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		a := p.open(t)
		dbs := []*store.DB{a, p.beside(t)}
		var fresh atomic.Int32
		got := race(t, func(i int) error {
			f, err := dbs[i%2].PutInbox(t.Context(), workflow.InboxItem{ID: "e1", Kind: "interactive", Payload: []byte(`{"a":1}`), ReceivedAt: noon})
			if f {
				fresh.Add(1)
			}
			return err
		})
		if got[nil] != racers || fresh.Load() != 1 {
			t.Errorf("one envelope put %d times: %v, fresh %d", racers, got, fresh.Load())
		}
		if items, err := a.ClaimInbox(t.Context(), 10, time.Minute); len(items) != 0 || err != nil {
			t.Errorf("claimed %d envelopes that their putter still holds (%v)", len(items), err)
		}
		if err := a.DoneInbox(t.Context(), "e1"); err != nil {
			t.Fatal(err)
		}
		if f, err := a.PutInbox(t.Context(), workflow.InboxItem{ID: "e1", Kind: "interactive", ReceivedAt: noon}); f || err != nil {
			t.Errorf("a handled envelope came again: fresh %v, %v", f, err)
		}
		if _, err := a.PutInbox(t.Context(), workflow.InboxItem{}); err == nil {
			t.Error("an envelope without an id was stored")
		}
	})
}

func TestStreamLease(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		s, err := db.AcquireStream(t.Context(), "audit", time.Minute)
		if err != nil || s.Seq != -1 || s.State != nil {
			t.Fatalf("first lease: %+v, %v", s, err)
		}
		if got := race(t, func(int) error {
			_, err := db.AcquireStream(t.Context(), "audit", time.Minute)
			return err
		}); got[workflow.ErrLocked] != racers {
			t.Errorf("while leased: %v", got)
		}
		s.Seq, s.State = 4, []byte(`{"ts":"1"}`)
		if err := db.AdvanceStream(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := db.ReleaseStream(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := db.AdvanceStream(t.Context(), s); !errors.Is(err, workflow.ErrConflict) {
			t.Errorf("advance after release: %v", err)
		}
		z, err := db.AcquireStream(t.Context(), "audit", -time.Second) // ends at once
		if err != nil || z.Seq != 4 || string(z.State) != `{"ts":"1"}` {
			t.Fatalf("second lease: %+v, %v", z, err)
		}
		n, err := db.AcquireStream(t.Context(), "audit", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		z.Seq = 99
		if err := db.AdvanceStream(t.Context(), z); !errors.Is(err, workflow.ErrConflict) {
			t.Errorf("a holder whose lease was taken over wrote: %v", err)
		}
		if err := db.ReleaseStream(t.Context(), z); err != nil {
			t.Errorf("releasing a lost lease: %v", err)
		}
		n.Seq = 5
		if err := db.AdvanceStream(t.Context(), n); err != nil {
			t.Errorf("the new holder: %v", err)
		}
	})
}

func TestPlans(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		want := ecsops.Plan{Digest: "d1"}
		if err := db.SavePlan(t.Context(), "p1", want); err != nil {
			t.Fatal(err)
		}
		got, err := db.Plan(t.Context(), "p1")
		if err != nil || got.Digest != "d1" {
			t.Errorf("plan %+v, %v", got, err)
		}
		if _, err := db.Plan(t.Context(), "p2"); !errors.Is(err, workflow.ErrNotFound) {
			t.Errorf("unknown plan: %v", err)
		}
	})
}

// What one replica showed, another one goes on with.
func TestShown(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		for _, want := range []string{`{"user":"U1"}`, `{"user":"U2“é"}`} {
			if err := db.SaveShown(t.Context(), "pick/1", []byte(want)); err != nil {
				t.Fatal(err)
			}
			if got, err := db.Shown(t.Context(), "pick/1"); err != nil || string(got) != want {
				t.Errorf("%s, %v", got, err)
			}
		}
		if _, err := db.Shown(t.Context(), "why/1"); !errors.Is(err, workflow.ErrNotFound) {
			t.Errorf("never shown: %v", err)
		}
	})
}

func TestFirstStartsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		p.opts.Serve = false
		dbs := make([]*store.DB, 6)
		var wg sync.WaitGroup
		for i := range dbs {
			wg.Go(func() {
				db, err := store.Open(t.Context(), p.opts)
				if err != nil {
					t.Errorf("start %d: %v", i, err)
					return
				}
				dbs[i] = db
			})
		}
		wg.Wait()
		for i, db := range dbs {
			if db == nil {
				continue
			}
			if err := db.Commit(t.Context(), workflow.Change{Op: proposal(fmt.Sprint("op", i), i), Events: event(workflow.EvProposed), TickAt: noon}); err != nil {
				t.Errorf("handle %d: %v", i, err)
			}
			db.Close()
		}
	})
}

func TestSecondServingProcessIsRefused(t *testing.T) {
	opts := store.Options{StateDir: t.TempDir(), Serve: true}
	db, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), opts)
	if !errors.Is(err, store.ErrServing) || !strings.Contains(err.Error(), fmt.Sprintf("process %d ", os.Getpid())) {
		t.Errorf("second: %v", err)
	}
	db.Close()
	again, err := store.Open(t.Context(), opts)
	if err != nil {
		t.Fatalf("after the first closed: %v", err)
	}
	again.Close()
}

func TestRefusesUnsafePostgres(t *testing.T) {
	s := pgtest.New(t)
	for _, set := range []string{"synchronous_commit = off", "synchronous_commit = local", "fsync = off", "full_page_writes = off"} {
		s.Exec(t, "ALTER SYSTEM SET "+set)
		s.Exec(t, "SELECT pg_reload_conf()")
		name, _, _ := strings.Cut(set, " ")
		eventually(t, set, func() bool {
			db, err := store.Open(t.Context(), store.Options{URL: s.URL, Serve: true})
			if err == nil {
				db.Close()
				return false
			}
			return strings.Contains(err.Error(), name)
		})
		s.Exec(t, "ALTER SYSTEM RESET "+name)
		s.Exec(t, "SELECT pg_reload_conf()")
	}
	_, err := store.Open(t.Context(), store.Options{URL: "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an unreachable server: %v", err)
	}
}

// eventually waits up to 10 s for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("did not come about: %s", what)
		}
	}
}
