package delivery

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

const cardStream = workflow.CardStreamPrefix + "op1"

func proposed(s *simStore) workflow.Operation {
	return workflow.Operation{
		ID: "op1", Version: 1, State: workflow.Proposed, Revision: 1,
		Plan:      ecsops.Plan{Path: ecsops.PathDrain, Steps: []ecsops.Step{{Kind: ecsops.StepDrain}}},
		Target:    ecsops.Target{EC2: "i-0123456789abcdef0", Cluster: ecsops.MakeClusterARN("111122223333", "eu-central-1", "prod")},
		Requester: workflow.Actor{UserID: "U0OPERATOR"}, Origin: workflow.Origin{Channel: "C0OPS"},
		CreatedAt: s.clock.now, ExpiresAt: s.clock.now.Add(15 * time.Minute),
	}
}

// deliver delivers the card once and fails on an error of the store.
func deliver(t *testing.T, d *Deliverer) time.Time {
	t.Helper()
	next, err := d.Deliver(t.Context(), cardStream)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// change commits another version of the operation.
func commit(s *simStore, f func(*workflow.Operation)) {
	op := s.ops["op1"]
	op.Version++
	f(&op)
	s.ops["op1"] = op
}

func TestCardIsPostedThenUpdated(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	d := newDeliverer(t, s, w)
	deliver(t, d)
	if len(w.messages) != 1 || w.messages[0].channel != "C0OPS" {
		t.Fatalf("messages %+v, want one card in C0OPS", w.messages)
	}
	if !strings.Contains(w.messages[0].blocks, "op1.1.confirm") {
		t.Errorf("the card has no confirm button with its token: %s", w.messages[0].blocks)
	}
	if s.bound["op1"] != "C0OPS/1.000000" {
		t.Errorf("tokens are bound to %q", s.bound["op1"])
	}
	deliver(t, d)
	if w.messages[0].updates != 0 {
		t.Error("an unchanged card was drawn again")
	}
	commit(s, func(op *workflow.Operation) { op.State = workflow.Draining })
	deliver(t, d)
	if len(w.messages) != 1 || w.messages[0].updates != 1 || strings.Contains(w.messages[0].blocks, "op1.1.confirm") {
		t.Errorf("after confirm: %d messages, %d updates; the confirm button must be gone: %s", len(w.messages), w.messages[0].updates, w.messages[0].blocks)
	}
}

func TestProgressWaitsAndStateDoesNot(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	d := newDeliverer(t, s, w)
	deliver(t, d)
	commit(s, func(op *workflow.Operation) { op.State = workflow.Draining })
	deliver(t, d)
	commit(s, func(op *workflow.Operation) { op.Progress.Left = 7; op.Progress.Total = 9 })
	next := deliver(t, d)
	if want := s.clock.now.Add(redrawEvery); !next.Equal(want) || w.messages[0].updates != 1 {
		t.Errorf("progress was drawn at once (%d updates) or not planned: next %v, want %v", w.messages[0].updates, next, want)
	}
	commit(s, func(op *workflow.Operation) { op.State = workflow.Deregistering })
	if deliver(t, d); w.messages[0].updates != 2 {
		t.Error("a change of state waited behind progress")
	}
	if s.streams[cardStream].Seq != s.ops["op1"].Version {
		t.Errorf("drawn version %d, want %d", s.streams[cardStream].Seq, s.ops["op1"].Version)
	}
}

func TestCardThatCannotBeChangedIsPostedAgain(t *testing.T) {
	for _, answer := range []string{"message_not_found", "cant_update_message", "edit_window_closed"} {
		t.Run(answer, func(t *testing.T) {
			s, w := newStore(), newSlack(t)
			s.ops["op1"] = proposed(s)
			d := newDeliverer(t, s, w)
			deliver(t, d)
			w.fault = func(method, _ string) (error, error) {
				if method == "chat.update" {
					return code(answer), nil
				}
				return nil, nil
			}
			commit(s, func(op *workflow.Operation) { op.State = workflow.Draining })
			deliver(t, d)
			if len(w.messages) != 2 || !strings.Contains(w.messages[1].text, "earlier message") {
				t.Fatalf("messages %+v, want a second card with a back-reference", w.messages)
			}
			if s.bound["op1"] != "C0OPS/2.000000" {
				t.Errorf("tokens are bound to %q, want the new card", s.bound["op1"])
			}
		})
	}
}

func TestCardGoesToTheRequesterWhereTheBotIsNoMember(t *testing.T) {
	for _, answer := range []string{"not_in_channel", "channel_not_found", "is_archived"} {
		t.Run(answer, func(t *testing.T) {
			s, w := newStore(), newSlack(t)
			s.ops["op1"] = proposed(s)
			w.fault = func(_, channel string) (error, error) {
				if channel == "C0OPS" {
					return code(answer), nil
				}
				return nil, nil
			}
			d := newDeliverer(t, s, w)
			deliver(t, d)
			if len(w.messages) != 2 || w.messages[0].channel != "D0OPERATOR" || w.messages[1].thread != w.messages[0].ts {
				t.Fatalf("messages %+v, want the card and the invitation hint in a direct message", w.messages)
			}
			commit(s, func(op *workflow.Operation) { op.State = workflow.Done })
			deliver(t, d)
			if len(w.messages) != 2 || w.messages[0].updates != 1 {
				t.Errorf("the end was not drawn in the direct message: %+v", w.messages)
			}
		})
	}
}

// The channel is archived in mid-drain: the requester is told the rest directly.
func TestChannelLostLater(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	d := newDeliverer(t, s, w)
	deliver(t, d)
	w.fault = func(_, channel string) (error, error) {
		if channel == "C0OPS" {
			return code("is_archived"), nil
		}
		return nil, nil
	}
	commit(s, func(op *workflow.Operation) { op.State = workflow.Done })
	deliver(t, d)
	if last := w.messages[1]; last.channel != "D0OPERATOR" || !strings.Contains(last.text, "i-0123456789abcdef0") {
		t.Errorf("the result went to %+v", last)
	}
}

func TestCardThatReachesNobodyHoldsNothingUp(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	w.fault = func(method, _ string) (error, error) {
		if method == "conversations.open" {
			return code("user_disabled"), nil
		}
		return code("channel_not_found"), nil
	}
	d := newDeliverer(t, s, w)
	if next := deliver(t, d); !next.IsZero() {
		t.Errorf("next = %v, want to wait for the next version", next)
	}
	w.fault = func(string, string) (error, error) { return nil, nil }
	commit(s, func(op *workflow.Operation) { op.State = workflow.Done })
	if deliver(t, d); len(w.messages) != 1 {
		t.Errorf("the next version was not shown: %+v", w.messages)
	}
}

func TestOperationFromATerminalHasNoCard(t *testing.T) {
	s, w := newStore(), newSlack(t)
	op := proposed(s)
	op.Requester, op.Origin = workflow.Actor{Terminal: "root"}, workflow.Origin{}
	s.ops["op1"] = op
	if next := deliver(t, newDeliverer(t, s, w)); !next.IsZero() || len(w.messages) != 0 {
		t.Errorf("next %v, messages %+v", next, w.messages)
	}
}

func TestApproversAreAskedOnceForEachRevision(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	d := newDeliverer(t, s, w)
	deliver(t, d)
	asked := func() (n int) {
		for _, m := range w.messages {
			if m.thread == "1.000000" {
				n++
			}
		}
		return n
	}
	commit(s, func(op *workflow.Operation) { op.State = workflow.AwaitingApproval })
	deliver(t, d)
	commit(s, func(op *workflow.Operation) { op.Progress.Left = 1 })
	s.clock.now = s.clock.now.Add(redrawEvery)
	deliver(t, d)
	if asked() != 1 {
		t.Errorf("asked %d times for one revision", asked())
	}
	commit(s, func(op *workflow.Operation) { op.Revision = 2 })
	if deliver(t, d); asked() != 2 {
		t.Errorf("asked %d times for two revisions", asked())
	}
}

// The process dies between Slack's yes and our note: another card appears, and the buttons work on that one.
func TestPostedAndNotNoted(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = proposed(s)
	s.fail = func(call string) error {
		if call == "AdvanceStream" {
			return errors.New("disk full")
		}
		return nil
	}
	d := newDeliverer(t, s, w)
	if _, err := d.Deliver(t.Context(), cardStream); err == nil {
		t.Fatal("a failing store went unnoticed")
	}
	s.fail = func(string) error { return nil }
	deliver(t, newDeliverer(t, s, w))
	if len(w.messages) != 2 || s.bound["op1"] != "C0OPS/2.000000" {
		t.Errorf("%d messages, tokens bound to %q; want a second card with the buttons", len(w.messages), s.bound["op1"])
	}
}

// All cards share the budget of updates: when it runs low, progress waits and changes of state still go.
func TestBudgetLeavesRoomForStateChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		spent := 0
		for p.take(t.Context(), "chat.update", p.updates, progress) == nil {
			spent++
		}
		if want := updateBurst - reserved + 1; spent > want {
			t.Errorf("progress took %d turns, want at most %d", spent, want)
		}
		if err := p.take(t.Context(), "chat.update", p.updates, change); err != nil {
			t.Errorf("a change of state found no turn: %v", err)
		}
		start, n := time.Now(), 0
		for time.Since(start) < time.Minute {
			err := p.take(t.Context(), "chat.update", p.updates, change)
			if e, ok := errors.AsType[*slackError](err); ok {
				time.Sleep(e.wait) // virtual
				continue
			}
			n++
		}
		if n > 50+updateBurst || n < 40 {
			t.Errorf("%d updates in a minute, want about 50", n)
		}
	})
}

func TestSlackAnswers(t *testing.T) {
	d := newDeliverer(t, newStore(), newSlack(t))
	for _, tt := range []struct {
		err  error
		want kind
	}{
		{errLost, retry}, {code("fatal_error"), retry}, {code("ratelimited"), tooSoon}, {&slack.RateLimitedError{}, tooSoon},
		{code("is_archived"), unreachable}, {code("message_not_found"), gone}, {code("msg_too_long"), content}, {code("invalid_auth"), rejected},
		{slack.StatusCodeError{Code: 502}, retry},
	} {
		if err := d.classify("m", tt.err); !is(err, tt.want) {
			t.Errorf("classify(%v) = %v, want %s", tt.err, err, tt.want)
		}
	}
}

// Stop must work as long as anything runs; a decision's button ends with its offer.
func TestButtonsEndWithTheirOffer(t *testing.T) {
	s, w := newStore(), newSlack(t)
	op := proposed(s)
	op.State, op.Proposal, op.ProposalExpires = workflow.Draining, &ecsops.Plan{Path: ecsops.PathDrain, Steps: []ecsops.Step{{Kind: ecsops.StepDrain}}}, s.clock.now.Add(5*time.Minute)
	s.ops["op1"] = op
	deliver(t, newDeliverer(t, s, w))
	if got, want := s.expires["op1.2.confirm"], op.ProposalExpires; !got.Equal(want) {
		t.Errorf("confirm ends %v, want %v", got, want)
	}
	if got, least := s.expires["op1.2.stop"], s.clock.now.Add(7*24*time.Hour); got.Before(least) {
		t.Errorf("stop ends %v, want after %v", got, least)
	}
}
