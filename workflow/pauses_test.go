package workflow

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

// step steps once, or fails.
func (r *rig) step(id string) Operation {
	r.t.Helper()
	if _, err := r.e.Step(r.t.Context(), id); err != nil {
		r.t.Fatal(err)
	}
	op, err := r.store.get(id)
	if err != nil {
		r.t.Fatal(err)
	}
	return op
}

// steps steps n times, some seconds apart, and returns how many events that made.
func (r *rig) steps(id string, n int, apart time.Duration) (Operation, int) {
	r.t.Helper()
	before := len(r.store.events)
	var op Operation
	for range n {
		op = r.step(id)
		r.clock.now = r.clock.now.Add(apart)
	}
	return op, len(r.store.events) - before
}

// confirmed proposes and confirms.
func (r *rig) confirmed(in ecsops.Intent) Operation {
	r.t.Helper()
	op := r.propose(in)
	wantAnswer(r.t, r.decide(op.ID, Confirm, olga), Accepted)
	return op
}

// A question stays open whatever else goes wrong meanwhile, and silence is heard
// at the time that was said.
func TestQuestionOutlivesTrouble(t *testing.T) {
	trouble := map[string]struct {
		begin func(*world)
		end   func(*world)
	}{
		"aws does not answer": {func(w *world) { w.unreadable = "ThrottlingException" }, func(w *world) { w.unreadable = "" }},
		"access denied":       {func(w *world) { w.unreadable = "AccessDeniedException" }, func(w *world) { w.unreadable = "" }},
		"tasks unreadable":    {func(w *world) { w.noTasks = "timed out" }, func(w *world) { w.noTasks = "" }},
	}
	for name, c := range trouble {
		t.Run("drift/"+name, func(t *testing.T) {
			r, held := drifted(t)
			c.begin(r.world)
			_, events := r.steps(held.ID, 10, 10*time.Second)
			c.end(r.world)
			after := r.step(held.ID)
			if after.Proposal == nil || after.Block == nil || after.Block.Reason != BlockedDrift || !after.Block.AskedUntil.Equal(held.Block.AskedUntil) {
				t.Fatalf("the question was forgotten: proposal %v, block %+v", after.Proposal != nil, after.Block)
			}
			if events > 2 {
				t.Errorf("%d events in ten looks", events)
			}
			wantAnswer(t, r.decide(held.ID, Cancel, olga), Accepted)
			wantEnd(t, r.run(held.ID, nil), Stopped, "stopped")
		})
		t.Run("deadline/"+name, func(t *testing.T) {
			r := newRig(t, standalone("batch"))
			op := r.confirmed(ecsops.Intent{Deadline: 10 * time.Minute})
			held := r.run(op.ID, asked(BlockedDeadline))
			c.begin(r.world)
			after, events := r.steps(op.ID, 10, 10*time.Second)
			if after.Block == nil || after.Block.Reason != BlockedDeadline || !after.Block.AskedUntil.Equal(held.Block.AskedUntil) {
				t.Errorf("asked until %v, then %+v", held.Block.AskedUntil, after.Block)
			}
			if events > 2 {
				t.Errorf("%d events in ten looks", events)
			}
			if after.Progress.Unreadable == nil {
				t.Error("nothing says that AWS cannot be read")
			}
			r.clock.now = held.Block.AskedUntil
			if heard := r.step(op.ID); heard.State != Undoing && heard.State != Stopped {
				t.Errorf("silence was not heard: %s, %+v", heard.State, heard.Block)
			}
			c.end(r.world)
			wantEnd(t, r.run(op.ID, nil), Stopped, "deadline_silence")
		})
	}
}

// What lasts is told once, with its since, and not again at each look.
func TestLastingTroubleIsToldOnce(t *testing.T) {
	for name, begin := range map[string]func(*rig){
		"registration": func(r *rig) { r.world.unreadable = "AccessDeniedException" },
		"tasks":        func(r *rig) { r.world.noTasks = "AccessDeniedException" },
		"slack":        func(r *rig) { r.auth.err = errSlackDown },
		"fresh":        func(r *rig) { r.world.blank = []string{"ec2"} },
		"deregister": func(r *rig) {
			r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActDeregister: always(ecsops.Refused, "AccessDeniedException", false)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			op := r.confirmed(ecsops.Intent{Deadline: 24 * time.Hour})
			r.run(op.ID, drainOrdered)
			r.clock.now = r.clock.now.Add(2 * time.Minute)
			begin(r)
			first := r.step(op.ID)
			r.clock.now = r.clock.now.Add(10 * time.Second)
			if first.Block == nil {
				first = r.step(op.ID)
			}
			if first.Block == nil {
				t.Fatal("it waits without saying why")
			}
			after, events := r.steps(op.ID, 20, 3*time.Second)
			if after.Block == nil || !after.Block.Since.Equal(first.Block.Since) {
				t.Errorf("since %v became %+v", first.Block.Since, after.Block)
			}
			if events > 3 {
				t.Errorf("%d events within a minute", events)
			}
		})
	}
}

// A deregistration that is refused for ever ends in the question, and silence undoes.
func TestRefusedDeregistrationEndsInTheQuestion(t *testing.T) {
	for _, code := range []string{"AccessDeniedException", "InvalidParameterException", "ClientException"} {
		t.Run(code, func(t *testing.T) {
			r := newRig(t, replica("a"))
			r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActDeregister: always(ecsops.Refused, code, false)}
			op := r.confirmed(ecsops.Intent{Deadline: 10 * time.Minute})
			wantEnd(t, r.run(op.ID, nil), Stopped, "deadline_silence")
			if len(r.world.calls) > 30 {
				t.Errorf("%d calls: %v", len(r.world.calls), r.world.calls)
			}
			if n := len(r.store.of(op.ID)); n > 250 {
				t.Errorf("%d events", n)
			}
			checkStory(t, r.store, r.world, op.ID)
		})
	}
}

// Every wait that no clock ends says what it waits for.
func TestLongWaitsAreStated(t *testing.T) {
	cases := map[string]struct {
		why    string
		rule   map[ecsops.ActionKind]answerer
		intent ecsops.Intent
		stop   bool
		group  string
		calls  int // at most, in an hour
	}{
		"undrained, yet DRAINING": {why: "someone drains it again and again", stop: true, calls: 130,
			rule: map[ecsops.ActionKind]answerer{ecsops.ActUndrain: always(ecsops.OK, "", false)}},
		"undrain refused": {why: "the bot may not", stop: true, calls: 65,
			rule: map[ecsops.ActionKind]answerer{ecsops.ActUndrain: always(ecsops.Refused, "AccessDeniedException", false)}},
		"undrain throttled": {why: "others use up the bucket", stop: true, calls: 250,
			rule: map[ecsops.ActionKind]answerer{ecsops.ActUndrain: always(ecsops.Throttled, "ThrottlingException", false)}},
		"deregistered, yet there": {why: "a trunk interface hangs", calls: 2,
			rule: map[ecsops.ActionKind]answerer{ecsops.ActDeregister: always(ecsops.OK, "", false)}},
		"task will not stop": {why: "StopTask is denied", calls: 65, intent: ecsops.Intent{Deadline: 5 * time.Hour},
			rule: map[ecsops.ActionKind]answerer{ecsops.ActStopTask: always(ecsops.Refused, "AccessDeniedException", false)}},
		"stopped task runs on": {why: "the agent hears of nothing", calls: 130, intent: ecsops.Intent{Deadline: 5 * time.Hour},
			rule: map[ecsops.ActionKind]answerer{ecsops.ActStopTask: always(ecsops.OK, "", false)}},
		"machine will not end": {why: "a hook keeps it", calls: 3, intent: ecsops.Intent{Terminate: ecsops.Shrink}, group: "asg",
			rule: map[ecsops.ActionKind]answerer{ecsops.ActTerminateInGroup: always(ecsops.OK, "", false)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			batch := standalone("batch")
			r := newRig(t, replica("a"))
			if c.rule[ecsops.ActStopTask] != nil {
				r.world.tasks = append(r.world.tasks, batch)
			}
			r.world.rule = c.rule
			if c.group != "" {
				r.world.group = ecsops.Group{Name: c.group, Lifecycle: "InService", Min: 1, Max: 5, Desired: 3}
			}
			op := r.propose(c.intent)
			wantAnswer(t, r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} }), Accepted)
			if c.stop {
				r.run(op.ID, drainOrdered)
				wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
			}
			end := r.clock.now.Add(time.Hour)
			held := r.run(op.ID, func(Operation) bool { return !r.clock.now.Before(end) })
			if held.State.Terminal() || held.Block == nil && len(held.Progress.Holds) == 0 {
				t.Errorf("%s: after an hour in %s it says nothing: block %+v", c.why, held.State, held.Block)
			}
			if len(r.world.calls) > c.calls {
				t.Errorf("%s: %d calls", c.why, len(r.world.calls))
			}
			if n := len(r.store.of(op.ID)); n > 40+6*c.calls {
				t.Errorf("%s: %d events", c.why, n)
			}
			if r.world.looks > 1000 {
				t.Errorf("%s: %d looks in an hour", c.why, r.world.looks)
			}
		})
	}
}

// A pause ends when its reason does.
func TestPausesEnd(t *testing.T) {
	t.Run("a throttled termination", func(t *testing.T) {
		r := newRig(t, replica("a"))
		r.world.group, r.world.hooks = ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Max: 5, Desired: 3}, true
		op := r.confirmed(ecsops.Intent{Terminate: ecsops.Shrink})
		r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateInGroup: always(ecsops.Throttled, "Throttling", false)}
		r.run(op.ID, asked(BlockedAWS))
		r.world.rule = nil
		held := r.run(op.ID, func(o Operation) bool { return !o.OrderedTermination.IsZero() })
		if held.Block != nil {
			t.Errorf("still paused: %+v", held.Block)
		}
	})
	t.Run("an instance that is not yet ACTIVE", func(t *testing.T) {
		r := newRig(t, replica("a"))
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.world.status = "REGISTERING"
		r.run(op.ID, asked(BlockedConsistency))
		r.world.status = "ACTIVE"
		held := r.run(op.ID, func(o Operation) bool { return o.Progress.Status == "DRAINING" })
		if held.Block != nil {
			t.Errorf("still paused: %+v", held.Block)
		}
	})
	t.Run("a refused drain that someone else ordered", func(t *testing.T) {
		r := newRig(t, replica("a"))
		r.world.answer = []answerer{always(ecsops.Refused, "AccessDeniedException", false)}
		op := r.confirmed(ecsops.Intent{})
		r.run(op.ID, asked(BlockedCredentials))
		r.world.status, r.world.drainedFrom = "DRAINING", r.clock.now
		held := r.run(op.ID, func(o Operation) bool { return o.Progress.Status == "DRAINING" })
		if held.Block != nil {
			t.Errorf("still paused: %+v", held.Block)
		}
	})
}

// Verification ends in time though AWS cannot be read, and says what it did not see.
func TestVerificationEndsUnread(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.lags = true
	op := r.confirmed(ecsops.Intent{})
	r.run(op.ID, func(o Operation) bool { return o.State == Verifying })
	r.world.unreadable = "AccessDeniedException"
	from := r.clock.now
	wantEnd(t, r.run(op.ID, nil), Unverified, "not_all_verified")
	if took := r.clock.now.Sub(from); took > 11*time.Minute || took < r.e.settings.VerifyFor {
		t.Errorf("it took %v", took)
	}
}

// One button, one revision, two deadlines: who waited once may wait again.
func TestWaitAgain(t *testing.T) {
	r := newRig(t, standalone("batch"))
	op := r.confirmed(ecsops.Intent{Deadline: 10 * time.Minute})
	for range 3 {
		r.run(op.ID, asked(BlockedDeadline))
		wantAnswer(t, r.decide(op.ID, Wait, olga, func(d *Decision) { d.Token, d.Revision = "wait", 1 }), Accepted)
		wantAnswer(t, r.decide(op.ID, Wait, olga, func(d *Decision) { d.Token, d.Revision = "wait", 1 }), TooLate) // a double click
	}
}
