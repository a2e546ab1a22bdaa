package socket

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// tempo is how fast the fake Slack lives: spans from which waits are drawn.
type tempo struct {
	minLife, life time.Duration // of a connection before its disconnect frame
	gap           time.Duration // between the envelopes around it
	minLinger     time.Duration // from the last ack to the end of the stream
	linger        time.Duration
	handle        time.Duration // a handler's work before its ack
}

// refresher refreshes every connection until the target is reached, sends envelopes before, during and after each disconnect
// frame, and remembers on which connection it sent each.
type refresher struct {
	tempo
	target int64

	begun     atomic.Int64
	refreshes atomic.Int64
	unacked   atomic.Int64 // not acknowledged within Slack's 3 s
	welcomed  atomic.Int64 // connections that are open and have said hello
	gaps      atomic.Int64 // moments without any
	enough    chan struct{}

	mu      sync.Mutex
	sent    map[string]int // envelope → connection
	when    map[string]int // before, during, after → how many
	handled map[string]int // envelope → times
}

func newRefresher(target int64, tp tempo) *refresher {
	return &refresher{tempo: tp, target: target, enough: make(chan struct{}),
		sent: map[string]int{}, when: map[string]int{}, handled: map[string]int{}}
}

func span(d time.Duration) time.Duration { return rand.N(d + 1) }

func (r *refresher) send(c *fakeConn, when string) {
	r.mu.Lock()
	id := fmt.Sprintf("%s-%d", when, len(r.sent))
	r.sent[id] = c.n
	r.when[when]++
	r.mu.Unlock()
	if err := c.envelope(id); err != nil {
		panic(fmt.Sprintf("the client closed connection %d under us: %v", c.n, err))
	}
}

func (r *refresher) script(c *fakeConn) {
	if c.hello() != nil {
		return
	}
	r.welcomed.Add(1)
	n := 0
	pause(context.Background(), r.minLife+span(r.life))
	if r.begun.Add(1) > r.target {
		return // stays open until the manager leaves
	}
	for range rand.IntN(3) {
		r.send(c, "before")
		n++
		pause(context.Background(), span(r.gap))
	}
	during := 1 + rand.IntN(3)
	var both sync.WaitGroup
	both.Go(func() {
		for range during {
			r.send(c, "during")
		}
	})
	_ = c.disconnect([]string{ReasonWarning, ReasonRefresh}[rand.IntN(2)])
	both.Wait()
	n += during
	for range 1 + rand.IntN(4) {
		r.send(c, "after")
		n++
		pause(context.Background(), span(r.gap))
	}
	if !c.waitAcks(n, 3*time.Second) {
		r.unacked.Add(1)
	}
	pause(context.Background(), r.minLinger+span(r.linger))
	if r.welcomed.Add(-1) == 0 {
		r.gaps.Add(1)
	}
	r.end(c)
	if r.refreshes.Add(1) == r.target {
		close(r.enough)
	}
}

// end closes the stream in one of the ways that are seen: a close frame, a bare end, or a second notice and an end.
func (r *refresher) end(c *fakeConn) {
	switch rand.IntN(3) {
	case 0:
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		_ = c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
		<-c.gone
	case 1:
		_ = c.disconnect(ReasonRefresh)
	}
	_ = c.ws.Close()
}

func (r *refresher) handler(ctx context.Context, e *Envelope) {
	pause(ctx, span(r.handle))
	r.mu.Lock()
	r.handled[e.ID]++
	r.mu.Unlock()
	_ = e.Ack(ctx, nil) // the fake counts
}

// check compares what was sent with what was handled and acknowledged, and on which connection.
func (r *refresher) check(t *testing.T, f *fakeSlack, h Health) {
	t.Helper()
	acked := map[string]int{}
	elsewhere, twice := 0, 0
	for _, c := range f.all() {
		for _, a := range c.acks {
			if acked[a.id]++; acked[a.id] > 1 {
				twice++
			}
			if r.sent[a.id] != a.conn {
				elsewhere++
			}
		}
	}
	lost, never, again := 0, 0, 0
	for id := range r.sent {
		switch {
		case r.handled[id] == 0:
			lost++
		case r.handled[id] > 1:
			again++
		}
		if acked[id] == 0 {
			never++
		}
	}
	t.Logf("%d refreshes, %d connections; %d envelopes (%d before, %d during, %d after the disconnect frame): lost %d, handled twice %d,"+
		" never acked %d, acked on another socket %d, acked twice %d, late %d; moments without a connection %d; ended by %v",
		r.refreshes.Load(), len(f.all()), len(r.sent), r.when["before"], r.when["during"], r.when["after"],
		lost, again, never, elsewhere, twice, r.unacked.Load(), r.gaps.Load(), h.Reconnects)
	if lost+again+never+elsewhere+twice+int(r.unacked.Load()) != 0 {
		t.Error("envelopes were lost, doubled, late or acknowledged on another socket")
	}
	if r.gaps.Load() != 0 {
		t.Error("there were moments without a connection")
	}
	if h.Envelopes != int64(len(r.sent)) || h.Acks != h.Envelopes || h.AcksFailed+h.Lost+h.Overflowed+h.Malformed != 0 {
		t.Errorf("Counts = %+v, want %d envelopes, all acknowledged", h.Counts, len(r.sent))
	}
	if want := int64(len(r.when)); want != 3 {
		t.Errorf("envelopes in %d of 3 phases", want)
	}
}

// TestRefreshesVirtual lets four days of refreshes pass in virtual time.
func TestRefreshesVirtual(t *testing.T) {
	target := int64(10_000)
	if testing.Short() {
		target = 500
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRefresher(target, tempo{
			// The limiter of apps.connections.open must not be what is tested here: two connections of 40 s need one call in 20 s.
			minLife: 40 * time.Second, life: time.Minute, gap: 40 * time.Millisecond,
			minLinger: time.Millisecond, linger: 10 * time.Second, handle: 50 * time.Millisecond,
		})
		f, dialer := newFake(r.script)
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: r.handler})
		<-r.enough
		synctest.Wait()
		if ok, why := m.Ready(); !ok {
			t.Errorf("not ready after the refreshes: %s", why)
		}
		m.stop(t)
		r.check(t, f, m.Health())
	})
}

// TestRefreshesLoopback does the same on TCP in real time.
func TestRefreshesLoopback(t *testing.T) {
	r := newRefresher(200, tempo{
		life: 10 * time.Millisecond, gap: 2 * time.Millisecond,
		minLinger: 20 * time.Millisecond, linger: 40 * time.Millisecond, handle: 5 * time.Millisecond,
	})
	f := newLoopback(t, r.script)
	m := start(t, t.Context(), f, Config{Handle: r.handler, Stagger: time.Millisecond, OpenEvery: time.Microsecond})
	<-r.enough
	m.stop(t)
	r.check(t, f, m.Health())
}
