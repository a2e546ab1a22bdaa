package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

func causes(op Operation) []ecsops.Cause {
	var out []ecsops.Cause
	for _, h := range op.Progress.Holds {
		out = append(out, h.Cause)
	}
	return out
}

// held is a drain of one service task that stands still, and the look that explains it.
func held(t *testing.T, tasks ...ecsops.Task) (*rig, Operation) {
	t.Helper()
	r := newRig(t, tasks...)
	r.world.stuck = true
	r.world.services = map[string]ecsops.Service{"web": {Name: "web", Scheduling: "REPLICA", Desired: 4, Running: 4, MinPercent: 50, MaxPercent: 200, Deployments: 1}}
	r.world.protection = map[string]time.Time{}
	op := r.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	return r, r.run(op.ID, drainOrdered)
}

// until steps until the causes are these, for a quarter of an hour at most.
func (r *rig) until(id string, want ...ecsops.Cause) Operation {
	r.t.Helper()
	end := r.clock.now.Add(15 * time.Minute)
	op := r.run(id, func(op Operation) bool { return slices.Equal(causes(op), want) || r.clock.now.After(end) })
	if !slices.Equal(causes(op), want) {
		r.t.Fatalf("held by %q, want %q", causes(op), want)
	}
	return op
}

// What people do to a service, a machine or a task shows as another cause, with its own
// since; each change is recorded once.
func TestCausesFollowTheWorld(t *testing.T) {
	r, op := held(t, replica("a"))
	start := r.clock.now
	unable := "(service web) was unable to place a task because no container instance met all of its requirements."
	web := r.world.services["web"]
	for _, c := range []struct {
		why    string
		change func()
		want   ecsops.Cause
	}{
		{"no reason at all", func() {}, ecsops.HeldUnknown},
		{"protected", func() {
			r.world.protection["arn:aws:ecs:eu-central-1:123456789012:task/prod/a"] = start.Add(48 * time.Hour)
		}, ecsops.HeldByProtection},
		{"its events say so", func() {
			s := web
			s.Events = []ecsops.ServiceNote{{At: r.clock.now, Text: unable}}
			r.world.services["web"] = s
		}, ecsops.HeldByCapacity},
		{"the agent, on a machine that runs", func() { r.world.agent = false }, ecsops.HeldByAgent},
		{"the machine is stopped", func() { r.world.ec2 = "stopped" }, ecsops.HeldByHostStop},
		{"started again", func() { r.world.ec2, r.world.agent = "running", true }, ecsops.HeldByCapacity},
		{"percentages", func() {
			s := web
			s.Desired, s.Running, s.MinPercent, s.MaxPercent = 1, 1, 100, 100
			r.world.services["web"] = s
		}, ecsops.HeldByPercents},
	} {
		c.change()
		before := r.clock.now
		op = r.until(op.ID, c.want)
		h := op.Progress.Holds[0]
		if h.Since.Before(before) && c.why != "no reason at all" || h.Since.After(r.clock.now) || h.Since.IsZero() {
			t.Errorf("%s: since %v, changed at %v", c.why, h.Since, before)
		}
	}
	var told []ecsops.Cause
	for _, ev := range r.store.of(op.ID) {
		if ev.Type == EvHeld {
			told = append(told, ev.Holds[0].Cause)
		}
	}
	want := []ecsops.Cause{"unknown", "protection", "capacity", "agent", "host_stop", "capacity", "percents"}
	if !slices.Equal(told, want) {
		t.Errorf("recorded %q, want %q", told, want)
	}
	_, events := r.steps(op.ID, 40, 10*time.Second)
	if events != 0 {
		t.Errorf("%d events while nothing changed", events)
	}
	r.world.stuck = false
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
}

// The reads that explain are spaced: none while the drain moves, one each minute while it
// stands still.
func TestExplanationsAreSpaced(t *testing.T) {
	r, op := held(t, replica("a"))
	r.world.explained = 0
	from := r.clock.now
	r.run(op.ID, func(Operation) bool { return r.clock.now.Sub(from) >= explainAfter-time.Second })
	if r.world.explained != 0 {
		t.Errorf("%d explaining looks in a drain that just began", r.world.explained)
	}
	r.run(op.ID, func(Operation) bool { return r.clock.now.Sub(from) >= 10*time.Minute })
	if n := r.world.explained; n < 9 || n > 11 {
		t.Errorf("%d explaining looks in ten minutes", n)
	}
}

// A reading that fails once is not a new cause; what is known stays, and says that it is old.
func TestCauseOutlivesAFailedRead(t *testing.T) {
	r, op := held(t, replica("a"))
	r.world.protection[r.world.tasks[0].ARN] = r.clock.now.Add(time.Hour)
	r.until(op.ID, ecsops.HeldByProtection)
	before := len(r.store.of(op.ID))
	r.world.noHolds = "ThrottlingException"
	from := r.clock.now
	after := r.run(op.ID, func(Operation) bool { return r.clock.now.Sub(from) >= 3*time.Minute })
	h := after.Progress.Holds[0]
	if h.Cause != ecsops.HeldByProtection || h.Missing == nil || h.Missing.Reason != "ThrottlingException" {
		t.Errorf("%+v", h)
	}
	if n := len(r.store.of(op.ID)) - before; n != 0 {
		t.Errorf("%d events", n)
	}
}

// While the others move, a task whose turn is ahead is not called held; a standalone one
// is, once nothing else is left.
func TestHeldOnlyOnceItStandsStill(t *testing.T) {
	r := newRig(t, replica("a"), standalone("batch"))
	op := r.confirmed(ecsops.Intent{Deadline: 2 * time.Hour})
	r.world.drainTime = 20 * time.Second
	r.run(op.ID, drainOrdered)
	if now := r.step(op.ID); len(now.Progress.Holds) != 0 {
		t.Errorf("held by %q while it moves", causes(now))
	}
	alone := r.until(op.ID, ecsops.HeldByStandalone)
	if !alone.Progress.Holds[0].Since.Equal(alone.DrainedAt) {
		t.Errorf("since %v, drained at %v", alone.Progress.Holds[0].Since, alone.DrainedAt)
	}
}

// A pressed wait gives the whole time again; there is nothing to prolong while most of it
// is left, or while nothing holds the drain.
func TestWaitBeforeTheDeadline(t *testing.T) {
	r := newRig(t, standalone("batch"))
	op := r.confirmed(ecsops.Intent{Deadline: 20 * time.Minute})
	r.until(op.ID, ecsops.HeldByStandalone)
	wantAnswer(t, r.decide(op.ID, Wait, olga), TooLate)
	deadline := op.Deadline
	if got, _ := r.store.get(op.ID); !got.Deadline.IsZero() {
		deadline = got.Deadline
	}
	r.run(op.ID, func(Operation) bool { return deadline.Sub(r.clock.now) < 9*time.Minute })
	wantAnswer(t, r.decide(op.ID, Wait, olga), Accepted)
	got, _ := r.store.get(op.ID)
	if !got.Deadline.Equal(r.clock.now.Add(20 * time.Minute)) {
		t.Errorf("deadline %v at %v", got.Deadline, r.clock.now)
	}
	wantAnswer(t, r.decide(op.ID, Wait, ana), TooLate) // a second click prolongs nothing
}

// A standalone task that came after the plan is stopped from the running card: intent
// first, and the drain goes on to its end.
func TestStopTasksOfARunningDrain(t *testing.T) {
	r := newRig(t, replica("a"))
	op := r.confirmed(ecsops.Intent{Deadline: time.Hour})
	r.run(op.ID, drainOrdered)
	late := standalone("late")
	r.world.tasks = append(r.world.tasks, late)
	r.until(op.ID, ecsops.HeldByStandalone)
	a := r.decide(op.ID, StopTasks, ana, func(d *Decision) { d.Tasks = []string{late.ARN, "arn:forged"} })
	wantAnswer(t, a, Accepted)
	if got := a.Op.Plan.Intent.StopTasks; !slices.Equal(got, []string{late.ARN}) || a.Op.Revision != 2 {
		t.Errorf("revision %d stops %q", a.Op.Revision, got)
	}
	if a.Op.DrainedAt.IsZero() || a.Op.Progress.Left != 1 {
		t.Errorf("the drain would begin anew: drained at %v, %d left", a.Op.DrainedAt, a.Op.Progress.Left)
	}
	if w, ok := a.Op.Plan.Snapshot.Services.Get(); !ok || len(w) != 1 {
		t.Errorf("the services that the verification compares with are gone: %v", w)
	}
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister)
	checkStory(t, r.store, r.world, op.ID)
	if !slices.ContainsFunc(r.store.of(op.ID), func(ev Event) bool {
		return ev.Type == EvTicked && ev.Actor == ana && slices.Equal(ev.Tasks, []string{late.ARN})
	}) {
		t.Error("nobody can tell who had the task stopped")
	}
}

func TestStopTasksAnswers(t *testing.T) {
	batch := standalone("batch")
	tick := func(d *Decision) { d.Tasks = []string{batch.ARN} }
	for name, c := range map[string]struct {
		why   string
		setup func(*rig)
		dec   func(*Decision)
		want  AnswerKind
	}{
		"none ticked":      {"there is nothing to do", nil, func(*Decision) {}, TooLate},
		"a service's task": {"ECS would start it again", nil, func(d *Decision) { d.Tasks = []string{replica("a").ARN} }, TooLate},
		"ended meanwhile":  {"it needs no stop", func(r *rig) { r.world.tasks[1].LastStatus = "STOPPED" }, tick, TooLate},
		"not allowed":      {"policy said no", nil, func(d *Decision) { tick(d); d.Verdict.Effect = policy.Refuse }, NotYours},
		"unreadable":       {"nobody knows what runs there", func(r *rig) { r.world.blank = []string{"tasks"} }, tick, Unreadable},
		"no registration":  {"nobody knows what it is", func(r *rig) { r.world.unreadable = "AccessDeniedException" }, tick, Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"), batch)
			op := r.confirmed(ecsops.Intent{Deadline: time.Hour})
			r.run(op.ID, drainOrdered)
			if c.setup != nil {
				c.setup(r)
			}
			wantAnswer(t, r.decide(op.ID, StopTasks, olga, c.dec), c.want)
			if got, _ := r.store.get(op.ID); got.Revision != 1 || len(got.Plan.Intent.StopTasks) != 0 {
				t.Errorf("%s, yet revision %d stops %q", c.why, got.Revision, got.Plan.Intent.StopTasks)
			}
		})
	}
}

func TestStillToStop(t *testing.T) {
	as := func(last, desired string) ecsops.Task {
		b := standalone("batch")
		b.LastStatus, b.DesiredStatus = last, desired
		return b
	}
	batch := as("RUNNING", "RUNNING")
	for _, c := range []struct {
		why    string
		task   ecsops.Task
		ticked []string
		before []string
		want   int
	}{
		{"it runs and was ticked", batch, []string{batch.ARN}, nil, 1},
		{"another one was ticked", batch, []string{"arn:other"}, nil, 0},
		{"it was ticked before", batch, []string{batch.ARN}, []string{batch.ARN}, 0},
		{"another one was ticked before", batch, []string{batch.ARN}, []string{"arn:other"}, 1},
		{"it stops already", as("RUNNING", "STOPPED"), []string{batch.ARN}, nil, 0},
		{"it ended", as("STOPPED", "STOPPED"), []string{batch.ARN}, nil, 0},
		{"a service would start it again", replica("a"), []string{replica("a").ARN}, nil, 0},
	} {
		op := Operation{Plan: ecsops.Plan{Intent: ecsops.Intent{StopTasks: c.before}}}
		if got := stillToStop(op, []ecsops.Task{c.task}, c.ticked); len(got) != c.want {
			t.Errorf("%s: %q", c.why, got)
		}
	}
}

// What a second person approved is not widened by one: the ticks await an approval too.
func TestStopTasksOfARedPlan(t *testing.T) {
	batch := standalone("batch")
	r := newRig(t, replica("a"), batch)
	r.world.peersLost = true // the last instance: red
	op := r.propose(ecsops.Intent{Deadline: time.Hour})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	r.until(op.ID, ecsops.HeldByStandalone)
	a := r.decide(op.ID, StopTasks, olga, func(d *Decision) { d.Tasks = []string{batch.ARN} })
	if a.Kind != Accepted || a.Detail != "awaiting_approval" || a.Op.Proposal == nil {
		t.Fatalf("%+v", a)
	}
	if events := r.store.of(op.ID); events[len(events)-1].Type != EvAsked {
		t.Errorf("no second person is asked: %s", events[len(events)-1].Type)
	}
	r.run(op.ID, func(Operation) bool { return r.clock.now.After(a.Op.ProposalExpires.Add(-time.Minute)) })
	wantCalls(t, r.world, ecsops.ActDrain)
	wantAnswer(t, r.decide(op.ID, Approve, olga), NotYours)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActStopTask, ecsops.ActDeregister)
}
