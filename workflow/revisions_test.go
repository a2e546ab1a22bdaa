package workflow

import (
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

func asked(reason BlockReason) func(Operation) bool {
	return func(o Operation) bool { return o.Block != nil && o.Block.Reason == reason }
}

func drainOrdered(o Operation) bool { return !o.DrainedAt.IsZero() }

// force is a decision of someone who saw these orphans and typed the right id.
func force(orphans ...ecsops.Task) func(*Decision) {
	return func(d *Decision) {
		d.Typed = string(testTarget.EC2)
		for _, o := range orphans {
			d.Tasks = append(d.Tasks, o.ARN)
		}
	}
}

func of(revision int) func(*Decision) { return func(d *Decision) { d.Revision = revision } }

// drifted is an operation whose drain someone undid: a red revision 2 is shown.
func drifted(t *testing.T) (*rig, Operation) {
	t.Helper()
	r := newRig(t, standalone("batch"))
	op := r.propose(ecsops.Intent{})
	wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
	r.run(op.ID, drainOrdered)
	r.world.peersLost = true // R6: red, wants a second person
	r.world.status = "ACTIVE"
	held := r.run(op.ID, asked(BlockedDrift))
	if held.Proposal == nil || len(held.ProposalNeeds) == 0 {
		t.Fatalf("drift shows no revision that wants a second person: %+v", held.Block)
	}
	return r, held
}

// A yes to one revision must never count for another that took its place.
func TestApproveOfAReplacedRevision(t *testing.T) {
	t.Run("a force takes the place of a drift", func(t *testing.T) {
		r, held := drifted(t)
		wantAnswer(t, r.decide(held.ID, Confirm, olga, of(2)), Accepted) // waits for an approval
		wantAnswer(t, r.decide(held.ID, Force, olga, force(standalone("batch"))), Accepted)
		a := r.decide(held.ID, Approve, ana, of(2)) // the card that she sees shows the mild plan
		wantAnswer(t, a, Changed)
		wantCalls(t, r.world, ecsops.ActDrain)
		wantAnswer(t, r.decide(held.ID, Approve, ana, of(3)), Accepted)
	})
	t.Run("a drift takes the place of a force", func(t *testing.T) {
		r := newRig(t, standalone("batch"))
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.run(op.ID, drainOrdered)
		wantAnswer(t, r.decide(op.ID, Force, olga, force(standalone("batch"))), Accepted)
		r.world.peersLost, r.world.status = true, "ACTIVE"
		held := r.run(op.ID, asked(BlockedDrift))
		if held.Revision+1 != 3 {
			t.Errorf("the drift is shown as revision %d, want 3: 2 was the force", held.Revision+1)
		}
		wantAnswer(t, r.decide(op.ID, Confirm, olga, of(3)), Accepted)
		wantAnswer(t, r.decide(op.ID, Approve, ana, of(2)), Changed)
	})
}

// What runs keeps its approval when a later revision is dropped: the next step
// asks policy with it.
func TestDroppedRevisionLeavesTheRunningApproval(t *testing.T) {
	drop := map[string]func(r *rig, id string){
		"denied":    func(r *rig, id string) { wantAnswer(r.t, r.decide(id, Deny, ana), Accepted) },
		"cancelled": func(r *rig, id string) { wantAnswer(r.t, r.decide(id, Cancel, olga), Accepted) },
		"expired": func(r *rig, id string) {
			r.run(id, func(o Operation) bool { return o.Proposal == nil })
		},
		"changed at the click": func(r *rig, id string) {
			r.world.tasks = append(r.world.tasks, standalone("late"))
			wantAnswer(r.t, r.decide(id, Approve, ana, of(2)), Changed)
		},
	}
	for name, f := range drop {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, standalone("batch"))
			r.world.peersLost = true
			op := r.propose(ecsops.Intent{Deadline: 2 * time.Hour})
			wantAnswer(t, r.decide(op.ID, Confirm, olga), Accepted)
			wantAnswer(t, r.decide(op.ID, Approve, ana), Accepted)
			r.run(op.ID, drainOrdered)
			wantAnswer(t, r.decide(op.ID, Force, olga, force(standalone("batch"))), Accepted)
			f(r, op.ID)
			now, _ := r.store.get(op.ID)
			if len(now.Approvals) != 1 || now.Approvals[0].Revision != now.Revision || now.Confirmed == nil || now.Confirmed.Revision != now.Revision {
				t.Errorf("revision %d runs with %+v, confirmed %+v: its approval is lost", now.Revision, now.Approvals, now.Confirmed)
			}
			if name == "changed at the click" {
				return // it asks again
			}
			if a := r.decide(op.ID, Approve, otto, of(2)); a.Kind != TooLate || a.Detail != "dropped" {
				t.Errorf("a yes to the dropped revision is answered with %+v: others said it to another plan", a)
			}
		})
	}
}

func TestForceOfWhatCannotBeDone(t *testing.T) {
	t.Run("expired", func(t *testing.T) {
		r := newRig(t, standalone("batch"))
		op := r.propose(ecsops.Intent{})
		r.clock.now = op.ExpiresAt
		wantAnswer(t, r.decide(op.ID, Force, olga, force(standalone("batch"))), WasExpired)
		wantEnd(t, r.run(op.ID, nil), Expired, "expired")
	})
	t.Run("nothing to do", func(t *testing.T) {
		r := newRig(t, standalone("batch"))
		op := r.propose(ecsops.Intent{})
		r.decide(op.ID, Confirm, olga)
		r.run(op.ID, drainOrdered)
		r.world.missing = true // such a plan has no steps
		wantAnswer(t, r.decide(op.ID, Force, olga, force(standalone("batch"))), NotYours)
	})
	t.Run("unreadable", func(t *testing.T) {
		r := newRig(t, standalone("batch"))
		op := r.propose(ecsops.Intent{})
		r.world.unreadable = "ThrottlingException"
		a := r.decide(op.ID, Force, olga, force(standalone("batch")))
		if a.Kind == Accepted {
			t.Error("a force of what could not be read was accepted")
		}
	})
}

// Tasks that leave while a force waits for its approval are no change: the
// actual orphans are among the shown ones.
func TestForceIsApprovedWhileTheDrainGoesOn(t *testing.T) {
	r := newRig(t, replica("a"), standalone("batch"))
	r.world.drainTime = 5 * time.Minute
	op := r.propose(ecsops.Intent{})
	r.decide(op.ID, Confirm, olga)
	r.run(op.ID, drainOrdered)
	wantAnswer(t, r.decide(op.ID, Force, olga, force(replica("a"), standalone("batch"))), Accepted)
	r.run(op.ID, func(o Operation) bool { return o.Progress.Left == 1 })
	wantAnswer(t, r.decide(op.ID, Approve, ana, of(2)), Accepted)
	wantEnd(t, r.run(op.ID, nil), Done, "orphans_left")
	wantCalls(t, r.world, ecsops.ActDrain, ecsops.ActForceDeregister)
}

// Once ECS accepted the deregistration there is nothing left to force: the
// pending revision must not become the plan that is verified.
func TestForceIsTooLateAfterDeregistration(t *testing.T) {
	for _, at := range []string{"accepted", "seen"} {
		t.Run(at, func(t *testing.T) {
			r := newRig(t, replica("a"))
			r.world.drainTime = 2 * time.Minute
			r.world.slowGone, r.world.lags = at == "accepted", true
			op := r.propose(ecsops.Intent{})
			r.decide(op.ID, Confirm, olga)
			r.run(op.ID, drainOrdered)
			wantAnswer(t, r.decide(op.ID, Force, olga, force(replica("a"))), Accepted)
			r.run(op.ID, func(o Operation) bool {
				return deregisterAccepted(o) && (at == "accepted" || o.State == Verifying)
			})
			wantAnswer(t, r.decide(op.ID, Approve, ana, of(2)), TooLate)
			r.world.slowGone, r.world.lags = false, false
			wantEnd(t, r.run(op.ID, nil), Done, "verified")
		})
	}
}

func TestApprovalTable(t *testing.T) {
	other := Actor{UserID: "U0OTHER"}
	for name, c := range map[string]struct {
		why      string
		by       Actor
		revision int
		want     AnswerKind
	}{
		"requester":   {"two people means two", olga, 2, NotYours},
		"confirmer":   {"who confirmed cannot approve, requester or not", other, 2, NotYours},
		"nobody":      {"an actor without an id is everybody's suspect", Actor{Terminal: "root"}, 2, NotYours},
		"old":         {"the button of revision 1", ana, 1, Changed},
		"future":      {"no such revision was shown", ana, 3, TooLate},
		"second":      {"another person", ana, 2, Accepted},
		"unspecified": {"whatever is current", ana, 0, Accepted},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			op := r.propose(ecsops.Intent{})
			r.decide(op.ID, Force, other, force(replica("a")))
			a := r.decide(op.ID, Approve, c.by, of(c.revision))
			if a.Kind != c.want {
				t.Errorf("%s: %s, want %s", c.why, a.Kind, c.want)
			}
			if now, _ := r.store.get(op.ID); (len(now.Approvals) == 1) != (c.want == Accepted) {
				t.Errorf("%s: approvals %+v", c.why, now.Approvals)
			}
		})
	}
}

func TestVerdictThatRefusesDecidesNothing(t *testing.T) {
	for _, effect := range []policy.Effect{policy.Refuse, "", "maybe"} {
		for _, v := range []Verb{Confirm, Approve, Deny, Stop, Force, Cancel, Wait, "paint"} {
			r := newRig(t, replica("a"))
			op := r.propose(ecsops.Intent{})
			before, _ := r.store.get(op.ID)
			a := r.decide(op.ID, v, ana, force(replica("a")), func(d *Decision) { d.Verdict = policy.Verdict{Effect: effect} })
			after, _ := r.store.get(op.ID)
			if a.Kind != NotYours || after.Version != before.Version {
				t.Errorf("%s with verdict %q: %s, version %d", v, effect, a.Kind, after.Version)
			}
			if ev := r.store.of(op.ID); ev[len(ev)-1].Type != EvRefused {
				t.Errorf("%s with verdict %q left no record", v, effect)
			}
		}
	}
}
