package socket

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdownFlushes stops with 250 handlers at work. slack-go's manager left 248 of 250 acks unwritten.
func TestShutdownFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			for i := range 125 {
				_ = c.envelope(fmt.Sprintf("%d-%d", c.n, i))
			}
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer, Stagger: time.Nanosecond, Workers: 16, Handle: func(ctx context.Context, e *Envelope) {
			pause(ctx, 200*time.Millisecond)
			ackAll(t)(ctx, e)
		}})
		pause(t.Context(), 100*time.Millisecond)
		if c := m.Health().Counts; c.Envelopes != 250 || c.Acks != 0 {
			t.Fatalf("Counts = %+v before the stop, want 250 taken and none acknowledged", c)
		}
		m.stop(t)
		acks := 0
		for _, c := range f.all() {
			acks += len(c.acks)
			if c.closeCode() != 1000 {
				t.Errorf("connection %d got close code %d, want 1000", c.n, c.closeCode())
			}
		}
		if acks != 250 {
			t.Errorf("%d of 250 acks arrived", acks)
		}
		if ok, why := m.Ready(); ok || why != "shutting down" {
			t.Errorf("Ready() = %v, %q after the end", ok, why)
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			_ = c.envelope("e")
		})
		defer f.stop()
		f.prepare = func(c *fakeConn) {
			c.ws.SetCloseHandler(func(int, string) error { <-release; return nil }) // doesn't answer our close frame
		}
		m := start(t, t.Context(), f, Config{Dialer: dialer, Handle: func(context.Context, *Envelope) { <-release }})
		pause(t.Context(), 5*time.Second)
		begin := time.Now()
		m.cancel()
		err := next(t, m.ended)
		if took := time.Since(begin); !errors.Is(err, errStuck) || took > 20*time.Second {
			t.Errorf("Run() = %v after %s, want the stuck handlers reported within 20 s", err, took)
		}
		close(release)
	})
}

func TestShutdownWhileConnecting(t *testing.T) {
	for name, script := range map[string]func(*fakeConn){
		"before hello":       func(*fakeConn) {},
		"asked to leave":     func(c *fakeConn) { _ = c.hello(); _ = c.disconnect(ReasonWarning) },
		"too many, in pause": func(c *fakeConn) { _ = c.disconnect(ReasonTooMany) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, dialer := newFake(script)
				defer f.stop()
				m := start(t, t.Context(), f, Config{Dialer: dialer})
				pause(t.Context(), 3*time.Second)
				begin := time.Now()
				m.stop(t)
				if took := time.Since(begin); took > time.Second {
					t.Errorf("stopping took %s", took)
				}
				if n := len(m.Health().Sockets); n != 0 {
					t.Errorf("%d sockets left", n)
				}
			})
		})
	}
}

func TestConfig(t *testing.T) {
	ok := Config{Opener: &fakeSlack{}, Handle: func(context.Context, *Envelope) {}, Overflow: func(context.Context, *Envelope) {}}
	if _, err := New(ok); err != nil {
		t.Errorf("New() = %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"opener":         func(c *Config) { c.Opener = nil },
		"handle":         func(c *Config) { c.Handle = nil },
		"overflow":       func(c *Config) { c.Overflow = nil },
		"one connection": func(c *Config) { c.Connections = 1 },
		"eleven":         func(c *Config) { c.Connections = 11 },
		"slow pings":     func(c *Config) { c.PingEvery = time.Hour },
		"negative":       func(c *Config) { c.Grace = -1 },
		"no workers":     func(c *Config) { c.Workers = -1 },
	} {
		cfg := ok
		spoil(&cfg)
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: New() = %v, want ErrConfig", name, err)
		}
	}
}

func TestRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(stay)
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		m.stop(t)
		if err := m.Run(t.Context()); !errors.Is(err, ErrRan) {
			t.Errorf("second Run() = %v, want ErrRan", err)
		}
	})
}
