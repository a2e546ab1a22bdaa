package workflow

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

// What changes between the drain and the deregistration, and whether it stops.
func TestSurprisesBeforeDeregistration(t *testing.T) {
	cases := map[string]struct {
		why    string
		change func(*rig)
		heal   func(*rig) // two minutes later
		drifts bool
	}{
		"nothing":            {why: "tasks leave, rules change with their counts", change: func(*rig) {}},
		"agent blip":         {why: "agents reconnect several times an hour", change: func(r *rig) { r.world.agent = false }, heal: func(r *rig) { r.world.agent = true }},
		"agent lost":         {why: "more than five minutes is a fault", change: func(r *rig) { r.world.agent = false }, drifts: true},
		"reading lost":       {why: "a throttled read is no change", change: func(r *rig) { r.world.blank = []string{"ec2", "group", "self", "peers"} }, heal: func(r *rig) { r.world.blank = nil }},
		"registration lost":  {why: "a throttled read is no change", change: func(r *rig) { r.world.blank = []string{"instance"} }, heal: func(r *rig) { r.world.blank = nil }},
		"agent blip, unread": {why: "both at once", change: func(r *rig) { r.world.agent, r.world.blank = false, []string{"ec2"} }, heal: func(r *rig) { r.world.agent, r.world.blank = true, nil }},
		"last instance":      {why: "the others went", change: func(r *rig) { r.world.peersLost = true }, drifts: true},
		"machine stops":      {why: "someone stops it", change: func(r *rig) { r.world.ec2 = "stopping" }, drifts: true},
		"group takes it":     {why: "scale-in ends it by itself", change: func(r *rig) { r.world.group.Lifecycle = "Terminating:Wait" }, drifts: true},
		"another group":      {why: "it was moved: who terminates it changed", change: func(r *rig) { r.world.group.Name = "other" }, drifts: true},
		"group at its floor": {why: "the shrink that was decided cannot be done any more", change: func(r *rig) { r.world.group.Min = r.world.group.Desired }, drifts: true},
		"group breathes":     {why: "its size is no matter of the plan", change: func(r *rig) { r.world.group.Desired = 4 }},
		"someone undrains":   {why: "somebody wants it back", change: func(r *rig) { r.world.status = "ACTIVE" }, drifts: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"), replica("b"))
			r.world.group = ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Max: 5, Desired: 3}
			op := r.confirmed(ecsops.Intent{Terminate: ecsops.Shrink, Deadline: 3 * time.Hour})
			r.run(op.ID, drainOrdered)
			r.clock.now = r.clock.now.Add(2 * time.Minute)
			c.change(r)
			if c.heal != nil {
				at := r.clock.now.Add(2 * time.Minute)
				held := r.run(op.ID, func(o Operation) bool { return o.Proposal != nil || !r.clock.now.Before(at) })
				if held.Block == nil || held.Proposal != nil {
					t.Fatalf("%s: it does not say that it waits: %+v, proposal %v", c.why, held.Block, held.Changes)
				}
				c.heal(r)
			}
			end := r.run(op.ID, func(o Operation) bool { return o.Proposal != nil || o.State == Verifying })
			if got := end.Proposal != nil; got != c.drifts {
				t.Errorf("%s: drift %v in %s, block %+v, changes %v", c.why, got, end.State, end.Block, end.Changes)
			}
			wanted := []ecsops.ActionKind{ecsops.ActDrain}
			if !c.drifts {
				wanted = append(wanted, ecsops.ActDeregister, ecsops.ActTerminateInGroup)
			}
			wantCalls(t, r.world, wanted...)
		})
	}
}

// Before the first order every difference counts that is not merely less of what was decided on.
func TestSurprisesBeforeTheFirstOrder(t *testing.T) {
	cases := map[string]struct {
		change func(*rig)
		drifts bool
	}{
		"a replica lands":             {func(r *rig) { r.world.tasks = append(r.world.tasks, replica("c")) }, true},
		"a replica leaves":            {func(r *rig) { r.world.tasks = r.world.tasks[1:] }, false},
		"a replica is replaced there": {func(r *rig) { r.world.tasks[0] = replica("c") }, false},
		"all leave":                   {func(r *rig) { r.world.tasks = nil }, false},
		"a batch lands":               {func(r *rig) { r.world.tasks = append(r.world.tasks, standalone("batch")) }, true},
		"a batch for a replica":       {func(r *rig) { r.world.tasks[0] = standalone("batch") }, true},
		"drained by others":           {func(r *rig) { r.world.status = "DRAINING" }, true},
		"a reading is lost":           {func(r *rig) { r.world.blank = []string{"protection"} }, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"), replica("b"))
			r.auth.err = errSlackDown // confirmed, and nothing is ordered yet
			op := r.confirmed(ecsops.Intent{})
			r.run(op.ID, asked(BlockedAuthority))
			r.auth.err = nil
			c.change(r)
			r.clock.now = r.clock.now.Add(authorityRetry)
			if name == "drained by others" {
				r.clock.now = r.clock.now.Add(time.Minute)
			}
			held := r.run(op.ID, func(o Operation) bool {
				return o.Block != nil && o.Block.Reason != BlockedAuthority
			})
			if (held.Proposal != nil) != c.drifts {
				t.Errorf("proposal %v, block %+v", held.Proposal != nil, held.Block)
			}
			if held.State.Terminal() {
				wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
				return
			}
			wantCalls(t, r.world)
		})
	}
}

// A drain that somebody else began goes on while people read its plan. What ended meanwhile
// voids neither the confirm nor the approval, and stands in the record of both; what came does.
func TestJoiningADrain(t *testing.T) {
	leaves := func(r *rig) { r.world.tasks = r.world.tasks[1:] }
	for name, c := range map[string]struct {
		confirm, approve func(*rig)   // happens before it
		answers          []AnswerKind // of confirm and approve
	}{
		"nothing":                           {answers: []AnswerKind{Accepted, Accepted}},
		"a task ends before the confirm":    {confirm: leaves, answers: []AnswerKind{Accepted, Accepted}},
		"a task ends before the approval":   {approve: leaves, answers: []AnswerKind{Accepted, Accepted}},
		"one before each":                   {confirm: leaves, approve: leaves, answers: []AnswerKind{Accepted, Accepted}},
		"a task comes before the confirm":   {confirm: func(r *rig) { r.world.tasks = append(r.world.tasks, replica("d")) }, answers: []AnswerKind{Changed}},
		"a task comes before the approval":  {approve: func(r *rig) { r.world.tasks[0] = standalone("d") }, answers: []AnswerKind{Accepted, Changed}},
		"it is wanted back before the yes":  {confirm: func(r *rig) { r.world.status = "ACTIVE" }, answers: []AnswerKind{Changed}},
		"its machine stops before the last": {approve: func(r *rig) { r.world.ec2 = "stopping" }, answers: []AnswerKind{Accepted, Changed}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"), replica("b"), replica("c"))
			r.world.status, r.world.stuck, r.world.peersLost = "DRAINING", true, true // red (R6): a second person
			op := r.propose(ecsops.Intent{})
			if op.Plan.Path != ecsops.PathObserve || op.Plan.Verdict != ecsops.Red {
				t.Fatalf("path %s, %s", op.Plan.Path, op.Plan.Verdict)
			}
			for i, step := range []struct {
				before func(*rig)
				verb   Verb
				by     Actor
				event  EventType
			}{{c.confirm, Confirm, olga, EvConfirmed}, {c.approve, Approve, ana, EvApproved}} {
				if step.before != nil {
					step.before(r)
				}
				wantAnswer(t, r.decide(op.ID, step.verb, step.by), c.answers[i])
				if c.answers[i] != Accepted {
					return
				}
				for _, ev := range r.store.of(op.ID) {
					if ev.Type == step.event && (len(ev.Changes) > 0) != (len(r.world.tasks) < 3) {
						t.Errorf("recorded of %s: %v, with %d tasks there", step.event, ev.Changes, len(r.world.tasks))
					}
				}
			}
			r.world.tasks = nil
			wantEnd(t, r.run(op.ID, nil), Done, "verified")
			wantCalls(t, r.world, ecsops.ActDeregister)
			checkStory(t, r.store, r.world, op.ID)
		})
	}
}

// A force never leaves more behind than people saw, whatever happened since the
// approval.
func TestForceMeetsAnotherOrphan(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Force, olga, force(replica("a")))
	r.auth.err = errSlackDown
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	r.run(op.ID, asked(BlockedAuthority))
	r.auth.err = nil
	r.world.tasks = append(r.world.tasks, replica("b"))
	r.clock.now = r.clock.now.Add(authorityRetry)
	r.run(op.ID, asked(BlockedDrift))
	wantCalls(t, r.world)

	r.world.tasks = r.world.tasks[:1]
	wantAnswer(t, r.decide(op.ID, Cancel, olga), Accepted)
	wantEnd(t, r.run(op.ID, nil), Stopped, "stopped")
}

// A force whose first order was throttled still counts the orphans.
func TestForceMeetsAnotherOrphanAfterAThrottle(t *testing.T) {
	for name, late := range map[string]ecsops.Task{"replica": replica("b"), "standalone": standalone("b")} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			r.world.answer = []answerer{always(ecsops.Throttled, "ThrottlingException", false)}
			op := r.propose(ecsops.Intent{})
			r.decide(op.ID, Force, olga, force(replica("a")))
			r.decide(op.ID, Approve, ana)
			r.run(op.ID, asked(BlockedAWS))
			r.world.tasks = append(r.world.tasks, late)
			r.clock.now = r.clock.now.Add(afterThrottle)
			r.run(op.ID, asked(BlockedDrift))
			wantCalls(t, r.world, ecsops.ActForceDeregister)
		})
	}
}

// Drift that is found too late to undo ends in showing what is.
func TestDriftAfterDeregistration(t *testing.T) {
	for _, answer := range []Verb{"", Cancel, Stop} {
		t.Run("answer "+string(answer), func(t *testing.T) {
			r := newRig(t, replica("a"))
			r.world.slowGone = true
			op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
			r.run(op.ID, deregisterAccepted)
			r.world.slowGone, r.world.ec2 = false, "stopping"
			held := r.run(op.ID, asked(BlockedDrift))
			if held.State != Terminating {
				t.Fatalf("drift in %s", held.State)
			}
			if answer != "" {
				wantAnswer(t, r.decide(op.ID, answer, olga), Accepted)
				if now := r.step(op.ID); now.State == Terminating {
					t.Errorf("%s did nothing: %+v", answer, now.Block)
				}
			}
			if end := r.run(op.ID, nil); end.State != Unverified {
				t.Errorf("ended %s (%s): the machine still runs", end.State, end.Cause)
			}
			wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
			checkStory(t, r.store, r.world, op.ID)
		})
	}
}
