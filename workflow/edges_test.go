package workflow

import (
	"context"
	"errors"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

func TestConfirmTable(t *testing.T) {
	cases := map[string]struct {
		why    string
		before func(*rig)
		shown  func(*rig, Operation) // between the card and the click
		intent ecsops.Intent
		click  func(*Decision)
		want   AnswerKind
	}{
		"barred": {why: "the bot runs there: no approval lifts it", before: func(r *rig) { r.world.self = testTarget.Instance }, want: NotYours},
		"no steps": {why: "in transition: nothing may be done", before: func(r *rig) { r.world.ec2 = "stopping" },
			want: NotYours},
		"typed nothing": {why: "a forced plan wants the id", intent: ecsops.Intent{Force: true}, want: Mistyped},
		"typed another": {why: "a forced plan wants this id", intent: ecsops.Intent{Force: true},
			click: func(d *Decision) { d.Typed = "i-0a1b2c3d4e5f60002" }, want: Mistyped},
		"typed the registration": {why: "either id names it", intent: ecsops.Intent{Force: true},
			click: func(d *Decision) { d.Typed = testTarget.InstanceID() }, want: Accepted},
		"unreadable": {why: "nobody decides on what was not read", shown: func(r *rig, _ Operation) { r.world.unreadable = "timed out" }, want: Unreadable},
		"at its expiry": {why: "the moment itself is too late", shown: func(r *rig, op Operation) { r.clock.now = op.ExpiresAt },
			want: WasExpired},
		"just before": {why: "a nanosecond is enough", shown: func(r *rig, op Operation) { r.clock.now = op.ExpiresAt.Add(-1) }, want: Accepted},
		"future":      {why: "no such revision was shown", click: func(d *Decision) { d.Revision = 2 }, want: TooLate},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			if c.before != nil {
				c.before(r)
			}
			op := r.propose(c.intent)
			if c.shown != nil {
				c.shown(r, op)
			}
			a := r.decide(op.ID, Confirm, olga, func(d *Decision) {
				if c.click != nil {
					c.click(d)
				}
			})
			if a.Kind != c.want {
				t.Errorf("%s: %s %v (%s), want %s", c.why, a.Kind, a.Reasons, a.Detail, c.want)
			}
			wantCalls(t, r.world)
		})
	}
}

func TestForceOfABarredInstance(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.world.self = testTarget.Instance // the bot was moved here
	wantAnswer(t, r.decide(op.ID, Force, olga, force(replica("a"))), NotYours)
}

func TestApprovalExpires(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.propose(ecsops.Intent{})
	r.clock.now = op.ExpiresAt.Add(-1)
	asked := r.decide(op.ID, Force, olga, force(replica("a")))
	if !asked.Op.ExpiresAt.Equal(r.clock.now.Add(r.e.settings.ProposalTTL)) {
		t.Errorf("the second person has until %s, from %s on", asked.Op.ExpiresAt, r.clock.now)
	}
	r.clock.now = asked.Op.ExpiresAt
	wantAnswer(t, r.decide(op.ID, Approve, ana), WasExpired)
	wantEnd(t, r.run(op.ID, nil), Expired, "expired")

	running := newRig(t, standalone("batch"))
	op = running.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	running.run(op.ID, drainOrdered)
	asked = running.decide(op.ID, Force, olga, force(standalone("batch")))
	running.clock.now = asked.Op.ProposalExpires
	wantAnswer(t, running.decide(op.ID, Approve, ana), WasExpired)
	if now := running.step(op.ID); now.Proposal != nil || now.State != Draining {
		t.Errorf("the drain does not go on: %s, proposal %v", now.State, now.Proposal != nil)
	}
}

// What needs more than policy allows now is not done.
func TestOrderWantsAnAllowedVerdict(t *testing.T) {
	for _, effect := range []policy.Effect{policy.Refuse, policy.Require, "", "maybe"} {
		r := newRig(t, replica("a"))
		r.auth.verdict = policy.Verdict{Effect: effect, Reasons: []policy.Reason{policy.ReasonGuest, policy.ReasonNotOperator}}
		op := r.confirmed(ecsops.Intent{})
		held := r.run(op.ID, asked(BlockedAuthority))
		if held.State != Draining {
			t.Errorf("held in %s", held.State)
		}
		if want := string(policy.ReasonGuest) + ", " + string(policy.ReasonNotOperator); held.Block.Detail != want {
			t.Errorf("held for %q, want %q", held.Block.Detail, want)
		}
		wantCalls(t, r.world)
	}
}

func TestStopTaskWantsLeave(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, batch)
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN, "arn:none"} })
	r.world.onDo = func(ecsops.Action) { r.auth.err = errSlackDown }
	if held := r.run(op.ID, asked(BlockedAuthority)); held.State != StoppingTasks {
		t.Errorf("held in %s", held.State)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
}

func TestStopAfterTheDeregistrationWasAccepted(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.slowGone, r.world.lags = true, true
	op := r.confirmed(ecsops.Intent{})
	r.run(op.ID, deregisterAccepted)
	wantAnswer(t, r.decide(op.ID, Stop, ana), TooLate)
	r.world.slowGone, r.world.lags = false, false
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
}

// One read that misses the registration proves nothing (terraform#4326); two do,
// whether it reads as INACTIVE or MISSING.
func TestVanishedRegistration(t *testing.T) {
	for _, how := range []string{"MISSING", "INACTIVE"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t, standalone("batch"))
			op := r.confirmed(ecsops.Intent{})
			r.run(op.ID, drainOrdered)
			vanish := func(yes bool) {
				r.world.missing = yes && how == "MISSING"
				r.world.status = map[bool]string{true: "INACTIVE", false: "DRAINING"}[yes && how == "INACTIVE"]
			}
			vanish(true)
			if once := r.step(op.ID); once.State != Draining {
				t.Fatalf("one read made it %s", once.State)
			}
			vanish(false)
			r.clock.now = r.clock.now.Add(time.Minute)
			if back := r.step(op.ID); !back.GoneAt.IsZero() {
				t.Error("it is there again, and counts as gone")
			}
			vanish(true)
			r.world.tasks = nil
			gone := r.run(op.ID, func(o Operation) bool { return o.State != Draining })
			if gone.State != Verifying && gone.State != Done {
				t.Errorf("gone for good, and it is %s", gone.State)
			}
		})
	}
}

// An effect may show late: three looks, five seconds apart, before it is called absent.
func TestLateEffectOfALostAnswer(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.answer = []answerer{always(ecsops.ResultUnknown, "timeout", false)}
	op := r.confirmed(ecsops.Intent{})
	r.step(op.ID)
	for range 2 {
		r.clock.now = r.clock.now.Add(lookGap)
		if o := r.step(op.ID).Order; o.N != 1 || o.Outcome.Result != ecsops.ResultUnknown {
			t.Fatalf("called %+v before three looks", o.Outcome)
		}
	}
	r.world.take(ecsops.Action{Kind: ecsops.ActDrain})
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister)
}

// A stopping task still serves: drained means STOPPED (aws/aws-cdk#13506).
func TestStoppingTaskHoldsTheDrain(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.stuck = true
	op := r.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	r.run(op.ID, drainOrdered)
	r.world.tasks[0].LastStatus, r.world.tasks[0].DesiredStatus = "DEACTIVATING", "STOPPED"
	held, _ := r.steps(op.ID, 6, 10*time.Second)
	if held.State != Draining || held.Progress.Left != 1 || held.Progress.Stopping != 1 {
		t.Errorf("%s with %+v", held.State, held.Progress)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
}

// Services leave first: their load balancers drain meanwhile.
func TestTickedTaskWaitsForServices(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, batch, replica("a"))
	r.world.onDo = func(a ecsops.Action) {
		if a.Kind == ecsops.ActStopTask && !r.world.tasks[1].Stopped() {
			t.Error("stopped beside a service's task")
		}
	}
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} })
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister)
}

// Each look asks for every task that ever ran here, as DEACTIVATING ones fall out
// of the lists (aws/containers-roadmap#2171).
func TestLooksNameEveryKnownTask(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.stuck = true
	op := r.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	r.run(op.ID, drainOrdered)
	r.world.tasks = append(r.world.tasks, replica("late"))
	r.clock.now = r.clock.now.Add(time.Minute)
	known := lookFor(r.step(op.ID), r.clock.now).KnownTasks
	if len(known) != 2 {
		t.Errorf("the next look asks for %v", known)
	}
}

// A task that lands between the drain's end and the order: back to watching, and
// nothing is deregistered.
func TestTaskBeforeDeregistration(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	r.run(op.ID, drainOrdered)
	r.auth.err = errSlackDown
	r.run(op.ID, func(o Operation) bool { return o.State == Deregistering && asked(BlockedAuthority)(o) })
	r.world.tasks = append(r.world.tasks, replica("late"))
	r.world.stuck, r.auth.err = true, nil
	r.clock.now = r.clock.now.Add(authorityRetry)
	if back := r.step(op.ID); back.State != Draining {
		t.Errorf("with a task on it, it is %s", back.State)
	}
	r.clock.now = r.clock.now.Add(time.Minute)
	r.world.noTasks = "timed out"
	r.step(op.ID)
	wantCalls(t, r.world, ecsops.ActDrain)
}

func TestReplaceKeepsTheGroupsSize(t *testing.T) {
	for _, in := range []ecsops.Termination{ecsops.Replace, ecsops.Shrink} {
		r := newRig(t, replica("a"))
		member(r, "InService")
		r.world.onDo = func(a ecsops.Action) {
			if a.Kind == ecsops.ActTerminateInGroup && (a.Decrement != (in == ecsops.Shrink) || a.Group != "asg" || a.Target.EC2 != testTarget.EC2) {
				t.Errorf("%s asks for %+v", in, a)
			}
		}
		op := r.confirmed(ecsops.Intent{Terminate: in})
		wantEnd(t, r.run(op.ID, nil), Done, "verified")
		wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActDeregister, ecsops.ActTerminateInGroup)
	}
}

// A termination that AWS goes on refusing ends, and says that the machine runs.
func TestTerminationRefusedForEver(t *testing.T) {
	for code, want := range map[string]BlockReason{"UnauthorizedOperation": BlockedCredentials, "OperationNotPermitted": BlockedGroup} {
		r := newRig(t, replica("a"))
		r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateEC2: always(ecsops.Refused, code, false)}
		op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
		if held := r.run(op.ID, asked(want)); held.State != Terminating {
			t.Errorf("%s: held in %s", code, held.State)
		}
		wantEnd(t, r.run(op.ID, nil), Unverified, "not_terminated")
	}
}

// The reasons may change from one refusal to the next, and reads may fail between them.
func TestTerminationRefusedForChangingReasons(t *testing.T) {
	r := newRig(t, replica("a"))
	n := 0
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateEC2: func(ecsops.Action) (ecsops.Outcome, bool) {
		n++
		return ecsops.Outcome{Result: ecsops.Refused, Code: []string{"UnauthorizedOperation", "OperationNotPermitted"}[n%2]}, false
	}}
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
	wantEnd(t, r.run(op.ID, nil), Unverified, "not_terminated")
	if least, most := 8, int(terminatePatience/afterRefusal); n < least || n > most { // ever less often
		t.Errorf("tried %d times in %s", n, terminatePatience)
	}
}

// A refused force falls back on nothing: people decided on no drain.
func TestRefusedForceOrdersNoDrain(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActForceDeregister: always(ecsops.Refused, "InvalidParameterException", false)}
	op := r.propose(ecsops.Intent{Force: true})
	wantAnswer(t, r.decide(op.ID, Confirm, olga, force()), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	if held := r.run(op.ID, asked(BlockedAWS)); held.State != Deregistering {
		t.Errorf("held in %s", held.State)
	}
	r.steps(op.ID, 5, time.Minute)
	if n := r.count(ecsops.ActForceDeregister); n < 2 || n != len(r.world.calls) {
		t.Errorf("calls: %v", r.world.calls)
	}
}

// The group ends what it is ending already: the bot drains, and orders no end.
func TestGroupIsTerminatingAlready(t *testing.T) {
	r := newRig(t, replica("a"))
	member(r, "Terminating:Wait")
	op := r.confirmed(ecsops.Intent{})
	held := r.run(op.ID, func(o Operation) bool { return o.State == Terminating })
	if held.OrderedTermination.IsZero() {
		r.step(op.ID)
	}
	r.world.ec2 = "terminated"
	r.world.take(ecsops.Action{Kind: ecsops.ActDeregister})
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain)
}

func TestStopWhileTheGroupTerminates(t *testing.T) {
	r := newRig(t, standalone("batch"))
	member(r, "InService")
	op := r.confirmed(ecsops.Intent{})
	r.run(op.ID, drainOrdered)
	member(r, "Terminating:Wait")
	wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
	wantEnd(t, r.run(op.ID, nil), Stopped, "group_terminating")
	wantCalls(t, r.world, ecsops.ActDrain)
}

func TestUndoMeetsAGoneRegistration(t *testing.T) {
	r := newRig(t, standalone("batch"))
	op := r.confirmed(ecsops.Intent{})
	r.run(op.ID, drainOrdered)
	r.world.take(ecsops.Action{Kind: ecsops.ActDeregister})
	wantAnswer(t, r.decide(op.ID, Stop, ana), Accepted)
	wantAnswer(t, r.decide(op.ID, Stop, olga), AlreadyDone)
	end := r.run(op.ID, nil)
	if !end.State.Terminal() || end.State == Stopped {
		t.Errorf("ended %s: nothing was undone", end.State)
	}
	wantCalls(t, r.world, ecsops.ActDrain)
}

func TestFirstState(t *testing.T) {
	steps := func(kinds ...ecsops.StepKind) Operation {
		var op Operation
		for _, k := range kinds {
			op.Plan.Steps = append(op.Plan.Steps, ecsops.Step{Kind: k})
		}
		return op
	}
	gone := func(op Operation) Operation { op.GoneAt = time.Unix(1, 0); return op }
	for name, c := range map[string]struct {
		op   Operation
		want State
	}{
		"drain":                                 {steps(ecsops.StepDrain, ecsops.StepWait, ecsops.StepDeregister), Draining},
		"observe":                               {steps(ecsops.StepWait, ecsops.StepDeregister), Draining},
		"stop tasks":                            {steps(ecsops.StepStopTasks, ecsops.StepDeregister), Draining},
		"registration failed":                   {steps(ecsops.StepDeregister, ecsops.StepVerify), Deregistering},
		"force":                                 {steps(ecsops.StepForce, ecsops.StepVerify), Deregistering},
		"group":                                 {steps(ecsops.StepTerminate, ecsops.StepVerify), Terminating},
		"nothing to order":                      {steps(ecsops.StepVerify), Verifying},
		"gone":                                  {gone(steps(ecsops.StepDrain, ecsops.StepVerify)), Verifying},
		"gone, to terminate":                    {gone(steps(ecsops.StepDrain, ecsops.StepTerminate)), Terminating},
		"gone, to be let go in Systems Manager": {gone(steps(ecsops.StepDrain, ecsops.StepDeregister, ecsops.StepDeregisterNode)), Deregistering},
	} {
		if got := firstState(c.op); got != c.want {
			t.Errorf("%s begins in %s, want %s", name, got, c.want)
		}
	}
}

func TestEffectSeen(t *testing.T) {
	stopped, stopping, other := replica("a"), replica("a"), replica("b")
	stopped.LastStatus, stopping.DesiredStatus, other.LastStatus = "STOPPED", "STOPPED", "STOPPED"
	for name, c := range map[string]struct {
		kind           ecsops.ActionKind
		inst           ecsops.Instance
		look           ecsops.Snapshot
		seen, readable bool
	}{
		"drained":                     {kind: ecsops.ActDrain, inst: ecsops.Instance{Status: "DRAINING"}, seen: true, readable: true},
		"not drained":                 {kind: ecsops.ActDrain, inst: ecsops.Instance{Status: "ACTIVE"}, readable: true},
		"undrained":                   {kind: ecsops.ActUndrain, inst: ecsops.Instance{Status: "ACTIVE"}, seen: true, readable: true},
		"deregistering":               {kind: ecsops.ActDeregister, inst: ecsops.Instance{Status: "DEREGISTERING"}, seen: true, readable: true},
		"missing":                     {kind: ecsops.ActForceDeregister, inst: ecsops.Instance{Missing: true}, seen: true, readable: true},
		"task stopped":                {kind: ecsops.ActStopTask, look: ecsops.Snapshot{Tasks: ecsops.Known([]ecsops.Task{stopped})}, seen: true, readable: true},
		"task runs":                   {kind: ecsops.ActStopTask, look: ecsops.Snapshot{Tasks: ecsops.Known([]ecsops.Task{replica("a")})}, readable: true},
		"task gone":                   {kind: ecsops.ActStopTask, look: ecsops.Snapshot{Tasks: ecsops.Known([]ecsops.Task(nil))}, seen: true, readable: true},
		"tasks unread":                {kind: ecsops.ActStopTask},
		"task stops":                  {kind: ecsops.ActStopTask, look: ecsops.Snapshot{Tasks: ecsops.Known([]ecsops.Task{stopping})}, seen: true, readable: true},
		"another task stopped":        {kind: ecsops.ActStopTask, look: ecsops.Snapshot{Tasks: ecsops.Known([]ecsops.Task{other, replica("a")})}, readable: true},
		"node let go":                 {kind: ecsops.ActDeregisterNode, look: ecsops.Snapshot{Node: ecsops.Known(ecsops.Node{})}, seen: true, readable: true},
		"node registered":             {kind: ecsops.ActDeregisterNode, look: ecsops.Snapshot{Node: ecsops.Known(ecsops.Node{Registered: true})}, readable: true},
		"node unread":                 {kind: ecsops.ActDeregisterNode},
		"machine unread":              {kind: ecsops.ActTerminateEC2},
		"machine runs":                {kind: ecsops.ActTerminateEC2, look: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "running"})}, readable: true},
		"machine shuts down":          {kind: ecsops.ActTerminateEC2, look: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "shutting-down"})}, seen: true, readable: true},
		"member runs, group unread":   {kind: ecsops.ActTerminateInGroup, look: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "running"})}},
		"member waits for its hooks":  {kind: ecsops.ActTerminateInGroup, look: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "running"}), Group: ecsops.Known(ecsops.Group{Lifecycle: "Terminating:Wait"})}, seen: true, readable: true},
		"member runs":                 {kind: ecsops.ActTerminateInGroup, look: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "running"}), Group: ecsops.Known(ecsops.Group{Lifecycle: "InService"})}, readable: true},
		"an action of a later verson": {kind: "paint", readable: true},
	} {
		seen, readable := effectSeen(Order{Action: ecsops.Action{Kind: c.kind, Task: replica("a").ARN}}, c.inst, c.look)
		if seen != c.seen || readable != c.readable {
			t.Errorf("%s: seen %v, readable %v", name, seen, readable)
		}
	}
}

// deaf is a fleet whose context ended.
type deaf struct{ *world }

func (deaf) Look(context.Context, ecsops.Target, ecsops.LookFor) (ecsops.Snapshot, error) {
	return ecsops.Snapshot{}, context.Canceled
}

func (deaf) InspectMany(context.Context, []ecsops.Target) ([]ecsops.Snapshot, error) {
	return nil, nil
}

func (deaf) Inspect(context.Context, ecsops.Target) (ecsops.Snapshot, error) {
	return ecsops.Snapshot{}, context.Canceled
}

func TestErrorsAreReturned(t *testing.T) {
	r := newRig(t, replica("a"))
	for name, d := range map[string]Deps{"store": {Fleet: r.world, Authority: r.auth}, "fleet": {Store: r.store, Authority: r.auth}, "authority": {Store: r.store, Fleet: r.world}} {
		if _, err := New(d); err == nil {
			t.Errorf("an engine without %s", name)
		}
	}
	op := r.confirmed(ecsops.Intent{})
	r.e, _ = New(Deps{Store: r.store, Fleet: deaf{r.world}, Authority: r.auth, Settings: Settings{Sole: true}})
	if _, err := r.e.Step(t.Context(), op.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("stepping: %v", err)
	}
	if _, err := r.e.Decide(t.Context(), Decision{Op: op.ID, Verb: Force, Verdict: policy.Verdict{Effect: policy.Allow}}); !errors.Is(err, context.Canceled) {
		t.Errorf("forcing: %v", err)
	}
	if _, err := r.e.Step(t.Context(), "nowhere"); !errors.Is(err, ErrNotFound) {
		t.Errorf("stepping nothing: %v", err)
	}
	if _, err := r.e.Decide(t.Context(), Decision{Op: "nowhere"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("deciding nothing: %v", err)
	}
	if _, err := r.e.Propose(t.Context(), Proposal{Verdict: policy.Verdict{Effect: policy.Refuse}}); err == nil {
		t.Error("proposed what policy refused")
	}
	r.store.fail = func(Change) (error, error) { return ErrConflict, nil }
	if _, err := r.e.Decide(t.Context(), Decision{Op: op.ID, Verb: Stop, Actor: ana, Verdict: policy.Verdict{Effect: policy.Allow}}); !errors.Is(err, ErrConflict) {
		t.Errorf("after five conflicts: %v", err)
	}
	if err := r.e.Record(t.Context(), Event{Type: EvTooLate}); !errors.Is(err, ErrConflict) {
		t.Errorf("recording: %v", err)
	}
}
