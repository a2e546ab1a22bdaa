package slack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestCommandIsAcked(t *testing.T) {
	w := start(t, nil)
	c := connect(t, w)
	if n := c.hello(t).NumConnections; n != 1 {
		t.Errorf("num_connections = %d, want 1", n)
	}
	done := later(func() (Invocation, error) {
		return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "list")
	})
	f := c.next(t)
	if f.Type != "slash_commands" || !f.Accepts || f.Payload["command"] != "/ecs" || f.Payload["text"] != "list" ||
		f.Payload["user_id"] != DemoOperator || f.Payload["channel_id"] != DemoOps || f.Payload["team_id"] != DemoTeam {
		t.Fatalf("envelope %+v", f)
	}
	c.ack(t, f.EnvelopeID, map[string]any{"text": "hello <@U0APPROVER> &amp; <@U0NOBODY>"})
	inv := done(t)
	if !inv.Acked || inv.Error != "" || inv.AckSocket != inv.Socket || inv.Socket == 0 {
		t.Errorf("invocation %+v", inv)
	}
	got := w.Ephemerals(DemoOperator, DemoOps)
	if len(got) != 1 || w.Render(got[0]) != "hello @ana & <?@U0NOBODY?>" {
		t.Errorf("ephemerals %+v", got)
	}
	if others := w.Ephemerals(DemoApprover, DemoOps); len(others) != 0 {
		t.Errorf("somebody else sees %+v", others)
	}
}

func TestUnackedCommandTimesOut(t *testing.T) {
	w := start(t, func(c *Config) { c.AckLimit = 30 * time.Millisecond })
	inv, err := w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "")
	if err != nil || inv.Error != ErrorDispatch {
		t.Fatalf("without a socket: %+v, %v; want %s", inv, err, ErrorDispatch)
	}
	c := connect(t, w)
	c.hello(t)
	inv, err = w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "")
	if err != nil || inv.Acked || inv.Error != ErrorTimeout {
		t.Fatalf("unacked: %+v, %v; want %s", inv, err, ErrorTimeout)
	}
	c.ack(t, inv.EnvelopeID, nil)
	waitAck(t, w, inv.EnvelopeID, AckLate)
}

// waitAck waits for an ack with a verdict.
func waitAck(t *testing.T, w *Workspace, id, verdict string) Entry {
	t.Helper()
	var found Entry
	err := w.Wait(deadline(t), "ack "+verdict, func(s *Snapshot) bool {
		for _, e := range s.Log() {
			if e.Kind == KindAck && e.EnvelopeID == id && e.Outcome == verdict {
				found = e
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAckRules(t *testing.T) {
	w := start(t, func(c *Config) { c.AckLimit = 200 * time.Millisecond })
	a := connect(t, w)
	a.hello(t)
	b := connect(t, w)
	if n := b.hello(t).NumConnections; n != 2 {
		t.Fatalf("num_connections = %d, want 2", n)
	}
	w.PinTo(1)
	send := func() (frame, func(*testing.T) Invocation) {
		done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "x") })
		return a.next(t), done
	}
	f, done := send()
	b.ack(t, f.EnvelopeID, nil)
	if inv := done(t); !inv.Acked || inv.Socket != 1 || inv.AckSocket != 2 {
		t.Errorf("an ack on another socket must be accepted and told: %+v", inv)
	}
	if e := waitAck(t, w, f.EnvelopeID, AckOK); e.Socket != 2 || e.SentOn != 1 {
		t.Errorf("entry %+v", e)
	}
	a.ack(t, f.EnvelopeID, nil)
	waitAck(t, w, f.EnvelopeID, AckDuplicate)
	a.ack(t, "nonsense", nil)
	waitAck(t, w, "nonsense", AckUnknown)

	for size, want := range map[int]bool{20<<10 - 1: true, 20 << 10: false} {
		f, done = send()
		head, tail := `{"envelope_id":"`+f.EnvelopeID+`","payload":{"pad":"`, `"}}`
		raw := head + strings.Repeat("x", size-len(head)-len(tail)) + tail
		if err := a.ws.WriteMessage(websocket.TextMessage, []byte(raw)); err != nil {
			t.Fatal(err)
		}
		if inv := done(t); inv.Acked != want {
			t.Errorf("an ack of %d bytes: %+v", size, inv)
		}
	}
	f, done = send()
	a.ack(t, f.EnvelopeID, map[string]any{"text": strings.Repeat("x", 20<<10)})
	if inv := done(t); inv.Acked || inv.Error != ErrorTimeout {
		t.Errorf("an ack of 20 KB must be dropped: %+v", inv)
	}
	waitAck(t, w, f.EnvelopeID, AckTooBig)

	f, done = send()
	a.ack(t, f.EnvelopeID, map[string]any{"text": "x", "blocks": []any{map[string]any{"type": "nonsense"}}})
	if inv := done(t); !inv.Acked || !strings.Contains(inv.Error, "invalid_blocks") {
		t.Errorf("bad blocks in an ack: %+v", inv)
	}
}

func TestForeignAcksRefused(t *testing.T) {
	w := start(t, func(c *Config) { c.AckLimit = 100 * time.Millisecond; c.RefuseForeignAcks = true })
	a := connect(t, w)
	a.hello(t)
	b := connect(t, w)
	b.hello(t)
	w.PinTo(1)
	done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
	f := a.next(t)
	b.ack(t, f.EnvelopeID, nil)
	if inv := done(t); inv.Acked {
		t.Errorf("accepted: %+v", inv)
	}
	waitAck(t, w, f.EnvelopeID, AckForeign)
}

func TestEnvelopesSpreadAndRedeliver(t *testing.T) {
	w := start(t, nil)
	clients := []*client{connect(t, w), connect(t, w), connect(t, w)}
	for _, c := range clients {
		c.hello(t)
	}
	var id string
	for range 6 {
		done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
		ackAny(t, clients)
		id = done(t).EnvelopeID
	}
	for _, s := range w.Sockets() {
		if s.Delivered != 2 || s.Acks != 2 {
			t.Errorf("socket %+v, want 2 envelopes and 2 acks", s)
		}
	}
	done := later(func() (Invocation, error) { return w.Redeliver(deadline(t), id) })
	if f := ackAny(t, clients); f.EnvelopeID != id {
		t.Errorf("redelivered %s, want %s", f.EnvelopeID, id)
	}
	if inv := done(t); !inv.Acked {
		t.Errorf("%+v", inv)
	}
	if _, err := w.Redeliver(deadline(t), "never"); err == nil {
		t.Error("an unknown envelope was redelivered")
	}
}

// ackAny acks the next envelope, whichever of the clients gets it.
func ackAny(t *testing.T, clients []*client) frame {
	t.Helper()
	for {
		for _, c := range clients {
			select {
			case f := <-c.frames:
				c.ack(t, f.EnvelopeID, map[string]any{})
				return f
			case <-t.Context().Done():
				t.Fatal("no envelope came")
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
}

func TestRefreshDeliversAfterTheFrame(t *testing.T) {
	w := start(t, nil)
	old := connect(t, w)
	old.hello(t)
	if n := w.Refresh(RefreshOptions{StayOpen: true, Reason: ReasonWarning}); n != 1 {
		t.Fatalf("told %d", n)
	}
	if f := old.next(t); f.Type != "disconnect" || f.Reason != ReasonWarning {
		t.Fatalf("frame %+v", f)
	}
	done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
	f := old.next(t)
	old.ack(t, f.EnvelopeID, nil)
	if inv := done(t); !inv.Acked {
		t.Errorf("%+v", inv)
	}
	w.Refresh(RefreshOptions{CloseAfter: time.Millisecond})
	<-old.ended
	if err := w.Wait(deadline(t), "the socket to go", func(s *Snapshot) bool { return len(s.Sockets()) == 0 }); err != nil {
		t.Fatal(err)
	}
}

func TestTooManySocketsAndTickets(t *testing.T) {
	w := start(t, nil)
	for range 10 {
		connect(t, w).hello(t)
	}
	if f := connect(t, w).next(t); f.Type != "disconnect" || f.Reason != ReasonTooMany {
		t.Errorf("the eleventh got %+v", f)
	}
	u := socketURL(t, w)
	for i, want := range []bool{true, false} {
		ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), u, nil)
		if (err == nil) != want {
			t.Errorf("dial %d: %v", i, err)
		}
		if err == nil {
			_ = ws.Close()
		} else if res == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("dial %d answered %+v", i, res)
		}
		if res != nil {
			_ = res.Body.Close()
		}
	}
}

func TestSilentSocketStaysRegistered(t *testing.T) {
	w := start(t, func(c *Config) { c.AckLimit = 30 * time.Millisecond })
	c := connect(t, w)
	c.hello(t)
	w.Cut(0, CutSilent)
	inv, err := w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "")
	if err != nil || inv.Socket != 1 || inv.Error != ErrorTimeout {
		t.Errorf("%+v, %v", inv, err)
	}
	_ = c.ws.Close()
	err = w.Wait(deadline(t), "the ghost", func(s *Snapshot) bool {
		e := s.Log()[len(s.Log())-1]
		return e.Kind == KindClose && e.Outcome == "ghost"
	})
	if err != nil {
		t.Fatal(err)
	}
	d := connect(t, w)
	if n := d.hello(t).NumConnections; n != 2 {
		t.Errorf("num_connections = %d, want the ghost counted", n)
	}
	if n := w.Reap(); n != 1 || len(w.Sockets()) != 1 {
		t.Errorf("reaped %d, left %v", n, w.Sockets())
	}
	w.Cut(0, CutReset)
	<-d.ended
	w.LieAboutConnections(7)
	if n := connect(t, w).hello(t).NumConnections; n != 7 {
		t.Errorf("num_connections = %d, want the lie", n)
	}
	w.DisableLink()
	if f := connect(t, w).next(t); f.Reason != ReasonDisabled {
		t.Errorf("%+v", f)
	}
}
