package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
)

func (r *rig) count(k ecsops.ActionKind) int {
	n := 0
	for _, c := range r.world.calls {
		if c == k {
			n++
		}
	}
	return n
}

func member(r *rig, lifecycle string) {
	r.world.group = ecsops.Group{Name: "asg", Lifecycle: lifecycle, Min: 1, Max: 5, Desired: 3}
}

// A member whose termination was accepted runs on in Terminating:Wait while its
// hooks do their work: that is the effect, and must not be asked for again, as
// each time may lower the group's size.
func TestLostAnswerOfAGroupTermination(t *testing.T) {
	r := newRig(t, replica("a"))
	member(r, "InService")
	r.world.hooks = true
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateInGroup: always(ecsops.ResultUnknown, "timeout", true)}
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Shrink})
	until := r.clock.now.Add(2 * time.Hour)
	held := r.run(op.ID, func(Operation) bool { return !r.clock.now.Before(until) })
	if n := r.count(ecsops.ActTerminateInGroup); n != 1 {
		t.Errorf("terminated %d times in the group", n)
	}
	if held.OrderedTermination.IsZero() || held.Block == nil || held.Block.Reason != BlockedGroup {
		t.Errorf("ordered %v, block %+v", held.OrderedTermination, held.Block)
	}
	r.world.ec2 = "terminated"
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
}

// Reads are eventually consistent: a registration that reads as there again is
// not gone, and its machine stays.
func TestNoMachineGoesBeforeItsRegistration(t *testing.T) {
	r := newRig(t, replica("a"))
	r.auth.err = nil
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
	r.run(op.ID, func(o Operation) bool {
		if o.State == Deregistering && !o.GoneAt.IsZero() && r.auth.err == nil {
			r.auth.err = errSlackDown // holds it at the door of the termination
		}
		return o.State == Terminating
	})
	r.world.slowGone = true // a stale read again
	r.auth.err = nil
	r.clock.now = r.clock.now.Add(authorityRetry)
	back := r.run(op.ID, func(o Operation) bool { return o.State != Terminating })
	if back.State != Deregistering || r.count(ecsops.ActTerminateEC2) != 0 {
		t.Fatalf("%s, calls %v", back.State, r.world.calls)
	}
	r.world.slowGone = false
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister, ecsops.ActTerminateEC2)
}

// A group with managed draining gets the termination while the instance is
// registered; a stop before that makes the instance ACTIVE again.
func TestGroupThatDrains(t *testing.T) {
	refused := map[ecsops.ActionKind]answerer{ecsops.ActTerminateInGroup: always(ecsops.Refused, "ScalingActivityInProgress", false)}
	start := func(t *testing.T) (*rig, Operation) {
		r := newRig(t, replica("a"))
		member(r, "InService")
		r.world.managed = true
		op := r.confirmed(ecsops.Intent{Terminate: ecsops.Replace})
		if op.Plan.Path != ecsops.PathGroup {
			t.Fatalf("path %s", op.Plan.Path)
		}
		return r, op
	}
	t.Run("terminated", func(t *testing.T) {
		r, op := start(t)
		r.run(op.ID, func(o Operation) bool { return !o.OrderedTermination.IsZero() })
		r.world.take(ecsops.Action{Kind: ecsops.ActDeregister}) // ECS, as the agent was connected
		wantEnd(t, r.run(op.ID, nil), Done, "verified")
		wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActTerminateInGroup)
	})
	t.Run("lingers", func(t *testing.T) {
		r, op := start(t)
		r.run(op.ID, func(o Operation) bool { return !o.OrderedTermination.IsZero() })
		from := r.clock.now
		wantEnd(t, r.run(op.ID, nil), Done, "verified")
		wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActTerminateInGroup, ecsops.ActDeregister)
		if took := r.clock.now.Sub(from); took < 20*time.Minute {
			t.Errorf("deregistered by hand after %v", took)
		}
	})
	t.Run("stopped while the group refuses", func(t *testing.T) {
		r, op := start(t)
		r.world.rule = refused
		r.run(op.ID, asked(BlockedGroup))
		a := r.decide(op.ID, Stop, ana)
		wantAnswer(t, a, Accepted)
		wantEnd(t, r.run(op.ID, nil), Stopped, "stopped")
		if r.world.status != "ACTIVE" {
			t.Errorf("the instance is left %s", r.world.status)
		}
	})
	t.Run("refused for ever", func(t *testing.T) {
		r, op := start(t)
		r.world.rule = refused
		end := r.run(op.ID, nil)
		if end.State != Unverified || r.count(ecsops.ActTerminateInGroup) > 25 {
			t.Errorf("ended %s (%s) after %d calls", end.State, end.Cause, r.count(ecsops.ActTerminateInGroup))
		}
	})
	t.Run("the group was faster", func(t *testing.T) {
		r, op := start(t)
		r.world.rule = refused
		r.run(op.ID, asked(BlockedGroup))
		member(r, "Terminating:Wait")
		n := r.count(ecsops.ActTerminateInGroup)
		r.clock.now = r.clock.now.Add(2 * afterRefusal)
		held := r.step(op.ID)
		if r.count(ecsops.ActTerminateInGroup) != n || held.OrderedTermination.IsZero() {
			t.Errorf("ordered again: %v", r.world.calls)
		}
		wantAnswer(t, r.decide(op.ID, Stop, ana), TooLate)
	})
}

// What a stop can still keep, by what is known of the termination.
func TestStopAtTheTermination(t *testing.T) {
	cases := map[string]struct {
		why   string
		out   answerer
		until func(Operation) bool
		want  AnswerKind
	}{
		"not ordered":   {"Slack held it", nil, asked(BlockedAuthority), Accepted},
		"refused":       {"AWS said no", always(ecsops.Refused, "UnauthorizedOperation", false), asked(BlockedCredentials), Accepted},
		"throttled":     {"AWS said later", always(ecsops.Throttled, "RequestLimitExceeded", false), asked(BlockedAWS), Accepted},
		"maybe ordered": {"no answer: it may have happened", always(ecsops.ResultUnknown, "timeout", false), func(o Operation) bool { return o.Order.Action.Kind == ecsops.ActTerminateEC2 }, TooLate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
			r.run(op.ID, drainOrdered)
			r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateEC2: c.out}
			r.world.onDo = func(a ecsops.Action) {
				if a.Kind == ecsops.ActDeregister && c.out == nil {
					r.auth.err = errSlackDown
				}
			}
			r.run(op.ID, func(o Operation) bool { return o.State == Terminating && c.until(o) })
			a := r.decide(op.ID, Stop, ana)
			if a.Kind != c.want {
				t.Fatalf("%s: %s (%s)", c.why, a.Kind, a.Detail)
			}
			n := len(r.world.calls)
			r.auth.err, r.world.rule = nil, nil
			end := r.run(op.ID, nil)
			if c.want == Accepted && (len(r.world.calls) != n || end.State != Unverified) {
				t.Errorf("%s: after the stop %v, ended %s", c.why, r.world.calls[n:], end.State)
			}
			if c.want == TooLate && end.State != Done {
				t.Errorf("%s: ended %s (%s)", c.why, end.State, end.Cause)
			}
		})
	}
}

// Undo restores only what we set: a drain that AWS refused us is not ours.
func TestForeignDrainIsNotUndone(t *testing.T) {
	for name, out := range map[string]answerer{
		"refused": always(ecsops.Refused, "AccessDeniedException", false), "throttled": always(ecsops.Throttled, "ThrottlingException", false),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, standalone("batch"))
			r.world.answer = []answerer{out}
			op := r.confirmed(ecsops.Intent{})
			r.run(op.ID, func(o Operation) bool { return o.Block != nil })
			r.world.status = "DRAINING" // by someone else
			r.run(op.ID, drainOrdered)
			wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
			wantEnd(t, r.run(op.ID, nil), Stopped, "stopped_not_ours")
			wantCalls(t, r.world, ecsops.ActDrain)
		})
	}
}

// An instance that someone else drains already is watched, deregistered when it
// is empty, and never undrained.
func TestObserve(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.status, r.world.drainedFrom = "DRAINING", r.clock.now
	hit := false
	r.world.onDo = func(a ecsops.Action) {
		if a.Kind == ecsops.ActDeregister && !hit {
			hit = true
			r.world.answer = []answerer{always(ecsops.Refused, "InvalidParameterException", false)}
		}
	}
	op := r.confirmed(ecsops.Intent{})
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	if !slices.ContainsFunc(r.store.of(op.ID), func(ev Event) bool { return ev.Type == EvState && ev.From == Deregistering && ev.State == Draining }) {
		t.Error("tasks ran after all, and it did not go back to watch them")
	}
	wantCalls(t, r.world, ecsops.ActDeregister, ecsops.ActDeregister)
}

// twoProcesses is a second engine on the same store and world; neither is alone.
func twoProcesses(t tester, r *rig) (a, b *Engine) {
	t.Helper()
	make := func() *Engine {
		e, err := New(Deps{Store: r.store, Fleet: r.world, Authority: r.auth})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a, b = make(), make()
	r.e = b
	return a, b
}

// Another process's open order may be under way: it is let time to land before
// anyone looks, and nothing is ordered meanwhile.
func TestBarrier(t *testing.T) {
	r := newRig(t, replica("a"))
	a, b := twoProcesses(t, r)
	op := r.confirmed(ecsops.Intent{})
	died := false
	r.store.fail = func(c Change) (error, error) {
		if c.Op != nil && c.Op.Order != nil && c.Op.Order.Owner == a.owner && c.Op.Order.Outcome != nil && !died {
			died = true
			return errSlackDown, nil // the outcome's commit is lost with its process
		}
		return nil, nil
	}
	if _, err := a.Step(t.Context(), op.ID); err == nil || !died {
		t.Fatalf("the first process lives: %v", err)
	}
	r.world.status = "ACTIVE" // its call is still under way
	from := r.clock.now
	next, err := b.Step(t.Context(), op.ID)
	if err != nil || next.Sub(from) != 45*time.Second {
		t.Fatalf("the second process waits until %v, %v", next, err)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
	r.world.status = "DRAINING" // it landed
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
}

// A process that was paused between the commit of its order and the call must
// not make it any more: others looked, and a stop was carried out (P11).
func TestPausedProcessDoesNotCallLate(t *testing.T) {
	r := newRig(t, replica("a"))
	a, _ := twoProcesses(t, r)
	op := r.confirmed(ecsops.Intent{})
	asleep := false
	r.store.after = func(c Change) {
		if asleep || c.Op == nil || c.Op.Order == nil || c.Op.Order.Owner != a.owner {
			return
		}
		asleep = true // the other process takes over
		wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
		wantEnd(t, r.run(op.ID, nil), Stopped, "stopped")
	}
	if _, err := a.Step(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	if !asleep || r.world.status != "ACTIVE" {
		t.Errorf("the instance is %s after the stop", r.world.status)
	}
	wantCalls(t, r.world)
	checkStory(t, r.store, r.world, op.ID)
}

// The same without a stop: what was not sent in time is ordered anew.
func TestOrderNotSentIsGivenAnew(t *testing.T) {
	r := newRig(t, replica("a"))
	a, _ := twoProcesses(t, r)
	r.e = a
	op := r.confirmed(ecsops.Intent{})
	slept := false
	r.store.after = func(c Change) {
		if !slept && c.Op != nil && c.Op.Order != nil {
			slept = true
			r.clock.now = r.clock.now.Add(time.Minute)
		}
	}
	end := r.run(op.ID, nil)
	wantEnd(t, end, Done, "verified")
	if end.Orders != 3 {
		t.Errorf("%d orders, want the drain that was not sent, the drain and the deregistration", end.Orders)
	}
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
	checkStory(t, r.store, r.world, op.ID)
}

// Two processes that step at once give one order.
func TestTwoProcessesGiveOneOrder(t *testing.T) {
	r := newRig(t, replica("a"))
	a, b := twoProcesses(t, r)
	op := r.confirmed(ecsops.Intent{})
	nested := false
	r.auth.onAsk = func() { // both decided to drain, neither has committed
		if !nested {
			nested = true
			if _, err := b.Step(t.Context(), op.ID); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := a.Step(t.Context(), op.ID); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
}

// One process never steps an operation twice at a time.
func TestStepHoldsItsOperation(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.confirmed(ecsops.Intent{})
	r.world.onDo = func(ecsops.Action) {
		next, err := r.e.Step(t.Context(), op.ID)
		if err != nil || !next.After(r.clock.now) {
			t.Errorf("a second step: %v, %v", next, err)
		}
	}
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
}

// A holder that ends between the commit and the question who it is: the
// decision is taken again, not failed.
func TestHolderEndsMeanwhile(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	locked := false
	r.store.fail = func(c Change) (error, error) {
		if !locked && c.Op != nil && c.Op.State.Locks() {
			locked = true
			return ErrLocked, nil
		}
		return nil, nil
	}
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
}

// A proven ghost is terminated nowhere; a stopped host's machine only after its
// registration, and after a force the load balancers get their time.
func TestForceWaitsForLoadBalancers(t *testing.T) {
	p := ecsops.Plan{Path: ecsops.PathForce}
	p.Snapshot.TargetGroups = ecsops.Known(map[string]ecsops.TargetGroup{
		"a": {Deregister: 30 * time.Second}, "b": {Deregister: 5 * time.Minute}})
	if got := terminationWait(p); got != 5*time.Minute {
		t.Errorf("waits %v", got)
	}
	p.Path = ecsops.PathDrain
	if got := terminationWait(p); got != 0 {
		t.Errorf("after a drain it waits %v", got)
	}
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{Terminate: ecsops.Terminate})
	wantAnswer(t, r.decide(op.ID, Force, olga, force(replica("a"))), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	stored, _ := r.store.get(op.ID)
	stored.Plan.Snapshot.TargetGroups = ecsops.Known(map[string]ecsops.TargetGroup{"a": {Deregister: 5 * time.Minute}})
	d := newDraft(stored, r.clock.now)
	d.changed = true
	if err := r.e.commit(t.Context(), d, commitOptions{}); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	r.world.onDo = func(a ecsops.Action) {
		if a.Kind == ecsops.ActTerminateEC2 {
			at = r.clock.now
		}
	}
	end := r.run(op.ID, nil)
	if waited := at.Sub(end.GoneAt); waited < 5*time.Minute {
		t.Errorf("terminated %v after the registration was gone", waited)
	}
	wantCalls(t, r.world, ecsops.ActForceDeregister, ecsops.ActTerminateEC2)
}

// A machine that ended with its agent cut off leaves tasks that ECS shows as
// RUNNING for ever: it refuses to deregister, and the bot does not force by
// itself. The operation says what is left.
func TestRegistrationThatLingersWithTasks(t *testing.T) {
	r := newRig(t, replica("a"))
	member(r, "InService")
	r.world.managed = true
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Replace})
	r.run(op.ID, func(o Operation) bool { return !o.OrderedTermination.IsZero() })
	r.world.tasks = append(r.world.tasks, standalone("late"))
	from := r.clock.now
	wantEnd(t, r.run(op.ID, nil), Unverified, "not_all_verified")
	if took := r.clock.now.Sub(from); took > time.Hour {
		t.Errorf("it took %v", took)
	}
	if r.count(ecsops.ActDeregister) == 0 || r.count(ecsops.ActForceDeregister) != 0 {
		t.Errorf("calls %v", r.world.calls)
	}
}
