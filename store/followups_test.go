package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ecsbot/sim/clock"
	"ecsbot/store"
	"ecsbot/workflow"
)

func follow(op string, due time.Time) *workflow.FollowUp {
	return &workflow.FollowUp{Op: op, Target: target(1), Began: noon, Watches: []workflow.Watch{{Concern: workflow.Orphans, Due: due}}}
}

// ends commits an operation's end and the follow-up that begins with it.
func ends(t *testing.T, db *store.DB, id string, due time.Time) workflow.FollowUp {
	t.Helper()
	op := insert(t, db, id, 1, workflow.Verifying)
	op.State = workflow.Done
	if err := db.Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvEnded), FollowUp: follow(id, due)}); err != nil {
		t.Fatalf("ending %s: %v", id, err)
	}
	return followed(t, db, id)
}

func followed(t *testing.T, db *store.DB, id string) workflow.FollowUp {
	t.Helper()
	f, err := db.FollowUp(t.Context(), id)
	if err != nil {
		t.Fatalf("reading follow-up %s: %v", id, err)
	}
	return f
}

// following starts work that only follows up.
func following(t *testing.T, db *store.DB, f *calls) {
	t.Helper()
	if err := db.Work(t.Context(), store.Workers{Step: (&calls{}).do, Deliver: (&calls{}).do, FollowUp: f.do}); err != nil {
		t.Fatalf("starting work: %v", err)
	}
}

func TestFollowUpIsCompareAndSwap(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		if _, err := db.FollowUp(t.Context(), "op1"); !errors.Is(err, workflow.ErrNotFound) {
			t.Fatalf("none: %v", err)
		}
		f := ends(t, db, "op1", noon.Add(time.Hour))
		if f.Version != 1 || !f.Due().Equal(noon.Add(time.Hour)) {
			t.Fatalf("stored %+v", f)
		}
		got := race(t, func(i int) error {
			mine := f
			mine.Told = i + 1
			op := get(t, db, "op1")
			return db.Commit(t.Context(), workflow.Change{Op: &op, Expect: op.Version, Events: event(workflow.EvReminded), FollowUp: &mine})
		})
		if got[nil] != 1 || got[workflow.ErrConflict] != racers-1 {
			t.Errorf("one of %d may tell: %v", racers, got)
		}
		if op := get(t, db, "op1"); op.Events != 3 {
			t.Errorf("%d events: those of the losers were kept", op.Events)
		}
		f = followed(t, db, "op1")
		alone := race(t, func(i int) error {
			mine := f
			mine.Told = 100 + i
			return db.Commit(t.Context(), workflow.Change{FollowUp: &mine})
		})
		if alone[nil] != 1 || alone[workflow.ErrConflict] != racers-1 {
			t.Errorf("without an event, one of %d may write: %v", racers, alone)
		}
		if err := db.Commit(t.Context(), workflow.Change{FollowUp: follow("op1", noon)}); !errors.Is(err, workflow.ErrConflict) {
			t.Errorf("a second beginning: %v", err)
		}
	})
}

// TestFollowUpIsCalledWhenDue, once, and not before; a commit moves the time; a restart
// loses nothing.
func TestFollowUpIsCalledWhenDue(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		f := &calls{}
		following(t, db, f)
		ends(t, db, "due", db.Clock().Now())
		ends2 := insert(t, db, "later", 2, workflow.Done)
		if err := db.Commit(t.Context(), workflow.Change{Op: &ends2, Expect: ends2.Version, Events: event(workflow.EvReminded), FollowUp: follow("later", db.Clock().Now().Add(time.Hour))}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the due one is called", func() bool { return f.count("due") == 1 })
		db.Close()
		if f.count("later") != 0 {
			t.Error("called an hour early")
		}

		db = p.open(t)
		moved := followed(t, db, "later")
		moved.Watches[0].Due = db.Clock().Now()
		if err := db.Commit(t.Context(), workflow.Change{FollowUp: &moved}); err != nil {
			t.Fatal(err)
		}
		over := followed(t, db, "due")
		over.Watches[0].Ended = workflow.EndedMachineGone
		if err := db.Commit(t.Context(), workflow.Change{FollowUp: &over}); err != nil {
			t.Fatal(err)
		}
		again := &calls{}
		following(t, db, again)
		eventually(t, "the moved one is called after the restart", func() bool { return again.count("later") >= 1 })
		if again.count("due") != 0 {
			t.Error("one that is over is called")
		}
		stop(t, db)
	})
}

func stop(t *testing.T, db *store.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := db.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestNoticesHaveTheirOwnButtons: binding one notice, or the card, leaves the others where
// they are.
func TestNoticesHaveTheirOwnButtons(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		db := p.open(t)
		insert(t, db, "op1", 1, workflow.Done)
		token := func(revision int, v workflow.Verb) string {
			m, err := db.Tokens(t.Context(), "op1", revision, []workflow.Verb{v}, noon)
			if err != nil {
				t.Fatal(err)
			}
			return m[v]
		}
		card, first, second := token(1, workflow.Stop), token(-1, workflow.SignOffVerb), token(-2, workflow.SignOffVerb)
		for _, err := range []error{db.BindNotice(t.Context(), "op1", -1, "C1", "1.1"), db.BindNotice(t.Context(), "op1", -2, "C1", "2.2"),
			db.BindTokens(t.Context(), "op1", "C1", "0.1")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		for tok, ts := range map[string]string{card: "0.1", first: "1.1", second: "2.2"} {
			if got, err := db.Token(t.Context(), tok); err != nil || got.TS != ts {
				t.Errorf("bound to %q (%v), want %q", got.TS, err, ts)
			}
		}
	})
}

// TestMovedClockWakesWhatWaits: a job's wait is real time, so one that was counted by
// the clock's old pace is counted again when the clock is set.
func TestMovedClockWakesWhatWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, p place) {
		c := clock.New(noon, 1)
		p.opts.Clock = c
		db := p.open(t)
		f := &calls{}
		following(t, db, f)
		ends(t, db, "later", noon.Add(time.Hour))
		c.SetPace(3600)
		eventually(t, "what was due in an hour, at 3,600 times the pace", func() bool { return f.count("later") >= 1 })
		if now := c.Now(); now.Before(noon.Add(time.Hour)) {
			t.Errorf("called at %s, early", now)
		}
		stop(t, db)
	})
}
