package delivery

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// batched is a batch of three that ended, and its card; nothing is open yet.
func batched(t *testing.T) (*simStore, *simSlack, *Deliverer) {
	t.Helper()
	s, w := newStore(), newSlack(t)
	op := proposed(s)
	op.State, op.EndedAt = workflow.Done, s.clock.now
	for _, id := range []string{"m1", "m2", "m3"} {
		target := ecsops.Target{EC2: ecsops.EC2ID("i-" + id), Cluster: op.Target.Cluster}
		op.Rows = append(op.Rows, workflow.Row{Op: id, Target: target, State: workflow.RowDone, Now: workflow.Done})
		s.follow[id] = workflow.FollowUp{Op: id, Target: target, Began: s.clock.now, Machine: ecsops.Known(ecsops.EC2{State: "running"}),
			Watches: []workflow.Watch{{Concern: workflow.Machine}, {Concern: workflow.Return}}}
	}
	s.ops["op1"] = op
	d := newDeliverer(t, s, w)
	deliver(t, d)
	if len(w.messages) != 1 {
		t.Fatalf("%d messages before anything was open", len(w.messages))
	}
	return s, w, d
}

// costs is a member's reminder of its machine.
func costs(s *simStore, id string) {
	f := s.follow[id]
	f.Watches = []workflow.Watch{{Concern: workflow.Machine, Step: 1}, {Concern: workflow.Return}}
	f.Told++
	f.Notices = append(f.Notices[:len(f.Notices):len(f.Notices)], workflow.Notice{N: f.Told, At: s.clock.now, Type: workflow.EvReminded, Concerns: []workflow.Concern{workflow.Machine}, Machine: "running", After: time.Hour})
	s.follow[id] = f
}

func ends(s *simStore, id string) {
	f := s.follow[id]
	f.Machine = ecsops.Known(ecsops.EC2{State: "terminated"})
	s.follow[id] = f
}

// TestMembersShareOneMessage in the thread of their batch's card: posted with the first thing
// that is open, redrawn with each other one, and at the end.
func TestMembersShareOneMessage(t *testing.T) {
	s, w, d := batched(t)
	for _, id := range []string{"m1", "m2"} {
		costs(s, id)
		deliver(t, d)
		deliver(t, d)
	}
	if len(w.messages) != 2 || w.messages[1].thread != w.messages[0].ts || w.messages[1].updates != 1 {
		t.Fatalf("messages: %+v", w.messages)
	}
	m := w.messages[1]
	for _, want := range []string{"i-m1 still runs", "i-m2 still runs", "2 of 3 machines"} {
		if !strings.Contains(m.text, want) {
			t.Errorf("%q does not say %q", m.text, want)
		}
	}
	if strings.Contains(m.text, "i-m3") || !strings.Contains(m.blocks, "m2.-1.end_machine") {
		t.Errorf("text %q, blocks %s", m.text, m.blocks)
	}
	for _, id := range []string{"m1", "m2"} {
		if s.bound[id+"#-1"] != "C0OPS/"+m.ts {
			t.Errorf("the button of %s is bound to %q", id, s.bound[id+"#-1"])
		}
		ends(s, id)
	}
	deliver(t, d)
	if len(w.messages) != 2 || !strings.Contains(m.text, "Nothing is left") || strings.Contains(m.blocks, "end_machine") {
		t.Errorf("at the end: %d messages, %q", len(w.messages), m.text)
	}
}

// TestMembersMessageIsLostByNoFailure: whatever fails once, the message comes, once, and its
// buttons are bound to it.
func TestMembersMessageIsLostByNoFailure(t *testing.T) {
	for _, call := range []string{"BindNotice", "Tokens", "FollowUp", "AdvanceStream"} {
		for _, second := range []bool{false, true} {
			s, w, d := batched(t)
			costs(s, "m1")
			if second {
				deliver(t, d)
				costs(s, "m2")
			}
			failed := false
			s.fail = func(c string) error {
				if c == call && !failed {
					failed = true
					return errLost
				}
				return nil
			}
			for range 3 {
				_, _ = d.Deliver(t.Context(), cardStream) // the queue tries again
			}
			// Only the save right after the post can be lost with the message known to nobody.
			most := 2
			if call == "AdvanceStream" && !second {
				most = 3
			}
			last := w.messages[len(w.messages)-1]
			if !failed || len(w.messages) > most || !strings.Contains(last.text, "i-m1 still runs") || second && !strings.Contains(last.text, "i-m2 still runs") {
				t.Errorf("%s failed %v: %d messages, the last %q", call, failed, len(w.messages), last.text)
			}
			if s.bound["m1#-1"] != "C0OPS/"+last.ts {
				t.Errorf("%s failed: the button is bound to %q, the message is %s", call, s.bound["m1#-1"], last.ts)
			}
		}
	}
}

// A message that somebody deleted is posted anew.
func TestMembersMessageDeleted(t *testing.T) {
	s, w, d := batched(t)
	costs(s, "m1")
	deliver(t, d)
	w.messages[1].deleted = true
	costs(s, "m2")
	deliver(t, d)
	if len(w.messages) != 3 || !strings.Contains(w.messages[2].text, "i-m2 still runs") || s.bound["m1#-1"] != "C0OPS/"+w.messages[2].ts {
		t.Errorf("messages: %d, bound %q", len(w.messages), s.bound["m1#-1"])
	}
}
