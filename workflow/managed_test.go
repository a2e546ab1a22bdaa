package workflow

import (
	"testing"

	"ecsbot/ecsops"
)

func typedRight(d *Decision) { d.Typed = string(testTarget.EC2) }

// managedOp is a confirmed and approved end of an ECS Managed Instance.
func managedOp(t *testing.T, tasks ...ecsops.Task) (*rig, Operation) {
	t.Helper()
	r := newRig(t, tasks...)
	r.world.ecsOwns = true
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Mistyped)
	wantAnswer(t, r.decide(op.ID, Confirm, olga, typedRight), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, olga), NotYours)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	return r, op
}

// TestManagedInstance: drained, then ended by the one call that ends it, and nobody is
// reminded of a machine that is gone.
func TestManagedInstance(t *testing.T) {
	r, op := managedOp(t, replica("a"))
	end := r.run(op.ID, nil)
	wantEnd(t, end, Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActForceDeregister)
	if f, ok := newFollowUp(end); ok {
		t.Errorf("followed up: %+v", f.Watches)
	}
	checkStory(t, r.store, r.world, op.ID)
}

// TestManagedInstanceIsEmptyFirst: force=true asks ECS nothing, so the bot looks itself.
func TestManagedInstanceIsEmptyFirst(t *testing.T) {
	r, op := managedOp(t, replica("a"))
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActForceDeregister: always(ecsops.Throttled, "ThrottlingException", false)}
	r.run(op.ID, func(o Operation) bool {
		return o.Order != nil && o.Order.Action.Kind == ecsops.ActForceDeregister && o.Order.Outcome != nil
	})
	r.world.rule = nil
	r.world.tasks = append(r.world.tasks, standalone("late"))
	back := r.run(op.ID, func(o Operation) bool { return o.State != Deregistering })
	if back.State != Draining {
		t.Errorf("with a task there it is %s", back.State)
	}
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActForceDeregister)
}

// TestManagedDaemonsAreNotWaitedFor: they end with their machine, whether or not a drain stops
// them; a task of no service is waited for.
func TestManagedDaemonsAreNotWaitedFor(t *testing.T) {
	daemon := standalone("agent")
	daemon.Class = ecsops.ManagedDaemon
	r := newRig(t, replica("a"), daemon, standalone("job"))
	r.world.ecsOwns, r.world.daemons = true, map[string]ecsops.DaemonOf{daemon.ARN: {Name: "agent", Critical: true}}
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga, typedRight), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	held := r.run(op.ID, func(o Operation) bool { return o.Progress.Left == 2 && len(o.Progress.Holds) > 0 })
	for _, s := range held.Stoppable() {
		if s.ARN == daemon.ARN {
			t.Errorf("a managed daemon is offered for stopping: %v", held.Stoppable())
		}
	}
	for i := range r.world.tasks {
		if r.world.tasks[i].ARN == standalone("job").ARN {
			r.world.tasks[i].LastStatus, r.world.tasks[i].DesiredStatus = "STOPPED", "STOPPED"
		}
	}
	end := r.run(op.ID, nil)
	wantEnd(t, end, Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActForceDeregister)
	if len(end.Plan.Lost()) != 0 {
		t.Errorf("lost: %v", end.Plan.Lost())
	}
}

// TestManagedInstanceEndsByItself: ECS ends idle ones, which is no surprise and needs no order.
func TestManagedInstanceEndsByItself(t *testing.T) {
	r, op := managedOp(t, replica("a"))
	r.run(op.ID, drainOrdered)
	r.world.ec2 = "shutting-down"
	waits := r.run(op.ID, func(o Operation) bool { return o.State == Deregistering })
	for range 3 {
		if _, err := r.e.Step(t.Context(), op.ID); err != nil {
			t.Fatal(err)
		}
	}
	wantCalls(t, r.world, ecsops.ActDrain)
	if now, _ := r.store.get(op.ID); now.Proposal != nil || now.State != waits.State {
		t.Errorf("it is asked about: %s, %+v", now.State, now.Block)
	}
	r.world.status, r.world.ec2 = "INACTIVE", "terminated"
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	wantCalls(t, r.world, ecsops.ActDrain)
}

// TestManagedInstanceAtOnce: who forces it approves by name what is cut off.
func TestManagedInstanceAtOnce(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.ecsOwns = true
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Force, olga, force()), Changed)
	wantAnswer(t, r.decide(op.ID, Force, olga, force(replica("a"))), Accepted)
	wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
	end := r.run(op.ID, nil)
	wantCalls(t, r.world, ecsops.ActForceDeregister)
	if len(end.Plan.Orphans()) != 0 || len(end.Plan.Lost()) != 1 {
		t.Errorf("left behind %v, lost %v", end.Plan.Orphans(), end.Plan.Lost())
	}
}
