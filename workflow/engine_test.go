package workflow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

func wantCalls(t tester, w *world, want ...ecsops.ActionKind) {
	t.Helper()
	if !slices.Equal(w.calls, want) {
		t.Errorf("AWS was asked %v, want %v", w.calls, want)
	}
}

func wantEnd(t tester, op Operation, s State, cause string) {
	t.Helper()
	if op.State != s || op.Cause != cause {
		t.Errorf("ended %s (%s), want %s (%s); block %+v, checks %+v", op.State, op.Cause, s, cause, op.Block, op.Progress.Checks)
	}
}

func wantAnswer(t tester, a Answer, k AnswerKind) {
	t.Helper()
	if a.Kind != k {
		t.Fatalf("answer %q %v %v %q, want %q", a.Kind, a.Reasons, a.Changes, a.Detail, k)
	}
}

func TestHappyPath(t *testing.T) {
	r := newRig(t, replica("a"), replica("b"))
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	end := r.run(op.ID, nil)
	wantEnd(t, end, Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
	checkStory(t, r.store, r.world, op.ID)
}

func TestStandaloneTaskTickedIsStoppedLast(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, replica("a"), batch)
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} }), Accepted)
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister)
	checkStory(t, r.store, r.world, op.ID)
}

// ECS stops daemons last: a ticked task must not wait for them.
func TestTickedTaskBesideADaemon(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, replica("a"), batch, daemon("log"))
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} }), Accepted)
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister)
}

func TestWhatHoldsADrainIsNotTheDaemon(t *testing.T) {
	r := newRig(t, standalone("batch"), daemon("log"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	held := r.run(op.ID, func(o Operation) bool { return o.Block != nil && o.Block.Reason == BlockedDeadline })
	if got := causes(held); !slices.Equal(got, []ecsops.Cause{ecsops.HeldByStandalone, ecsops.HeldByOthers}) {
		t.Errorf("held by %q", got)
	}
}

func TestDeadlineAsksAndSilenceUndoes(t *testing.T) {
	r := newRig(t, replica("a"), standalone("batch"))
	op := r.propose(ecsops.Intent{Deadline: 10 * time.Minute})
	r.decide(op.ID, Confirm, olga)
	asked := r.run(op.ID, func(o Operation) bool { return o.Block != nil && o.Block.Reason == BlockedDeadline })
	if got := causes(asked); !slices.Equal(got, []ecsops.Cause{ecsops.HeldByStandalone}) || asked.Progress.Left != 1 {
		t.Errorf("the card would say %+v", asked.Progress)
	}
	wantEnd(t, r.run(op.ID, nil), Stopped, "deadline_silence")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActUndrain)
	if r.world.status != "ACTIVE" {
		t.Errorf("the instance is %s after undo", r.world.status)
	}
	checkStory(t, r.store, r.world, op.ID)
}

func TestWaitLongerAtTheDeadline(t *testing.T) {
	r := newRig(t, standalone("batch"))
	op := r.propose(ecsops.Intent{Deadline: 10 * time.Minute})
	r.decide(op.ID, Confirm, olga)
	wantAnswer(t, r.decide(op.ID, Wait, olga), TooLate)
	r.run(op.ID, func(o Operation) bool { return o.Block != nil && o.Block.Reason == BlockedDeadline })
	wantAnswer(t, r.decide(op.ID, Wait, olga), Accepted)
	r.world.tasks[0].LastStatus = "STOPPED"
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
}

func TestStop(t *testing.T) {
	cases := map[string]struct {
		why   string
		until func(Operation) bool
		want  AnswerKind
		end   State
		calls []ecsops.ActionKind
	}{
		"proposed": {why: "nothing was ordered", until: func(o Operation) bool { return true }, want: Accepted, end: Stopped},
		"draining": {why: "the drain is undone", until: func(o Operation) bool { return !o.DrainedAt.IsZero() }, want: Accepted, end: Stopped,
			calls: []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActUndrain}},
		"verifying": {why: "deregistration is final", until: func(o Operation) bool { return o.State == Verifying }, want: TooLate, end: Done,
			calls: []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActDeregister}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			r.world.lags = true
			op := r.propose(ecsops.Intent{})
			if name != "proposed" {
				r.decide(op.ID, Confirm, olga)
				r.run(op.ID, c.until)
			}
			a := r.decide(op.ID, Stop, ana)
			r.world.lags = false
			if a.Kind != c.want {
				t.Fatalf("%s: answer %s (%s), want %s", c.why, a.Kind, a.Detail, c.want)
			}
			if end := r.run(op.ID, nil); end.State != c.end {
				t.Errorf("%s: ended %s, want %s", c.why, end.State, c.end)
			}
			wantCalls(t, r.world, c.calls...)
			checkStory(t, r.store, r.world, op.ID)
		})
	}
}

func TestForceWantsTypedIDAndSecondPerson(t *testing.T) {
	r := newRig(t, replica("a"), standalone("batch"))
	op := r.propose(ecsops.Intent{})
	orphans := []string{replica("a").ARN, standalone("batch").ARN}
	saw := func(typed string, tasks ...string) func(*Decision) {
		return func(d *Decision) { d.Typed, d.Tasks = typed, tasks }
	}
	wantAnswer(t, r.decide(op.ID, Force, olga, saw("i-wrong", orphans...)), Mistyped)
	wantAnswer(t, r.decide(op.ID, Force, olga, saw(string(testTarget.EC2), orphans[0])), Changed) // one orphan was not shown
	a := r.decide(op.ID, Force, olga, saw(" I-0A1B2C3D4E5F60001 ", orphans...))
	wantAnswer(t, a, Accepted)
	if a.Op.State != AwaitingApproval {
		t.Fatalf("after force the operation is %s", a.Op.State)
	}
	wantAnswer(t, r.decide(op.ID, Approve, olga), NotYours)
	if ev := r.store.events[len(r.store.events)-1]; ev.Type != EvRefused || ev.Action != policy.Approve || ev.Actor != olga {
		t.Errorf("the record of the refusal: %+v", ev)
	}
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	wantEnd(t, r.run(op.ID, nil), Done, "orphans_left")
	wantCalls(t, r.world, ecsops.ActForceDeregister)
	checkStory(t, r.store, r.world, op.ID)
}

func TestForceStopsAtAnUnapprovedOrphan(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Force, olga, func(d *Decision) { d.Typed, d.Tasks = string(testTarget.EC2), []string{replica("a").ARN} })
	r.world.tasks = append(r.world.tasks, standalone("late"))
	wantAnswer(t, r.decide(op.ID, Approve, ana), Changed)
	wantCalls(t, r.world)
}

func TestDriftBetweenPreviewAndClick(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.world.tasks = append(r.world.tasks, standalone("late"))
	a := r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Revision = 1 })
	wantAnswer(t, a, Changed)
	if a.Op.Revision != 2 || a.Op.State != Proposed || len(a.Changes) == 0 {
		t.Fatalf("revision %d in %s with %v", a.Op.Revision, a.Op.State, a.Changes)
	}
	wantAnswer(t, r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Revision = 1 }), Changed) // the old button
	wantCalls(t, r.world)
	wantAnswer(t, r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Revision = 2 }), Accepted)
}

func TestDriftInMidDrainAsksAndNoMeansUndo(t *testing.T) {
	for _, answer := range []Verb{Confirm, Cancel} {
		r := newRig(t, replica("a"))
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
		r.world.tasks = append(r.world.tasks, standalone("late"))
		r.world.tasks[1].LastStatus = "STOPPED" // it came, and ended by itself
		r.world.ec2 = "stopping"                // but this is a surprise
		held := r.run(op.ID, func(o Operation) bool { return o.Block != nil && o.Block.Reason == BlockedDrift })
		if held.Proposal == nil {
			t.Fatalf("no revision to decide: %+v", held.Block)
		}
		r.decide(op.ID, answer, olga)
		end := r.run(op.ID, func(o Operation) bool {
			return o.State == AwaitingApproval || o.State == Deregistering && o.Block == nil || o.Proposal != nil && o.ProposalConfirmed != nil
		})
		if answer == Cancel {
			wantEnd(t, end, Stopped, "stopped")
			wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActUndrain)
		}
		checkStory(t, r.store, r.world, op.ID)
	}
}

func TestDoubleClickAndTwoPeople(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	click := func(d *Decision) { d.Revision, d.Token = 1, "tok" }
	wantAnswer(t, r.decide(op.ID, Confirm, olga, click), Accepted)
	again := r.decide(op.ID, Confirm, olga, click)
	wantAnswer(t, again, AlreadyDone)
	other := r.decide(op.ID, Confirm, Actor{UserID: "U0OTHER"}, click)
	wantAnswer(t, other, AlreadyDone)
	if other.By.UserID != olga.UserID {
		t.Errorf("already done by %q", other.By.UserID)
	}
	r.run(op.ID, nil)
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
}

// Each event names the revision that it speaks of: the shown one of a running
// operation is one ahead of what runs.
func TestEventsNameTheRevisionTheySpeakOf(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, batch)
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
	r.decide(op.ID, Force, olga, func(d *Decision) { d.Typed, d.Tasks = string(testTarget.EC2), []string{batch.ARN} })
	r.decide(op.ID, Approve, ana)
	got := map[EventType]int{}
	for _, ev := range r.store.events {
		got[ev.Type] = ev.Revision
	}
	for typ, want := range map[EventType]int{EvConfirmed: 1, EvOrdered: 1, EvForceAsked: 2, EvAsked: 2, EvApproved: 2} {
		if got[typ] != want {
			t.Errorf("%s speaks of revision %d, want %d", typ, got[typ], want)
		}
	}
}

// slowReader shows once what was before our drain, and takes longer to say so
// than a drain may take to show.
type slowReader struct {
	*world
	slept bool
}

func (f *slowReader) Look(ctx context.Context, t ecsops.Target, lf ecsops.LookFor) (ecsops.Snapshot, error) {
	s, err := f.world.Look(ctx, t, lf)
	if i, ok := s.Instance.Get(); ok && i.Status == "DRAINING" && !f.slept {
		f.slept = true
		i.Status = "ACTIVE"
		s.Instance = ecsops.Known(i)
		f.clock.now = f.clock.now.Add(settle + time.Second)
	}
	return s, err
}

// A look that took long says nothing about now: neither is it drift, nor has an
// undo been seen.
func TestSlowLookIsAnOldOne(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		r := newRig(t, replica("a"))
		e, err := New(Deps{Store: r.store, Fleet: &slowReader{world: r.world}, Authority: r.auth, Settings: Settings{Sole: true}})
		if err != nil {
			t.Fatal(err)
		}
		r.e = e
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.world.onDo = func(a ecsops.Action) {
			if stopped && a.Kind == ecsops.ActDrain { // called off before anyone looked
				r.decide(op.ID, Stop, ana)
			}
		}
		end := r.run(op.ID, func(o Operation) bool { return o.Proposal != nil })
		switch {
		case end.Proposal != nil:
			t.Errorf("an old look was taken for drift: %+v", end.Changes)
		case stopped && r.world.status != "ACTIVE":
			t.Errorf("ended %s while the instance is %s", end.State, r.world.status)
		case !stopped && end.State != Done:
			t.Errorf("ended %s", end.State)
		}
	}
}

// A second no is told who said the first.
func TestAlreadyDoneByWhoCalledItOff(t *testing.T) {
	for _, v := range []Verb{Stop, Cancel, Deny} {
		r := newRig(t, replica("a"), standalone("batch"))
		op := r.propose(ecsops.Intent{})
		if v == Deny { // only what awaits an approval can be denied
			r.decide(op.ID, Force, olga, func(d *Decision) {
				d.Typed, d.Tasks = string(testTarget.EC2), []string{replica("a").ARN, standalone("batch").ARN}
			})
		}
		wantAnswer(t, r.decide(op.ID, v, ana), Accepted)
		again := r.decide(op.ID, v, Actor{UserID: "U0OTHER"})
		wantAnswer(t, again, AlreadyDone)
		if again.By.UserID != ana.UserID {
			t.Errorf("%s: already done by %q, want %q", v, again.By.UserID, ana.UserID)
		}
	}
}

func TestTwoOperationsOnOneTarget(t *testing.T) {
	r := newRig(t, replica("a"))
	first, second := r.propose(ecsops.Intent{}), r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(first.ID, Confirm, olga), Accepted)
	busy := r.decide(second.ID, Confirm, ana)
	wantAnswer(t, busy, Busy)
	if busy.Other != first.ID {
		t.Errorf("busy with %q, want %q", busy.Other, first.ID)
	}
	// What the holder changes is no drift of the other plan.
	r.run(first.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
	busy = r.decide(second.ID, Confirm, ana)
	wantAnswer(t, busy, Busy)
	if busy.Op.Revision != 1 {
		t.Errorf("the second plan is at revision %d for what the first operation did", busy.Op.Revision)
	}
	s, _ := r.world.Inspect(t.Context(), testTarget)
	held, err := r.e.Propose(t.Context(), Proposal{Plan: ecsops.NewPlan(s, ecsops.Intent{}), Actor: ana, Verdict: policy.Verdict{Effect: policy.Allow}})
	if !errors.Is(err, ErrLocked) || held.ID != first.ID {
		t.Errorf("a third asker got %q, %v", held.ID, err)
	}
}

func TestExpiry(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.clock.now = op.ExpiresAt
	wantAnswer(t, r.decide(op.ID, Confirm, olga), WasExpired)
	wantEnd(t, r.run(op.ID, nil), Expired, "expired")

	silent := r.propose(ecsops.Intent{})
	wantEnd(t, r.run(silent.ID, nil), Expired, "expired")
	wantCalls(t, r.world)
	checkStory(t, r.store, r.world, silent.ID)
}

func TestAuthorityIsAskedBeforeEachStep(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
	asked := r.auth.asked
	r.auth.err = errSlackDown
	held := r.run(op.ID, func(o Operation) bool { return o.Block != nil && o.Block.Reason == BlockedAuthority })
	if held.State != Deregistering {
		t.Fatalf("held in %s", held.State)
	}
	r.auth.err, r.auth.verdict = nil, policy.Verdict{Effect: policy.Refuse, Reasons: []policy.Reason{policy.ReasonDeactivated}}
	r.clock.now = r.clock.now.Add(authorityRetry)
	if _, err := r.e.Step(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
	wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted) // undo never needs policy of the engine
	wantEnd(t, r.run(op.ID, nil), Stopped, "stopped")
	if r.auth.asked <= asked {
		t.Error("authority was not asked again before deregistering")
	}
}

func TestUnreadableWaitsAndGoesOn(t *testing.T) {
	for _, code := range []string{"AccessDeniedException", "ThrottlingException"} {
		r := newRig(t, replica("a"))
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
		r.world.unreadable = code
		held := r.run(op.ID, func(o Operation) bool { return o.Block != nil })
		if want := blockReason(code); held.Block.Reason != want {
			t.Errorf("%s blocks as %s", code, held.Block.Reason)
		}
		r.world.unreadable = "ServerException" // the card names what AWS answers now
		r.clock.now = r.clock.now.Add(time.Minute)
		if u := r.step(op.ID).Progress.Unreadable; u == nil || u.Reason != "ServerException" {
			t.Errorf("the reason after %s: %+v", code, u)
		}
		r.world.unreadable = ""
		wantEnd(t, r.run(op.ID, nil), Done, "verified")
		wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
	}
}

func TestTerminateThroughTheGroup(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.group = ecsops.Group{Name: "prod-asg", Lifecycle: "InService", Min: 1, Max: 5, Desired: 3}
	op := r.propose(ecsops.Intent{Terminate: ecsops.Shrink})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	end := r.run(op.ID, nil)
	if end.State != Done && end.State != Unverified {
		t.Fatalf("ended %s", end.State)
	}
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister, ecsops.ActTerminateInGroup)
	checkStory(t, r.store, r.world, op.ID)
}

func TestGhost(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.agent, r.world.ec2 = false, "terminated"
	op := r.propose(ecsops.Intent{})
	if len(op.Needs) != 0 {
		t.Fatalf("a proven ghost needs %v", op.Needs)
	}
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	r.run(op.ID, nil)
	wantCalls(t, r.world, ecsops.ActForceDeregister)
}

// answers an action can get, and whether it took effect.
var faults = map[string]struct {
	out    ecsops.Outcome
	effect bool
}{
	"throttled":                {ecsops.Outcome{Result: ecsops.Throttled, Code: "ThrottlingException"}, false},
	"access denied":            {ecsops.Outcome{Result: ecsops.Refused, Code: "AccessDeniedException"}, false},
	"lost before effect":       {ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "timeout"}, false},
	"lost after effect":        {ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "timeout"}, true},
	"server error, no effect":  {ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "ServerException"}, false},
	"server error, but effect": {ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "ServerException"}, true},
}

// TestFaultMatrix gives each call each bad answer once: the operation still
// ends, and nothing that took effect is ordered twice.
func TestFaultMatrix(t *testing.T) {
	kinds := []ecsops.ActionKind{ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister, ecsops.ActTerminateEC2, ecsops.ActUndrain}
	for _, kind := range kinds {
		for name, f := range faults {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				batch := standalone("batch")
				r := newRig(t, replica("a"), batch)
				hit := false
				r.world.onDo = func(a ecsops.Action) {
					if a.Kind == kind && !hit {
						hit = true
						r.world.answer = append(r.world.answer, func(ecsops.Action) (ecsops.Outcome, bool) { return f.out, f.effect })
					}
				}
				op := r.propose(ecsops.Intent{Terminate: ecsops.Terminate})
				r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} })
				if kind == ecsops.ActUndrain {
					r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
					r.decide(op.ID, Stop, ana)
				}
				end := r.run(op.ID, nil)
				count := 0
				for _, c := range r.world.calls {
					if c == kind {
						count++
					}
				}
				want := 2
				if f.effect {
					want = 1
				}
				if !hit || count != want {
					t.Errorf("%s was called %d times, want %d: %v", kind, count, want, r.world.calls)
				}
				if kind == ecsops.ActUndrain {
					wantEnd(t, end, Stopped, "stopped")
				} else if end.State != Done {
					t.Errorf("ended %s (%s), block %+v", end.State, end.Cause, end.Block)
				}
				checkStory(t, r.store, r.world, op.ID)
			})
		}
	}
}

// TestDeathAtEveryCommit kills the process at each commit in turn, before and
// after it took effect, and starts a new one: the end is the same, no call is
// repeated once it took effect.
func TestDeathAtEveryCommit(t *testing.T) {
	batch := standalone("batch")
	play := func(t *testing.T, dieAt int, effect bool) (died bool) {
		r := newRig(t, replica("a"), batch)
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} })
		n := 0
		r.store.fail = func(Change) (before, after error) {
			n++
			if n != dieAt {
				return nil, nil
			}
			died = true
			if effect {
				return nil, errors.New("died after the commit")
			}
			return errors.New("died before the commit"), nil
		}
		end := r.run(op.ID, func(Operation) bool {
			if died && n == dieAt {
				n++
				r.restart()
			}
			return false
		})
		if end.State != Done {
			t.Errorf("ended %s (%s)", end.State, end.Cause)
		}
		counts := map[ecsops.ActionKind]int{}
		for _, c := range r.world.calls {
			counts[c]++
		}
		if counts[ecsops.ActDeregister] != 1 || counts[ecsops.ActStopTask] != 1 {
			t.Errorf("calls %v", r.world.calls)
		}
		checkStory(t, r.store, r.world, op.ID)
		return died
	}
	for _, effect := range []bool{false, true} {
		for at := 1; ; at++ {
			died := false
			t.Run(fmt.Sprintf("commit %d, effect %v", at, effect), func(t *testing.T) { died = play(t, at, effect) })
			if !died {
				break
			}
			if at > 100 {
				t.Fatal("the operation commits for ever")
			}
		}
	}
}

func TestUnknownStateIsLeftAlone(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	stored, _ := r.store.get(op.ID)
	stored.State = "quarantined"
	look := r.world.snapshot()
	m := Decide(stored, Seen{Look: &look}, r.clock.now, r.e.settings, "me")
	if _, _, changed := m.Changed(); changed || m.Act != nil {
		t.Errorf("an unknown state was moved: %+v", m)
	}
}

func TestSomeoneElseDeregistered(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	r.run(op.ID, func(o Operation) bool { return !o.DrainedAt.IsZero() })
	r.world.take(ecsops.Action{Kind: ecsops.ActDeregister})
	end := r.run(op.ID, nil)
	if end.State != Done {
		t.Errorf("ended %s", end.State)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
}

// TestEveryClickIsOnRecord: whatever a click is answered, its envelope is in the
// record; but for a second click on what was decided already.
func TestEveryClickIsOnRecord(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	click := func(envelope string, revision int, want AnswerKind) {
		t.Helper()
		by := olga
		by.Envelope = envelope
		wantAnswer(t, r.decide(op.ID, Confirm, by, func(d *Decision) { d.Revision = revision }), want)
		for _, ev := range r.store.events {
			if ev.Actor.Envelope == envelope {
				return
			}
		}
		t.Errorf("the click %s left no trace", envelope)
	}
	r.world.tasks = append(r.world.tasks, standalone("late"))
	click("drift", 1, Changed)
	click("old revision", 1, Changed)
	r.world.unreadable = "AccessDeniedException"
	click("unreadable", 2, Unreadable)
	r.world.unreadable = ""
	other := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(other.ID, Confirm, olga), Accepted)
	click("busy", 2, Busy)
	r.decide(other.ID, Stop, olga)
	r.run(other.ID, nil)
	r.clock.now = r.clock.now.Add(time.Hour)
	click("expired", 2, WasExpired)
}
