package workflow

import (
	"testing"
	"time"

	"ecsbot/ecsops"
)

// TestSettleOrder: how an order without a known answer is closed, by looks alone.
func TestSettleOrder(t *testing.T) {
	const lost = "timeout"
	at := func(s *scene, ago time.Duration, r ecsops.Result, left int) {
		s.op.Order = &Order{N: 1, Owner: "me", Action: ecsops.Action{Kind: ecsops.ActDrain}, At: s.now.Add(-ago), LooksLeft: left}
		if r != "" {
			s.op.Order.Outcome = &ecsops.Outcome{Result: r, Code: lost, Message: "no answer", RequestID: "req", At: s.now.Add(-ago)}
		}
	}
	unknown := ecsops.Outcome{Result: ecsops.ResultUnknown, Code: lost, Message: "no answer", RequestID: "req"}
	for why, c := range map[string]struct {
		given  func(*scene)
		want   string
		open   ecsops.Outcome // At as given by atNow
		by     string
		left   int
		atNow  bool
		nobody bool // no outcome at all
	}{
		"its effect shows": {func(s *scene) { at(s, 0, ecsops.ResultUnknown, 3); s.r.world.status = "DRAINING" },
			"draining: goes on", ecsops.Outcome{Result: ecsops.OK}, "look", 3, true, false},
		"its effect shows, and nobody heard the answer": {func(s *scene) { at(s, 0, "", 0); s.r.world.status = "DRAINING" },
			"draining: goes on", ecsops.Outcome{Result: ecsops.OK}, "look", 0, true, false},
		"nobody heard the answer": {func(s *scene) { at(s, 0, "", 0) },
			"draining: looks in 5s", ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "AnswerLost"}, "restart", looksBeforeAbsent, true, false},
		"another process ordered it just now": {func(s *scene) { at(s, 44*time.Second, "", 0); s.op.Order.Owner = "other"; s.r.e.settings.Sole = false },
			"draining: looks in 1s", ecsops.Outcome{}, "", 0, false, true},
		"another process ordered it, and its call is over": {func(s *scene) { at(s, 45*time.Second, "", 0); s.op.Order.Owner = "other"; s.r.e.settings.Sole = false },
			"draining: looks in 5s", ecsops.Outcome{Result: ecsops.ResultUnknown, Code: "AnswerLost"}, "restart", looksBeforeAbsent, true, false},
		"another process ordered it, and nobody heard": {func(s *scene) {
			at(s, lookGap, ecsops.ResultUnknown, 3)
			s.op.Order.Owner = "other"
			s.r.e.settings.Sole = false
		},
			"draining: looks in 5s", unknown, "", 2, true, false},
		"a look too soon after the last does not count": {func(s *scene) { at(s, lookGap-1, ecsops.ResultUnknown, 3) },
			"draining: looks in 5s", unknown, "", 3, false, false},
		"one look has missed it": {func(s *scene) { at(s, lookGap, ecsops.ResultUnknown, 3) }, "draining: looks in 5s", unknown, "", 2, true, false},
		"the last look has missed it: it is called absent": {func(s *scene) { at(s, lookGap, ecsops.ResultUnknown, 1) },
			"draining: goes on", ecsops.Outcome{Result: ecsops.Refused, Code: notObserved}, "look", 1, true, false},
		"a look that cannot tell does not count": {func(s *scene) {
			at(s, lookGap, ecsops.ResultUnknown, 1)
			s.op.Order.Action.Kind, s.r.world.noTasks = ecsops.ActStopTask, "timed out"
		}, "draining: looks in 5s", unknown, "", 1, false, false},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Draining, nil, ecsops.Intent{})
			c.given(s)
			m := s.decide(t)
			if got := moveOf(s.op, m, s.now); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
			o := s.op.Order
			if op, _, ok := m.Changed(); ok {
				o = op.Order
			}
			if o.ClosedBy != c.by || o.LooksLeft != c.left || (o.Outcome == nil) != c.nobody {
				t.Fatalf("closed by %q, %d looks left, outcome %+v", o.ClosedBy, o.LooksLeft, o.Outcome)
			}
			if c.nobody {
				return
			}
			out := *o.Outcome
			if out.At.Equal(s.now) != c.atNow {
				t.Errorf("dated %s, now is %s", out.At, s.now)
			}
			if out.At = c.open.At; out != c.open {
				t.Errorf("outcome %+v", out)
			}
		})
	}
}

// TestBlockReason: what a person has to mend is told from what time mends.
func TestBlockReason(t *testing.T) {
	for _, code := range []string{"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ExpiredToken", "ExpiredTokenException",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "AuthFailure", "WrongAccount"} {
		if got := blockReason(code); got != BlockedCredentials {
			t.Errorf("%s: %s", code, got)
		}
	}
	for _, code := range []string{"", "ThrottlingException", "ServerException", "timed out", "ClientException"} {
		if got := blockReason(code); got != BlockedAWS {
			t.Errorf("%q: %s", code, got)
		}
	}
}

// TestNextLook: a drain may share AWS's budget with many; what comes after it may not wait so long.
func TestNextLook(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	for state, want := range map[State]time.Duration{
		Draining: 5 * time.Minute, StoppingTasks: 5 * time.Minute,
		Deregistering: time.Minute, Terminating: time.Minute, Verifying: time.Minute, Undoing: time.Minute,
	} {
		w := &step{draft: newDraft(Operation{State: state}, now), s: Settings{}.withDefaults(), seen: Seen{Pace: ecsops.Pace{Every: 5 * time.Minute}}}
		if got := w.next().Sub(now); got != want {
			t.Errorf("%s: in %s", state, got)
		}
	}
	if m := Decide(Operation{State: "painting"}, Seen{Look: &ecsops.Snapshot{Instance: ecsops.Known(ecsops.Instance{})}}, now, Settings{}.withDefaults(), "me"); !m.Next.Equal(now.Add(10 * time.Second)) {
		t.Errorf("a state of a newer version: at %s", m.Next)
	}
}

// TestUnreadIsSaidOnce: the same failure again changes nothing.
func TestUnreadIsSaidOnce(t *testing.T) {
	s := newScene(t, Draining, nil, ecsops.Intent{})
	s.r.world.unreadable = "timed out"
	op, _, ok := s.decide(t).Changed()
	if !ok || op.Progress.Unreadable == nil {
		t.Fatalf("not said: %+v", op.Block)
	}
	s.op = op
	if _, events, ok := s.decide(t).Changed(); ok {
		t.Errorf("said again: %+v", events)
	}
}
