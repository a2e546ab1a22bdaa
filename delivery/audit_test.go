package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"pgregory.net/rapid"

	"ecsbot/workflow"
)

// settle calls Deliver until it says that nothing is left, and moves the clock on as it asks.
func settle(t testing.TB, d *Deliverer, s *simStore, stream string, most int) {
	for range most {
		next, err := d.Deliver(t.Context(), stream)
		if err == nil && next.IsZero() {
			return
		}
		if next.After(s.clock.now) {
			s.clock.now = next
		}
		d.freeChannel("C0AUDIT")
	}
	t.Fatalf("stream %s did not settle in %d calls; health %+v", stream, most, d.Health())
}

// shown lists the sequence numbers in the audit channel in the order of their messages, checkpoints and roots left out.
func shown(w *simSlack) []int64 {
	var seqs []int64
	for _, m := range w.messages {
		if m.channel != "C0AUDIT" || strings.Contains(m.text, "checkpoint") {
			continue
		}
		for _, f := range seqPattern.FindAllStringSubmatch(m.text, -1) {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				panic(err)
			}
			seqs = append(seqs, n)
		}
	}
	return seqs
}

// complete checks the promise: every number at least once, first appearances in order.
func complete(seqs []int64, total int) error {
	want := int64(0)
	for i, n := range seqs {
		switch {
		case n == want:
			want++
		case n > want:
			return fmt.Errorf("number %d came before %d (position %d of %v)", n, want, i, seqs)
		}
	}
	if want != int64(total) {
		return fmt.Errorf("%d of %d numbers were posted: %v", want, total, seqs)
	}
	return nil
}

func TestAuditInThreads(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = workflow.Operation{ID: "op1", State: workflow.Draining}
	s.ops["op2"] = workflow.Operation{ID: "op2", State: workflow.Draining}
	s.add("", "service_start")
	for _, op := range []string{"op1", "op1", "op2", "op1"} {
		s.add(op, "state")
	}
	d := newDeliverer(t, s, w)
	if next, err := d.Deliver(t.Context(), workflow.AuditStream); err != nil || !next.Equal(s.clock.now.Add(checkpointTime)) {
		t.Fatalf("Deliver = %v, %v; want the time of the checkpoint", next, err)
	}
	if err := complete(shown(w), 5); err != nil {
		t.Error(err)
	}
	var threads []string
	for _, m := range w.messages {
		threads = append(threads, m.ts+"<"+m.thread)
	}
	// start; root of op1 and its run of two; root of op2 and its entry; op1 again
	want := []string{"1.000000<", "2.000000<", "3.000000<2.000000", "4.000000<", "5.000000<4.000000", "6.000000<2.000000"}
	if !slices.Equal(threads, want) {
		t.Errorf("messages and threads = %v, want %v", threads, want)
	}
	if got := d.Health().AuditPosted; got != 4 {
		t.Errorf("AuditPosted = %d, want 4", got)
	}
}

func TestCheckpointAfterRecordsOrTime(t *testing.T) {
	count := func(w *simSlack) (n int) {
		for _, m := range w.messages {
			if strings.Contains(m.text, "Signed checkpoint") {
				n++
			}
		}
		return n
	}
	s, w := newStore(), newSlack(t)
	for range 120 {
		s.add("", "refused")
	}
	d := newDeliverer(t, s, w)
	next, err := d.Deliver(t.Context(), workflow.AuditStream)
	if err != nil || count(w) != 2 {
		t.Fatalf("%d checkpoints after 120 records (%v), want 2", count(w), err)
	}
	s.clock.now = next
	if next, err = d.Deliver(t.Context(), workflow.AuditStream); err != nil || !next.IsZero() || count(w) != 3 {
		t.Errorf("after five minutes: %d checkpoints, next %v, %v; want 3 and no next", count(w), next, err)
	}
	if _, err = d.Deliver(t.Context(), workflow.AuditStream); err != nil || count(w) != 3 {
		t.Errorf("a checkpoint caused another: %d, %v", count(w), err)
	}
}

func TestAuditThreadWhoseRootIsGone(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.ops["op1"] = workflow.Operation{ID: "op1", State: workflow.Draining}
	s.add("op1", "state")
	d := newDeliverer(t, s, w)
	settle(t, d, s, workflow.AuditStream, 5)
	w.messages[0].deleted = true
	s.add("op1", "state")
	settle(t, d, s, workflow.AuditStream, 5)
	if err := complete(shown(w), 2); err != nil {
		t.Error(err)
	}
	last := w.messages[len(w.messages)-2] // before the checkpoint
	root := w.find("C0AUDIT", last.thread)
	if root == nil || !strings.Contains(root.text, "goes on from an earlier one") {
		t.Errorf("the new thread's root is %+v, want a back-reference", root)
	}
}

func TestAuditChannelThatCannotBeReached(t *testing.T) {
	for answer, want := range map[string]string{
		"not_in_channel": "invite it there", "is_archived": "is archived", "channel_not_found": "knows no channel C0AUDIT",
		"token_revoked": "SLACK_BOT_TOKEN", "internal_error": "tried again",
	} {
		t.Run(answer, func(t *testing.T) {
			s, w := newStore(), newSlack(t)
			s.add("", "service_start")
			broken := true
			w.fault = func(string, string) (error, error) {
				if broken {
					return code(answer), nil
				}
				return nil, nil
			}
			d := newDeliverer(t, s, w)
			var waits []time.Duration
			for range 12 {
				next, err := d.Deliver(t.Context(), workflow.AuditStream)
				if err != nil {
					t.Fatal(err)
				}
				waits = append(waits, next.Sub(s.clock.now))
			}
			if waits[0] != time.Second || waits[11] != maxBackoff {
				t.Errorf("waits %v, want 1s growing to %s", waits, maxBackoff)
			}
			h := d.Health()
			if h.Audit == nil || !strings.Contains(h.Audit.Sentence, want) {
				t.Fatalf("health %+v does not say %q", h.Audit, want)
			}
			broken = false
			settle(t, d, s, workflow.AuditStream, 5)
			if h := d.Health(); h.Audit != nil {
				t.Errorf("still unhealthy: %+v", h.Audit)
			}
			if err := complete(shown(w), 1); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.add("", "service_start")
	w.fault = func(string, string) (error, error) { return &slack.RateLimitedError{RetryAfter: 37 * time.Second}, nil }
	d := newDeliverer(t, s, w)
	next, err := d.Deliver(t.Context(), workflow.AuditStream)
	if err != nil || next.Sub(s.clock.now) != 37*time.Second {
		t.Fatalf("next in %s, %v; want 37 s", next.Sub(s.clock.now), err)
	}
	if next, _ = d.Deliver(t.Context(), workflow.AuditStream); w.calls["chat.postMessage"] != 1 {
		t.Errorf("Slack was asked again %d times before its time (next %v)", w.calls["chat.postMessage"]-1, next)
	}
	if d.Health().Audit != nil {
		t.Error("a rate limit counts as a fault")
	}
}

// A message that Slack rejects for its content must not block what follows.
func TestRejectedContentGoesAsText(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.add("", "service_start")
	s.add("", "refused")
	refused := 0
	w.fault = func(string, string) (error, error) {
		if w.calls["chat.postMessage"] == 1 {
			refused++
			return code("invalid_blocks"), nil
		}
		return nil, nil
	}
	d := newDeliverer(t, s, w)
	settle(t, d, s, workflow.AuditStream, 5)
	if err := complete(shown(w), 2); err != nil || refused != 1 {
		t.Errorf("%v (refused %d)", err, refused)
	}
	if w.messages[0].blocks != "" {
		t.Error("the rejected blocks were sent again")
	}
}

func TestLeaseOfAnother(t *testing.T) {
	s, w := newStore(), newSlack(t)
	s.add("", "service_start")
	s.held[workflow.AuditStream] = true
	d := newDeliverer(t, s, w)
	next, err := d.Deliver(t.Context(), workflow.AuditStream)
	if err != nil || !next.Equal(s.clock.now.Add(lockedPause)) || len(w.messages) != 0 {
		t.Errorf("Deliver = %v, %v with %d messages; want a pause and none", next, err, len(w.messages))
	}
}

func TestUnknownStream(t *testing.T) {
	d := newDeliverer(t, newStore(), newSlack(t))
	for _, name := range []string{"", "card:", "cards:op1"} {
		if _, err := d.Deliver(t.Context(), name); err == nil {
			t.Errorf("Deliver(%q) did nothing without an error", name)
		}
	}
}

// Whatever fails, and whenever: Slack before or after it took effect, the store, the lease, threads deleted, the process
// restarted; in the end every number stands in the channel, the first appearances in order.
func TestEveryRecordArrivesInOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s, w := newStore(), newSlack(t)
		for _, op := range []string{"op1", "op2", "op3"} {
			s.ops[op] = workflow.Operation{ID: op, State: workflow.Draining}
		}
		d := newDeliverer(t, s, w)
		trouble := true
		oneIn := func(n int) bool { return trouble && rapid.IntRange(0, n-1).Draw(r, "fault") == 0 }
		w.fault = func(string, string) (before, after error) {
			if oneIn(6) {
				before = rapid.SampledFrom([]error{errLost, code("not_in_channel"), code("invalid_blocks"), code("internal_error"),
					&slack.RateLimitedError{RetryAfter: time.Second}}).Draw(r, "before")
			}
			if oneIn(6) {
				after = errLost
			}
			return before, after
		}
		s.fail = func(call string) error {
			if oneIn(12) {
				return errors.New("database is locked")
			}
			return nil
		}
		r.Repeat(map[string]func(*rapid.T){
			"event": func(r *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(r, "events") {
					s.add(rapid.SampledFrom([]string{"", "op1", "op2", "op3", "unknown"}).Draw(r, "op"), "state")
				}
			},
			"deliver": func(r *rapid.T) {
				next, _ := d.Deliver(t.Context(), workflow.AuditStream) // errors are the queue's to retry
				if rapid.Bool().Draw(r, "wait") && next.After(s.clock.now) {
					s.clock.now = next
				}
				d.freeChannel("C0AUDIT")
			},
			"restart": func(*rapid.T) {
				s.held = map[string]bool{}
				d = newDeliverer(t, s, w)
			},
			"delete": func(r *rapid.T) {
				if len(w.messages) > 0 {
					w.messages[rapid.IntRange(0, len(w.messages)-1).Draw(r, "which")].deleted = true
				}
			},
		})
		trouble = false
		settle(t, d, s, workflow.AuditStream, 50)
		if err := complete(shown(w), len(s.log)); err != nil {
			r.Fatal(err)
		}
	})
}
