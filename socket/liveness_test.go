package socket

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
)

// deaf makes a peer that answers no ping, while TCP swallows all that is written. If it doesn't speak either, that is what a half-open
// socket looks like.
func deaf(c *fakeConn) { c.ws.SetPingHandler(func(string) error { return nil }) }

func TestHalfOpenIsFoundAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		f, dialer := newFake(stay)
		defer f.stop()
		f.prepare = func(c *fakeConn) {
			if c.n <= 2 {
				deaf(c)
			}
		}
		f.refuse = func(int) error {
			if down.Load() {
				return errors.New("no route to host")
			}
			return nil
		}
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), 5*time.Second)
		if ok, why := m.Ready(); !ok {
			t.Fatalf("not ready after hello: %s", why)
		}
		down.Store(true)
		pause(t.Context(), 55*time.Second)
		ok, why := m.Ready()
		if ok || !strings.Contains(why, ReasonReadTimeout) || !strings.Contains(why, "no route to host") {
			t.Errorf("Ready() = %v, %q a minute after Slack fell silent, want false with both reasons", ok, why)
		}
		down.Store(false)
		pause(t.Context(), time.Minute)
		h := m.Health()
		if ok, why := h.Ready(); !ok || h.Live() != 2 {
			t.Errorf("Ready() = %v, %q with %d live sockets after the network came back", ok, why, h.Live())
		}
		if h.Reconnects[ReasonReadTimeout] != 2 {
			t.Errorf("Reconnects = %v, want 2 by %s", h.Reconnects, ReasonReadTimeout)
		}
	})
}

func TestQuietDayIsNoFault(t *testing.T) {
	pings := func(c *fakeConn) {
		_ = c.hello()
		for {
			pause(context.Background(), 20*time.Second)
			if c.ws.WriteControl(websocket.PingMessage, []byte("Ping from applink-1"), time.Now().Add(time.Second)) != nil {
				return
			}
		}
	}
	for name, slack := range map[string]struct{ script, prepare func(*fakeConn) }{
		"slack answers our pings":               {stay, nil},
		"slack pings, and does not answer ours": {pings, deaf},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, dialer := newFake(slack.script)
				defer f.stop()
				f.prepare = slack.prepare
				m := start(t, t.Context(), f, Config{Dialer: dialer})
				defer m.stop(t)
				unready := 0
				pause(t.Context(), 5*time.Second)
				for range 24 * 60 {
					pause(t.Context(), time.Minute)
					if ok, _ := m.Ready(); !ok {
						unready++
					}
				}
				if n := f.opened(); n != 2 || unready != 0 {
					t.Errorf("%d opens and %d unready minutes in 24 quiet hours, want 2 and 0", n, unready)
				}
			})
		})
	}
}

func TestPingsAnsweredWhileHandlersHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			if c.n > 1 {
				return
			}
			for range 3 {
				_ = c.envelope("hang")
			}
			for i := range 5 {
				pause(context.Background(), time.Second)
				_ = c.ws.WriteControl(websocket.PingMessage, []byte{'p', byte('0' + i)}, time.Now().Add(time.Second))
			}
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer, Workers: 1, Grace: time.Second, Handle: func(ctx context.Context, _ *Envelope) { <-ctx.Done() }})
		defer m.stop(t)
		pause(t.Context(), 6*time.Second)
		c := f.all()[0]
		c.mu.Lock()
		defer c.mu.Unlock()
		if want := []string{"p0", "p1", "p2", "p3", "p4"}; !slices.Equal(c.pongs, want) {
			t.Errorf("pongs = %q, want %q", c.pongs, want)
		}
	})
}

func TestStuckPeerIsLeftAndReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			pause(context.Background(), 11*time.Second)
			if c.n == 1 {
				_ = c.envelope("e1")
			}
		})
		f.prepare = func(c *fakeConn) {
			if c.n == 1 {
				c.ws.SetPingHandler(func(string) error { <-stuck; return nil }) // reads no more, so writes to it block
			}
		}
		defer f.stop()
		defer close(stuck)
		result := make(chan error, 1)
		took := make(chan time.Duration, 1)
		m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: func(ctx context.Context, e *Envelope) {
			begin := time.Now()
			result <- e.Ack(ctx, nil)
			took <- time.Since(begin)
		}})
		defer m.stop(t)
		if err, d := next(t, result), next(t, took); !errors.Is(err, ErrGone) || d > writeTimeout {
			t.Errorf("Ack() = %v after %s, want ErrGone within %s", err, d, writeTimeout)
		}
		pause(t.Context(), time.Second)
		h := m.Health()
		if h.Live() != 2 || h.Reconnects[ReasonWriteFailed] != 1 || f.opened() != 3 {
			t.Errorf("%d live sockets, %d opens, Reconnects %v; want the stuck one replaced at once", h.Live(), f.opened(), h.Reconnects)
		}
	})
}

func TestHelloMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			if c.n > 4 {
				_ = c.hello()
			}
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), 11*time.Second)
		if ok, why := m.Ready(); ok || !strings.Contains(why, "no hello") {
			t.Errorf("Ready() = %v, %q; want false for want of a hello", ok, why)
		}
		pause(t.Context(), 2*time.Minute)
		h := m.Health()
		if h.Live() != 2 || h.Reconnects[ReasonNoHello] != 4 {
			t.Errorf("%d live sockets, Reconnects %v; want 2 after four without hello", h.Live(), h.Reconnects)
		}
	})
}

// TestOutageIsPaced counts what an outage of a day costs, and how soon it is over.
func TestOutageIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		f, dialer := newFake(stay)
		defer f.stop()
		f.refuse = func(int) error {
			if up.Load() {
				return nil
			}
			return errors.New("dial tcp: lookup slack.com: no such host")
		}
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), 24*time.Hour)
		perMinute := float64(f.opened()) / (24 * 60)
		up.Store(true)
		pause(t.Context(), defaultMaxBackoff+defaultOpenEvery)
		live := m.Health().Live()
		t.Logf("%.1f opens a minute in the outage, %d live sockets %s after it", perMinute, live, defaultMaxBackoff+defaultOpenEvery)
		if perMinute > 6.1 || perMinute < 2 || live != 2 {
			t.Errorf("want 2 to 6 opens a minute and 2 live sockets")
		}
	})
}

func TestConnectionsThatDieAtOnceArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			_ = c.ws.Close()
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), time.Hour)
		if n := f.opened(); n < 60 || n > 370 {
			t.Errorf("%d opens in an hour, want between one and six a minute", n)
		}
	})
}

func TestNumConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) { _ = c.send(`{"type":"hello","num_connections":7}`) })
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer, Alone: true})
		defer m.stop(t)
		pause(t.Context(), 5*time.Second)
		if h := m.Health().Hello; h.NumConnections != 7 || h.Own != 2 || h.Elsewhere() != 5 {
			t.Errorf("Hello = %+v with %d elsewhere, want 7, 2 and 5", h, h.Elsewhere())
		}
	})
}
