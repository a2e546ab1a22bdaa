package workflow

import (
	"slices"
	"testing"

	"ecsbot/ecsops"
)

// inGroup is a proposal for a machine of a group of that size.
func inGroup(t *testing.T, desired int, in ecsops.Intent) (*rig, Operation) {
	t.Helper()
	r := newRig(t, replica("a"))
	r.world.group = ecsops.Group{Name: "prod-asg", Lifecycle: "InService", Min: 1, Max: 5, Desired: desired}
	return r, r.propose(in)
}

func TestChoices(t *testing.T) {
	for _, c := range []struct {
		why     string
		desired int
		in      ecsops.Intent
		change  func(*Operation)
		want    []Verb
	}{
		{"kept: both other ends", 3, ecsops.Intent{}, nil, []Verb{RetireReplace, RetireShrink}},
		{"replaced: shrink, or keep", 3, ecsops.Intent{Terminate: ecsops.Replace}, nil, []Verb{RetireShrink, RetireKeep}},
		{"shrunk: replace, or keep", 3, ecsops.Intent{Terminate: ecsops.Shrink}, nil, []Verb{RetireReplace, RetireKeep}},
		{"at its minimum AWS does not shrink", 1, ecsops.Intent{}, nil, []Verb{RetireReplace}},
		{"a force is decided on as it is", 3, ecsops.Intent{Force: true}, nil, nil},
		{"confirmed", 3, ecsops.Intent{}, func(op *Operation) { op.State = AwaitingApproval }, nil},
		{"to be reused", 3, ecsops.Intent{}, func(op *Operation) { op.Plan.Intent.Purpose = ecsops.Reuse }, nil},
		{"in no group", 3, ecsops.Intent{}, func(op *Operation) { op.Plan.Snapshot.Group = ecsops.Known(ecsops.Group{}) }, nil},
		{"the group could not be read", 3, ecsops.Intent{}, func(op *Operation) { op.Plan.Snapshot.Group = ecsops.Fact[ecsops.Group]{} }, nil},
		{"the group terminates it by itself", 3, ecsops.Intent{}, func(op *Operation) {
			op.Plan.Path, op.Plan.Steps = ecsops.PathGroup, []ecsops.Step{{Kind: ecsops.StepWait}}
		}, nil},
	} {
		_, op := inGroup(t, c.desired, c.in)
		if c.change != nil {
			c.change(&op)
		}
		if got := op.Choices(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
}

// TestChoiceIsANewRevision: the card's old buttons are dead, nobody has confirmed, and what
// is confirmed then is what was chosen.
func TestChoiceIsANewRevision(t *testing.T) {
	r, op := inGroup(t, 3, ecsops.Intent{})
	r.world.tasks = append(r.world.tasks, standalone("late"))
	wantAnswer(t, r.decide(op.ID, RetireShrink, ana, of(1)), Accepted)
	chosen, err := r.store.get(op.ID)
	if err != nil {
		t.Fatal(err)
	}
	if chosen.Revision != 2 || chosen.State != Proposed || chosen.Plan.Intent.Terminate != ecsops.Shrink || chosen.Confirmed != nil || chosen.Requester.UserID != olga.UserID {
		t.Fatalf("after the choice: %+v", chosen)
	}
	if !slices.ContainsFunc(chosen.Changes, func(c ecsops.Change) bool { return c.What == "standalone" }) ||
		slices.ContainsFunc(chosen.Changes, func(c ecsops.Change) bool { return c.What == "rule" && c.Name == "T7" }) {
		t.Errorf("shown as changed is what AWS changed, not what was chosen: %v", chosen.Changes)
	}
	wantCalls(t, r.world)
	wantAnswer(t, r.decide(op.ID, RetireReplace, olga, of(1)), Changed)
	wantAnswer(t, r.decide(op.ID, Confirm, olga, of(1)), Changed)
	wantAnswer(t, r.decide(op.ID, Confirm, olga, of(2), func(d *Decision) { d.Tasks = []string{standalone("late").ARN} }), Accepted)
	wantAnswer(t, r.decide(op.ID, RetireReplace, olga), TooLate)
	end := r.run(op.ID, nil)
	if end.State != Done && end.State != Unverified {
		t.Fatalf("ended %s", end.State)
	}
	if o := end.Order; o == nil || o.Action.Kind != ecsops.ActTerminateInGroup || !o.Action.Decrement {
		t.Errorf("the last order is %+v, not the group's termination with one less", end.Order)
	}
	checkStory(t, r.store, r.world, op.ID)
}

// TestChoiceNotPossible: what AWS would refuse is not shown as a plan, and the card stays.
func TestChoiceNotPossible(t *testing.T) {
	for _, c := range []struct {
		why     string
		desired int
		change  func(*world)
		verb    Verb
		kind    AnswerKind
		detail  string
	}{
		{"the group is at its minimum", 1, nil, RetireShrink, NotPossible, "at_minimum"},
		{"it came there since the card was drawn", 3, func(w *world) { w.group.Desired = 1 }, RetireShrink, NotPossible, "at_minimum"},
		{"it is in a warm pool now", 3, func(w *world) { w.group.Lifecycle = "Warmed:Stopped" }, RetireReplace, NotPossible, "warm_pool"},
		{"it has left its group", 3, func(w *world) { w.group = ecsops.Group{} }, RetireReplace, NotPossible, "no_group"},
		{"whose it is cannot be read", 3, func(w *world) { w.blank = []string{"group"} }, RetireReplace, NotPossible, "owner_unknown"},
		{"it is shown so already", 3, nil, RetireKeep, NotPossible, "no_choice"},
		{"nothing can be read", 3, func(w *world) { w.unreadable = "ThrottlingException" }, RetireReplace, Unreadable, "ecs:DescribeContainerInstances: ThrottlingException"},
	} {
		r, op := inGroup(t, c.desired, ecsops.Intent{})
		if c.change != nil {
			c.change(r.world)
		}
		a := r.decide(op.ID, c.verb, olga)
		if after, _ := r.store.get(op.ID); a.Kind != c.kind || a.Detail != c.detail || after.Revision != 1 || after.Plan.Intent.Terminate != ecsops.KeepRunning {
			t.Errorf("%s: %s %q, revision %d", c.why, a.Kind, a.Detail, after.Revision)
		}
	}
}
