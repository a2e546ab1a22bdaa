package workflow

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

// hour is what an operation may write in an hour of steady trouble.
const hour = 50

// Whatever AWS answers for hours, the log does not fill with it, and when it is over the
// operation goes on.
func TestHoursOfTroubleAreToldSeldom(t *testing.T) {
	no := func(kind ecsops.ActionKind, results ...ecsops.Outcome) func(*rig) {
		return func(r *rig) {
			n := 0
			r.world.rule = map[ecsops.ActionKind]answerer{kind: func(ecsops.Action) (ecsops.Outcome, bool) {
				n++
				return results[n%len(results)], false
			}}
		}
	}
	throttled, denied := ecsops.Outcome{Result: ecsops.Throttled, Code: "ThrottlingException"}, ecsops.Outcome{Result: ecsops.Refused, Code: "AccessDeniedException"}
	lost := ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "AnswerLost"}
	for name, begin := range map[string]func(*rig){
		"throttled":           no(ecsops.ActDeregister, throttled),
		"denied":              no(ecsops.ActDeregister, denied),
		"lost":                no(ecsops.ActDeregister, lost),
		"throttled or denied": no(ecsops.ActDeregister, throttled, denied),
		"reads": func(r *rig) {
			n := 0
			r.world.stuck = true // the drain lasts
			r.world.onLook = func(w *world) {
				n++
				w.unreadable = []string{"ThrottlingException", "AccessDeniedException", ""}[n%3]
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, replica("a"))
			op := r.confirmed(ecsops.Intent{Deadline: 24 * time.Hour})
			r.run(op.ID, drainOrdered)
			begin(r)
			for range 6 {
				before := len(r.store.of(op.ID))
				for end := r.clock.now.Add(time.Hour); r.clock.now.Before(end); {
					next, err := r.e.Step(t.Context(), op.ID)
					if err != nil {
						t.Fatal(err)
					}
					r.clock.now = r.clock.now.Add(max(next.Sub(r.clock.now), busyRetry))
				}
				if n := len(r.store.of(op.ID)) - before; n > hour {
					t.Errorf("%d events within an hour", n)
				}
			}
			r.world.rule, r.world.onLook, r.world.unreadable, r.world.stuck = nil, nil, "", false
			from := r.clock.now
			wantEnd(t, r.run(op.ID, nil), Done, "verified")
			if took := r.clock.now.Sub(from); took > slowest+5*time.Minute {
				t.Errorf("it took %s to end once all was well", took)
			}
		})
	}
}

// A pause that comes back is shown at once and told at most once an hour; a question is
// always told.
func TestPauseThatComesBack(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	d := newDraft(Operation{State: Draining}, now)
	count := func(k EventType) (n int) {
		for _, ev := range d.events {
			if ev.Type == k {
				n++
			}
		}
		return n
	}
	aws, denied := Block{Reason: BlockedAWS, Call: lookCall, Detail: "a"}, Block{Reason: BlockedCredentials, Call: lookCall, Detail: "b"}
	for range 30 {
		for _, b := range []Block{aws, denied} {
			d.block(b)
			if d.op.Block.Reason != b.Reason || !d.op.Block.Since.Equal(d.now) {
				t.Fatalf("shows %+v, want %+v", *d.op.Block, b)
			}
			d.now = d.now.Add(10 * time.Second)
		}
		d.over(lookCall)
		d.now = d.now.Add(10 * time.Second)
	}
	if b, u := count(EvBlocked), count(EvUnblocked); b != 2 || u != 1 {
		t.Errorf("%d times told that it waits, %d times that it goes on", b, u)
	}
	d.block(aws)
	if !d.op.Block.Untold {
		t.Error("told again")
	}
	d.now = now.Add(toldFor)
	d.block(aws)
	if d.op.Block.Untold || count(EvBlocked) != 3 {
		t.Errorf("what lasts is not told after an hour: %+v", *d.op.Block)
	}
	d.unblock()
	if count(EvUnblocked) != 2 {
		t.Error("nobody is told that it goes on")
	}
	for range 2 {
		d.op.Block = nil
		d.block(Block{Reason: BlockedDeadline, AskedUntil: d.now.Add(time.Minute)})
	}
	if count(EvBlocked) != 5 {
		t.Error("a question was not told")
	}
}

// Hours after the deregistration ECS tells nothing of the registration any more: what cannot be
// read of it is not waited for when the machine is not as it was.
func TestWhatIsGoneIsNotWaitedFor(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.rule = map[ecsops.ActionKind]answerer{ecsops.ActTerminateEC2: always(ecsops.Refused, "OperationNotPermitted", false)}
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Terminate})
	r.run(op.ID, asked(BlockedGroup))
	r.clock.now = r.clock.now.Add(90 * time.Minute)
	r.world.missing, r.world.blank, r.world.ec2 = true, []string{"tasks"}, "stopped"
	if held := r.step(op.ID); held.Block == nil || held.Block.Reason != BlockedDrift {
		t.Fatalf("waits for %+v", held.Block)
	}
	wantEnd(t, r.run(op.ID, nil), Unverified, "drift_silence")
}

// An agent that stays lost is asked about, also when reads fail now and then meanwhile.
func TestAgentLostBetweenOtherTroubles(t *testing.T) {
	r := newRig(t, replica("a"))
	member(r, "InService")
	r.world.managed = true
	op := r.confirmed(ecsops.Intent{Terminate: ecsops.Replace})
	n := 0
	r.run(op.ID, drainOrdered)
	r.world.onLook = func(w *world) {
		w.agent, w.unreadable, n = false, "", n+1
		if n%3 == 0 {
			w.unreadable = "ThrottlingException"
		}
	}
	from := r.clock.now
	held := r.run(op.ID, asked(BlockedDrift))
	if took := r.clock.now.Sub(from); took > agentPatience+5*time.Minute || held.State != Terminating {
		t.Errorf("asked in %s after %s", held.State, took)
	}
}
