package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// TestApplyAnswers: what a click is answered, by where its operation stands.
func TestApplyAnswers(t *testing.T) {
	byOlga := func(s *scene) { s.op.Confirmed = &Approval{Actor: olga, Revision: 1, Digest: s.op.Plan.Digest} }
	twoPeople := func(s *scene) {
		s.op.State = AwaitingApproval
		byOlga(s)
		s.op.Needs = []policy.Requirement{policy.SecondPerson}
	}
	proposed := func(s *scene) {
		s.op.State, s.op.Orders, s.op.DrainedAt, s.op.StartedAt, s.op.WasStatus = Proposed, 0, zeroTime, zeroTime, ""
		s.op.Requester, s.op.ExpiresAt = olga, s.now.Add(time.Minute)
	}
	undecided := func(s *scene) { proposed(s); twoPeople(s) }
	for why, c := range map[string]struct {
		state State
		given func(*scene)
		dec   Decision
		want  AnswerKind
		by    string // "" = not looked at
		after State
	}{
		"a second yes to what runs":                         {Draining, byOlga, Decision{Verb: Confirm, Actor: ana}, AlreadyDone, olga.UserID, Draining},
		"a second yes before the approval":                  {Draining, undecided, Decision{Verb: Confirm, Actor: ana}, AlreadyDone, olga.UserID, AwaitingApproval},
		"an approval of what runs":                          {Draining, byOlga, Decision{Verb: Approve, Actor: ana}, AlreadyDone, olga.UserID, Draining},
		"an approval that nobody asked for":                 {Draining, proposed, Decision{Verb: Approve, Actor: ana}, TooLate, "", Proposed},
		"an approval before the confirm":                    {Draining, func(s *scene) { undecided(s); s.op.Confirmed = nil }, Decision{Verb: Approve, Actor: ana}, TooLate, "", AwaitingApproval},
		"an approval by who confirmed":                      {Draining, func(s *scene) { undecided(s); s.op.Requester = ana }, Decision{Verb: Approve, Actor: olga}, NotYours, "", AwaitingApproval},
		"an approval by who asked":                          {Draining, func(s *scene) { undecided(s); s.op.Confirmed.Actor = ana }, Decision{Verb: Approve, Actor: olga}, NotYours, "", AwaitingApproval},
		"an approval of a plan that was not read again":     {Draining, undecided, Decision{Verb: Approve, Actor: ana}, Unreadable, "", AwaitingApproval},
		"an approval of a later revision":                   {Draining, undecided, Decision{Verb: Approve, Actor: ana, Revision: 2}, TooLate, "", AwaitingApproval},
		"an approval of an earlier revision":                {Draining, func(s *scene) { undecided(s); s.op.Revision = 2 }, Decision{Verb: Approve, Actor: ana, Revision: 1}, Changed, "", AwaitingApproval},
		"a confirm of a plan that was not read again":       {Draining, proposed, Decision{Verb: Confirm, Actor: olga}, Unreadable, "", Proposed},
		"a no to what needs no second person":               {Draining, proposed, Decision{Verb: Deny, Actor: ana}, TooLate, "", Proposed},
		"a no to what runs":                                 {Draining, byOlga, Decision{Verb: Deny, Actor: ana}, TooLate, "", Draining},
		"a no in time":                                      {Draining, undecided, Decision{Verb: Deny, Actor: ana}, Accepted, ana.UserID, RefusedOp},
		"cancelled before it began":                         {Draining, undecided, Decision{Verb: Cancel, Actor: ana}, Accepted, ana.UserID, Stopped},
		"cancelled too late":                                {Draining, byOlga, Decision{Verb: Cancel, Actor: ana}, TooLate, "", Draining},
		"stopped where the end of the machine was accepted": {Terminating, func(s *scene) { s.deregistered(time.Minute); s.told(ecsops.ActTerminateEC2, ecsops.OK, "", 1) }, Decision{Verb: Stop, Actor: ana}, TooLate, "", Terminating},
		"stopped where its end has no answer yet": {Terminating, func(s *scene) {
			s.deregistered(time.Minute)
			s.told(ecsops.ActTerminateEC2, ecsops.OK, "", 1)
			s.op.Order.Outcome = nil
		}, Decision{Verb: Stop, Actor: ana}, TooLate, "", Terminating},
		"stopped before its end":                        {Terminating, func(s *scene) { s.deregistered(time.Minute) }, Decision{Verb: Stop, Actor: ana}, Accepted, ana.UserID, Verifying},
		"stopped where the deregistration was refused":  {Deregistering, func(s *scene) { s.told(ecsops.ActDeregister, ecsops.Refused, "ClientException", 1) }, Decision{Verb: Stop, Actor: ana}, Accepted, ana.UserID, Undoing},
		"stopped where the deregistration was accepted": {Deregistering, func(s *scene) { s.told(ecsops.ActDeregister, ecsops.OK, "", 1) }, Decision{Verb: Stop, Actor: ana}, TooLate, "", Deregistering},
		"a force where the deregistration was accepted": {Deregistering, func(s *scene) { s.told(ecsops.ActDeregister, ecsops.OK, "", 1) }, Decision{Verb: Force, Actor: olga, Typed: string(testTarget.EC2)}, TooLate, "", Deregistering},
		"a force that was not read again":               {Draining, byOlga, Decision{Verb: Force, Actor: olga, Typed: string(testTarget.EC2)}, Unreadable, "", Draining},
		"a force that waits for its approval": {Draining, func(s *scene) {
			byOlga(s)
			byForce(s)
			p := s.op.Plan
			s.op.Proposal, s.op.ProposalExpires, s.op.ProposalConfirmed = &p, s.now.Add(time.Minute), &Approval{Actor: olga, Revision: 2}
		}, Decision{Verb: Force, Actor: ana, Typed: string(testTarget.EC2)}, AlreadyDone, olga.UserID, Draining},
		"what policy does not allow": {Draining, byOlga, Decision{Verb: Stop, Actor: ana, Verdict: policy.Verdict{Effect: policy.Refuse}}, NotYours, "", Draining},
		"a verb of a newer version":  {Draining, byOlga, Decision{Verb: "paint", Actor: ana}, NotYours, "", Draining},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, c.state, nil, ecsops.Intent{})
			c.given(s)
			if c.dec.Verdict.Effect == "" {
				c.dec.Verdict.Effect = policy.Allow
			}
			c.dec.Channel = "C0OPS"
			d := newDraft(s.op, s.now)
			a := apply(d, c.dec, nil, s.r.e.settings)
			if a.Kind != c.want || d.op.State != c.after {
				t.Errorf("%s (%s), %s", a.Kind, a.Detail, d.op.State)
			}
			by := a.By.UserID
			if a.Kind == Accepted {
				by = d.op.StopBy.UserID
			}
			if c.by != "" && by != c.by {
				t.Errorf("by %q", by)
			}
			for _, ev := range d.events {
				if (ev.Type == EvDenied || ev.Type == EvCancelled || ev.Type == EvStopAsked) && (ev.Actor != c.dec.Actor || ev.Channel != "C0OPS") {
					t.Errorf("recorded %+v", ev)
				}
			}
			if a.Kind != Accepted && len(d.events) > 0 {
				t.Errorf("decided nothing, and recorded %+v", d.events)
			}
		})
	}
}

// TestRestart: a revision that was decided on takes the running plan's place, with its yes and its needs.
func TestRestart(t *testing.T) {
	for why, c := range map[string]struct {
		status  string
		readAgo time.Duration // before the drain
		drained bool
	}{
		"somebody made it ACTIVE: it is drained again": {"ACTIVE", -time.Minute, false},
		"it was read ACTIVE before our drain":          {"ACTIVE", time.Minute, true},
		"it drains on":                                 {"DRAINING", -time.Minute, true},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Draining, nil, ecsops.Intent{})
			s.r.world.status = c.status
			fresh, _ := s.r.world.Inspect(t.Context(), testTarget)
			fresh.ReadAt = s.op.DrainedAt.Add(-c.readAgo)
			p := ecsops.NewPlan(fresh, ecsops.Intent{Purpose: ecsops.Retire})
			s.op.Proposal, s.op.ProposalConfirmed = &p, &Approval{Actor: ana, Revision: 2, Digest: p.Digest}
			s.op.Confirmed, s.op.Needs = &Approval{Actor: olga, Revision: 1}, []policy.Requirement{policy.TypedID}
			s.op.ProposalNeeds = []policy.Requirement{policy.SecondPerson}
			started := s.op.StartedAt
			d := newDraft(s.op, s.now)
			begin(d, nil)
			if d.op.DrainedAt.IsZero() == c.drained {
				t.Errorf("drained at %s", d.op.DrainedAt)
			}
			if d.op.Proposal != nil || d.op.ProposalConfirmed != nil || d.op.ProposalNeeds != nil || d.op.Revision != 2 || d.op.Plan.Digest != p.Digest {
				t.Errorf("runs revision %d, still shows %v", d.op.Revision, d.op.Proposal != nil)
			}
			if d.op.Confirmed.Actor != ana || !slices.Equal(d.op.Needs, []policy.Requirement{policy.SecondPerson}) {
				t.Errorf("confirmed by %s, needs %v", d.op.Confirmed.Actor.UserID, d.op.Needs)
			}
			if !d.op.StartedAt.Equal(started) {
				t.Errorf("it began at %s, not at %s", started, d.op.StartedAt)
			}
		})
	}
}

// TestDecisionsAreOnRecord: each decision says who took it, where, and on what.
func TestDecisionsAreOnRecord(t *testing.T) {
	batch := standalone("batch")
	proposed := func(s *scene) {
		s.op.State, s.op.Orders, s.op.DrainedAt, s.op.StartedAt, s.op.WasStatus = Proposed, 0, zeroTime, zeroTime, ""
		s.op.Requester, s.op.ExpiresAt = olga, s.now.Add(time.Minute)
	}
	shown := func(s *scene) {
		p := s.op.Plan
		s.op.Proposal, s.op.ProposalExpires = &p, s.now.Add(time.Minute)
	}
	for why, c := range map[string]struct {
		given    func(*scene)
		dec      Decision
		event    EventType
		revision int
		state    State
	}{
		"a confirm": {proposed, Decision{Verb: Confirm, Actor: ana}, EvConfirmed, 1, Draining},
		"a confirm that ticks a task": {func(s *scene) { proposed(s) }, Decision{Verb: Confirm, Actor: ana, Tasks: []string{batch.ARN}},
			EvConfirmed, 1, Draining},
		"a confirm of a shown revision": {shown, Decision{Verb: Confirm, Actor: ana}, EvConfirmed, 2, Draining},
		"an approval": {func(s *scene) {
			proposed(s)
			s.op.State, s.op.Needs = AwaitingApproval, []policy.Requirement{policy.SecondPerson}
			s.op.Confirmed = &Approval{Actor: olga, Revision: 1, Digest: s.op.Plan.Digest}
		}, Decision{Verb: Approve, Actor: ana}, EvApproved, 1, Draining},
		"a cancel of a shown revision": {shown, Decision{Verb: Cancel, Actor: ana}, EvCancelled, 2, Draining},
		"more time": {func(s *scene) {
			s.op.Deadline = s.now
			s.op.Block = &Block{Reason: BlockedDeadline, AskedUntil: s.now.Add(time.Minute)}
		}, Decision{Verb: Wait, Actor: ana}, EvWaitLonger, 1, Draining},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Draining, func(r *rig) { r.world.tasks = []ecsops.Task{replica("a"), batch} }, ecsops.Intent{})
			c.given(s)
			now, _ := s.r.world.Inspect(t.Context(), testTarget)
			fresh := ecsops.NewPlan(now, s.op.Plan.Intent)
			c.dec.Verdict.Effect, c.dec.Channel = policy.Allow, "C0OPS"
			d := newDraft(s.op, s.now)
			if a := apply(d, c.dec, &fresh, s.r.e.settings); a.Kind != Accepted || d.op.State != c.state {
				t.Fatalf("%s %v (%s), %s", a.Kind, a.Reasons, a.Detail, d.op.State)
			}
			i := slices.IndexFunc(d.events, func(ev Event) bool { return ev.Type == c.event })
			if i < 0 {
				t.Fatalf("not recorded: %+v", d.events)
			}
			ev := d.events[i]
			if ev.Actor != ana || ev.Channel != "C0OPS" || ev.Revision != c.revision {
				t.Errorf("recorded %+v", ev)
			}
			if c.event != EvConfirmed {
				return
			}
			if d.op.Proposal != nil || d.op.Confirmed == nil || d.op.Confirmed.Actor != ana || d.op.Confirmed.Digest != d.op.Plan.Digest || ev.Digest != d.op.Plan.Digest {
				t.Errorf("confirmed %+v, runs %s, recorded %s", d.op.Confirmed, d.op.Plan.Digest, ev.Digest)
			}
			if !slices.Equal(d.op.Plan.Intent.StopTasks, c.dec.Tasks) || d.op.Plan.Has(ecsops.StepStopTasks) != (len(c.dec.Tasks) > 0) {
				t.Errorf("stops %v, steps %v", d.op.Plan.Intent.StopTasks, d.op.Plan.Steps)
			}
		})
	}
}
