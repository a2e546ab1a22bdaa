package workflow

import (
	"context"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// shy is a fleet whose looks wait for their turn now and then, and that notes what it was asked.
type shy struct {
	*world
	busy  time.Time // looks are turned away until then
	asked []ecsops.LookFor
}

func (f *shy) Look(ctx context.Context, t ecsops.Target, lf ecsops.LookFor) (ecsops.Snapshot, error) {
	if f.clock.now.Before(f.busy) {
		return ecsops.Snapshot{}, &ecsops.BusyError{Until: f.busy}
	}
	f.asked = append(f.asked, lf)
	return f.world.Look(ctx, t, lf)
}

func (f *shy) Aftermath(ctx context.Context, t ecsops.Target, registrations bool) (ecsops.Aftermath, error) {
	if f.clock.now.Before(f.busy) {
		return ecsops.Aftermath{}, &ecsops.BusyError{Until: f.busy}
	}
	return f.world.Aftermath(ctx, t, registrations)
}

// paced is an engine whose looks are as far apart as pace says.
func paced(t *testing.T, r *rig, pace ecsops.Pace) *shy {
	t.Helper()
	f := &shy{world: r.world}
	e, err := New(Deps{Store: r.store, Fleet: f, Authority: r.auth, Settings: Settings{Sole: true},
		Pace: func(ecsops.Target, time.Duration) ecsops.Pace { return pace }})
	if err != nil {
		t.Fatal(err)
	}
	r.e = e
	return f
}

// Looks are as far apart as the budget allows, and the card can say so; a drain alone is
// looked at as often as configured.
func TestPaceOfADrain(t *testing.T) {
	for _, c := range []struct {
		pace  ecsops.Pace
		apart time.Duration
		told  int
	}{
		{ecsops.Pace{Every: 10 * time.Second, Drains: 3}, 10 * time.Second, 0},
		{ecsops.Pace{Every: 40 * time.Second, Drains: 120}, 40 * time.Second, 120},
	} {
		r := newRig(t, replica("a"))
		r.world.drainTime = time.Hour
		f := paced(t, r, c.pace)
		op := r.propose(ecsops.Intent{Deadline: 2 * time.Hour})
		r.decide(op.ID, Confirm, olga)
		op = r.run(op.ID, func(op Operation) bool { return !op.DrainedAt.IsZero() && len(f.asked) > 5 })
		was := r.clock.now
		next, err := r.e.Step(t.Context(), op.ID)
		if err != nil || next.Sub(was) != c.apart {
			t.Errorf("%+v: the next look is %s away, %v", c.pace, next.Sub(was), err)
		}
		op, _ = r.store.get(op.ID)
		if op.Progress.Drains != c.told || op.Progress.Every > 0 != (c.told > 0) {
			t.Errorf("%+v: the card has %d drains, every %s", c.pace, op.Progress.Drains, op.Progress.Every)
		}
		for _, lf := range f.asked {
			if lf.Drains != c.pace.Drains {
				t.Errorf("%+v: a look beside %d drains", c.pace, lf.Drains)
			}
		}
	}
}

// A look that had to wait its turn changes nothing: the operation is as it was, and is
// stepped again when its turn comes.
func TestBusyLookChangesNothing(t *testing.T) {
	r := newRig(t, replica("a"))
	f := paced(t, r, ecsops.Pace{Every: 10 * time.Second})
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	before := r.run(op.ID, func(op Operation) bool { return !op.DrainedAt.IsZero() })
	f.busy = r.clock.now.Add(4 * time.Second)
	next, err := r.e.Step(t.Context(), op.ID)
	after, _ := r.store.get(op.ID)
	if err != nil || !next.Equal(f.busy) || after.Version != before.Version || after.Block != nil {
		t.Errorf("next %s, version %d after %d, block %+v, %v", next, after.Version, before.Version, after.Block, err)
	}
	if op := r.run(op.ID, nil); op.State != Done {
		t.Errorf("%s, %+v", op.State, op.Block)
	}
}

// Nor does a look afterwards that had to wait count as one that brought nothing.
func TestBusyLookAfterwardsChangesNothing(t *testing.T) {
	r := newRig(t, replica("a"))
	f := paced(t, r, ecsops.Pace{Every: 10 * time.Second})
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	op = r.run(op.ID, nil)
	before, err := r.store.FollowUp(t.Context(), op.ID)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.now = before.Due()
	f.busy = r.clock.now.Add(4 * time.Second)
	next, err := r.e.FollowUp(t.Context(), op.ID)
	after, _ := r.store.FollowUp(t.Context(), op.ID)
	if err != nil || !next.Equal(f.busy) || after.Version != before.Version {
		t.Errorf("next %s, version %d after %d, %v", next, after.Version, before.Version, err)
	}
	r.clock.now = f.busy
	if _, err := r.e.FollowUp(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	if after, _ = r.store.FollowUp(t.Context(), op.ID); after.Unlisted != nil || after.Watches[len(after.Watches)-1].Step != 1 {
		t.Errorf("%+v", after)
	}
}

// A sparing look is one at a drain under way. What is ordered rests on looks that list.
func TestOnlyDrainsAreSpared(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, s := range []State{Draining, StoppingTasks, Deregistering, Terminating, Verifying, Undoing} {
		spared := s == Draining || s == StoppingTasks
		if got := lookFor(Operation{State: s, DrainedAt: now}, now).Sparing; got != spared {
			t.Errorf("%s: sparing is %t", s, got)
		}
		if lookFor(Operation{State: s}, now).Sparing {
			t.Errorf("%s, not yet DRAINING: sparing", s)
		}
	}
	r := newRig(t, replica("a"))
	f := paced(t, r, ecsops.Pace{Every: 10 * time.Second})
	listed := map[ecsops.ActionKind]bool{} // was the look before each order one that lists
	r.world.onDo = func(a ecsops.Action) { listed[a.Kind] = !f.asked[len(f.asked)-1].Sparing }
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	if op := r.run(op.ID, nil); op.State != Done || !listed[ecsops.ActDrain] || !listed[ecsops.ActDeregister] {
		t.Errorf("%s, orders that rest on lists: %v", op.State, listed)
	}
}
