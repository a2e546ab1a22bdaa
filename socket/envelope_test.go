package socket

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gorilla/websocket"
)

// one runs a manager whose first connection sends the messages, and returns the envelopes as they come.
func one(t *testing.T, messages ...string) (*fakeSlack, *running, chan *Envelope) {
	f, dialer := newFake(func(c *fakeConn) {
		_ = c.hello()
		if c.n == 1 {
			for _, s := range messages {
				_ = c.send(s)
			}
		}
	})
	got := make(chan *Envelope, 10)
	m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: func(_ context.Context, e *Envelope) { got <- e }})
	return f, m, got
}

const click = `{"envelope_id":"e1","type":"interactive","accepts_response_payload":true,"payload":{"type":"block_actions"}}`

func TestEnvelopeFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, got := one(t, `{"envelope_id":"e1","type":"events_api","accepts_response_payload":false,"payload":{"a":[1]},"retry_attempt":2,"retry_reason":"timeout"}`)
		defer f.stop()
		defer m.stop(t)
		e := next(t, got)
		want := &Envelope{ID: "e1", Type: "events_api", Payload: []byte(`{"a":[1]}`), RetryAttempt: 2, RetryReason: "timeout", ReceivedAt: time.Now()}
		if diff := cmp.Diff(want, e, cmpopts.IgnoreUnexported(Envelope{})); diff != "" {
			t.Errorf("envelope (-want +got):\n%s", diff)
		}
		if err := e.Ack(t.Context(), struct{}{}); !errors.Is(err, ErrNoPayload) {
			t.Errorf("Ack(payload) = %v, want ErrNoPayload", err)
		}
	})
}

func TestAckOnceAndSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, got := one(t, click)
		defer f.stop()
		defer m.stop(t)
		e := next(t, got)
		overhead := len(`{"envelope_id":"e1","payload":""}`)
		if err := e.Ack(t.Context(), strings.Repeat("x", maxAck-overhead)); !errors.Is(err, ErrAckTooLarge) {
			t.Errorf("Ack(20 KB) = %v, want ErrAckTooLarge", err)
		}
		if err := e.Ack(t.Context(), func() {}); err == nil {
			t.Error("Ack(func) = nil, want an encoding error")
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := e.Ack(cancelled, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Ack(cancelled) = %v, want context.Canceled", err)
		}
		if err := e.Ack(t.Context(), strings.Repeat("x", maxAck-overhead-1)); err != nil {
			t.Errorf("Ack(20 KB - 1) = %v after refused ones", err)
		}
		if err := e.Ack(t.Context(), nil); !errors.Is(err, ErrAcked) {
			t.Errorf("second Ack() = %v, want ErrAcked", err)
		}
		synctest.Wait()
		acks := f.all()[0].acks
		if len(acks) != 1 || len(acks[0].payload) != maxAck-overhead+1 {
			t.Errorf("%d acks written, want one of full size", len(acks))
		}
		if c := m.Health().Counts; c.Acks != 1 || c.AcksFailed != 3 {
			t.Errorf("Counts = %+v, want 1 ack and 3 failures", c)
		}
	})
}

func TestEmptyAckHasNoPayload(t *testing.T) {
	var wrote string
	e := NewEnvelope("e1", "interactive", nil, arrivalFunc(func(_ context.Context, b []byte) error { wrote = string(b); return nil }))
	if err := e.Ack(t.Context(), nil); err != nil || wrote != `{"envelope_id":"e1"}` {
		t.Errorf("Ack(nil) = %v, wrote %s", err, wrote)
	}
	if err := new(Envelope).Ack(t.Context(), nil); !errors.Is(err, ErrGone) {
		t.Errorf("Ack of an envelope from nowhere = %v, want ErrGone", err)
	}
}

type arrivalFunc func(context.Context, []byte) error

func (f arrivalFunc) WriteAck(ctx context.Context, b []byte) error { return f(ctx, b) }

func TestAckAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, got := one(t, click, `{"envelope_id":"e2","type":"interactive"}`)
		defer f.stop()
		defer m.stop(t)
		e, e2 := next(t, got), next(t, got)
		_ = f.all()[0].ws.Close()
		synctest.Wait()
		pause(t.Context(), time.Minute) // its successor is long up, and must not be used
		for _, e := range []*Envelope{e, e2} {
			if err := e.Ack(t.Context(), nil); !errors.Is(err, ErrGone) {
				t.Errorf("Ack() = %v, want ErrGone", err)
			}
		}
		for _, c := range f.all() {
			if len(c.acks) != 0 {
				t.Errorf("connection %d got acks %v", c.n, c.acks)
			}
		}
	})
}

func TestAckAfterDisconnectFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, got := one(t, click, `{"type":"disconnect","reason":"warning"}`)
		defer f.stop()
		defer m.stop(t)
		e := next(t, got)
		pause(t.Context(), 50*time.Second) // the successor is up, the old one still open
		if err := e.Ack(t.Context(), nil); err != nil {
			t.Errorf("Ack() = %v, want it on the old socket", err)
		}
		synctest.Wait()
		if acks := f.all()[0].acks; len(acks) != 1 || len(f.all()) != 3 {
			t.Errorf("%d acks on the arrival socket, %d connections; want 1 and 3", len(acks), len(f.all()))
		}
	})
}

// TestAckDuringClose: our close frame is out, so the ack comes too late, and must not cut the goodbye short.
func TestAckDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			if c.n == 1 {
				_ = c.envelope("e1")
				_ = c.disconnect(ReasonTooMany)
			}
		})
		defer f.stop()
		f.prepare = func(c *fakeConn) {
			answer := c.ws.CloseHandler()
			c.ws.SetCloseHandler(func(code int, text string) error {
				pause(context.Background(), 3*time.Second)
				return answer(code, text)
			})
		}
		acked := make(chan error, 1)
		m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: func(ctx context.Context, e *Envelope) {
			pause(ctx, time.Second)
			acked <- e.Ack(ctx, nil)
		}})
		defer m.stop(t)
		if err := next(t, acked); !errors.Is(err, ErrGone) {
			t.Errorf("Ack() = %v, want ErrGone", err)
		}
		pause(t.Context(), time.Second)
		if s := m.Health().Sockets; !slices.ContainsFunc(s, func(s Socket) bool { return s.Leaving == ReasonTooMany }) {
			t.Errorf("Sockets = %+v: cut before Slack answered the close frame", s)
		}
	})
}

func TestStrangeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, m, got := one(t, `{`, ``, `null`, `[]`, `"x"`, `{"type":"surprise"}`, `{"type":7}`, `{"type":"hello"}`,
			`{"envelope_id":"e0","type":"interactive","retry_attempt":"two","payload":{}}`, `{"envelope_id":"e9","type":"of_next_year"}`, click)
		defer f.stop()
		defer m.stop(t)
		ids := []string{}
		for range 3 {
			ids = append(ids, next(t, got).ID)
		}
		pause(t.Context(), 5*time.Second)
		h := m.Health()
		if h.Live() != 2 || h.Malformed != 6 || h.Unknown != 2 || f.opened() != 2 {
			t.Errorf("%d live, %d malformed, %d unknown, %d opens; want 2, 6, 2, 2", h.Live(), h.Malformed, h.Unknown, f.opened())
		}
		if !cmp.Equal(ids, []string{"e0", "e9", "e1"}, cmpopts.SortSlices(strings.Compare)) {
			t.Errorf("envelopes %v", ids)
		}
	})
}

func TestFragmentsAndSize(t *testing.T) {
	big := fmt.Sprintf(`{"envelope_id":"big","type":"interactive","payload":{"x":"%s"}}`, strings.Repeat("y", 3<<20))
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			if c.n > 1 {
				return
			}
			w, err := c.ws.NextWriter(websocket.TextMessage) // its buffer of 4 KB makes 768 continuation frames
			if err != nil {
				return
			}
			for i := 0; i < len(big); i += 1 << 19 {
				_, _ = w.Write([]byte(big[i:min(i+1<<19, len(big))]))
				pause(context.Background(), 14*time.Second) // slower than ReadTimeout in all, and alive all the time
			}
			_ = w.Close()
			_ = c.send(`{"pad":"` + strings.Repeat("z", readLimit) + `"}`)
		})
		defer f.stop()
		f.prepare = deaf // so that pongs are no sign of life
		got := make(chan int, 1)
		m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: func(_ context.Context, e *Envelope) { got <- len(e.Payload) }})
		defer m.stop(t)
		if n := next(t, got); n != 3<<20+len(`{"x":""}`) {
			t.Errorf("payload of %d bytes", n)
		}
		pause(t.Context(), 5*time.Second)
		if h := m.Health(); h.Reconnects[ReasonBroken] != 1 || h.Live() != 2 {
			t.Errorf("Reconnects %v, %d live; want the sender of more than 4 MB left and replaced", h.Reconnects, h.Live())
		}
	})
}

func TestOverflowTellsThePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const sent = 600
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			for i := range sent {
				if c.n == 1 {
					_ = c.envelope(fmt.Sprint(i))
				}
			}
		})
		defer f.stop()
		var handled, told atomic.Int64
		m := start(t, t.Context(), f, Config{
			Dialer: dialer, Queue: 10, Workers: 2, Grace: time.Second,
			Handle: func(ctx context.Context, _ *Envelope) { <-ctx.Done(); handled.Add(1) },
			Overflow: func(ctx context.Context, e *Envelope) {
				if told.Add(1)%2 == 0 {
					<-ctx.Done() // a slow one ends after 3 s
				}
				if err := e.Ack(context.WithoutCancel(ctx), map[string]string{"text": "busy"}); err != nil {
					t.Errorf("Ack(%s) = %v", e.ID, err)
				}
			},
		})
		synctest.Wait()
		pause(t.Context(), 10*time.Minute)
		c := m.Health().Counts
		t.Logf("%d sent: %d waiting, %d told, %d lost and logged", sent, sent-told.Load()-c.Lost, told.Load(), c.Lost)
		if told.Load() != c.Overflowed || c.Overflowed < overflowQueue || c.Overflowed+c.Lost+12 != sent || c.Acks != told.Load() {
			t.Errorf("Counts = %+v, told %d: some of %d are unaccounted for", c, told.Load(), sent)
		}
		if ok, why := m.Ready(); !ok {
			t.Errorf("hung handlers made the connections unready: %s", why)
		}
		m.stop(t)
		if n := m.pending.Load(); n != 0 {
			t.Errorf("%d envelopes still counted as pending", n)
		}
		if handled.Load() != 12 {
			t.Errorf("%d handlers ended, want the 12 taken", handled.Load())
		}
	})
}

func TestPanicInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			if c.n == 1 {
				_ = c.envelope("bad")
				_ = c.envelope("good")
			}
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer, Workers: 1, Handle: func(ctx context.Context, e *Envelope) {
			if e.ID == "bad" {
				var none map[string]int
				none["x"] = 1 //nolint:staticcheck // SA5000: the handler panics on purpose
			}
			ackAll(t)(ctx, e)
		}})
		pause(t.Context(), 5*time.Second)
		if c := m.Health().Counts; c.Panics != 1 || c.Acks != 1 {
			t.Errorf("Counts = %+v, want one panic and the next envelope acknowledged", c)
		}
		m.stop(t)
	})
}
