package delivery

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// noticed is an operation that ended after a force, with its first notice told.
func noticed(t *testing.T) (*simStore, *simSlack, *Deliverer) {
	t.Helper()
	s, w := newStore(), newSlack(t)
	op := proposed(s)
	op.State, op.EndedAt, op.StartedAt = workflow.Done, s.clock.now, s.clock.now
	s.ops["op1"] = op
	s.follow["op1"] = workflow.FollowUp{Op: "op1", Target: op.Target, Began: s.clock.now,
		Orphans: []ecsops.TaskRef{{ARN: "arn:task/0123456789abcdef", Name: "web:7", Class: ecsops.Replica, Network: "bridge"}},
		Watches: []workflow.Watch{{Concern: workflow.Orphans}}, Machine: ecsops.Known(ecsops.EC2{State: "running"})}
	d := newDeliverer(t, s, w)
	remind(s, 0)
	deliver(t, d)
	return s, w, d
}

// remind adds a reminder, as a follow-up's commit does.
func remind(s *simStore, after time.Duration) {
	f := s.follow["op1"]
	f.Told++
	f.Notices = append(f.Notices, workflow.Notice{N: f.Told, At: s.clock.now, Type: workflow.EvReminded, Concerns: []workflow.Concern{workflow.Orphans},
		Orphans: 1, Machine: "running", After: after})
	s.follow["op1"] = f
	commit(s, func(*workflow.Operation) {})
	s.clock.now = s.clock.now.Add(time.Minute)
}

func TestNoticesAreToldInTheCardsThread(t *testing.T) {
	s, w, d := noticed(t)
	if len(w.messages) != 2 || w.messages[1].thread != w.messages[0].ts || !strings.Contains(w.messages[1].text, "Orphan ledger opened") {
		t.Fatalf("messages: %+v", w.messages)
	}
	if got := s.bound["op1#-1"]; got != "C0OPS/"+w.messages[1].ts {
		t.Errorf("the notice's buttons are bound to %q", got)
	}
	if s.bound["op1"] != "" {
		t.Errorf("the card, which has no buttons, is bound to %q", s.bound["op1"])
	}
	for range 3 {
		deliver(t, d)
	}
	remind(s, time.Hour)
	deliver(t, d)
	deliver(t, d)
	if len(w.messages) != 3 || !strings.Contains(w.messages[2].text, "1 h ago") {
		t.Errorf("told twice or not at all: %d messages", len(w.messages))
	}
}

// TestNoticeIsToldOnceByTwoReplicas, and by one that starts anew.
func TestNoticeIsToldOnceByTwoReplicas(t *testing.T) {
	s, w, _ := noticed(t)
	a, b := newDeliverer(t, s, w), newDeliverer(t, s, w)
	remind(s, time.Hour)
	s.held[cardStream] = true
	deliver(t, b) // the other one holds the lease
	s.held[cardStream] = false
	deliver(t, a)
	deliver(t, b)
	if len(w.messages) != 3 {
		t.Errorf("%d messages, want card and two notices", len(w.messages))
	}
}

func TestNoticeIsLostByNoFailure(t *testing.T) {
	for _, call := range []string{"BindNotice", "Tokens", "FollowUp", "AdvanceStream"} {
		s, w, d := noticed(t)
		remind(s, time.Hour)
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
		last := w.messages[len(w.messages)-1]
		if !failed || !strings.Contains(last.text, "1 h ago") {
			t.Errorf("%s failed %v: the last message is %q", call, failed, last.text)
		}
	}
}

func TestOnlyTheNewestReminderAfterAnOutage(t *testing.T) {
	s, w, d := noticed(t)
	w.fault = func(method, _ string) (before, after error) { return errLost, nil }
	for _, after := range []time.Duration{time.Hour, 24 * time.Hour, 48 * time.Hour} {
		remind(s, after)
		deliver(t, d)
	}
	w.fault = func(string, string) (before, after error) { return nil, nil }
	s.clock.now = s.clock.now.Add(time.Hour)
	deliver(t, d)
	if len(w.messages) != 3 || !strings.Contains(w.messages[2].text, "2 d ago") {
		t.Errorf("after the outage: %d messages, the last %q", len(w.messages), w.messages[len(w.messages)-1].text)
	}
}

func TestNoticesLoseTheirButtons(t *testing.T) {
	s, w, d := noticed(t)
	if !strings.Contains(w.messages[1].blocks, "op1.-1.sign_off") || !strings.Contains(w.messages[1].blocks, "op1.-1.end_machine") {
		t.Fatalf("buttons: %s", w.messages[1].blocks)
	}
	f := s.follow["op1"]
	f.Watches[0].Ended = workflow.EndedSignedOff
	s.follow["op1"] = f
	commit(s, func(*workflow.Operation) {})
	deliver(t, d)
	if b := w.messages[1].blocks; strings.Contains(b, "sign_off") || !strings.Contains(b, "end_machine") {
		t.Errorf("after the sign-off: %s", b)
	}
	f.Machine = ecsops.Known(ecsops.EC2{State: "terminated"})
	s.follow["op1"] = f
	commit(s, func(*workflow.Operation) {})
	s.clock.now = s.clock.now.Add(time.Minute)
	deliver(t, d)
	if b := w.messages[1].blocks; strings.Contains(b, "end_machine") {
		t.Errorf("after the machine is gone: %s", b)
	}
}
