package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"
)

func TestFatalAtStart(t *testing.T) {
	rows := map[string]string{ // Slack's answer → what the sentence must name
		"invalid_auth": "SLACK_APP_TOKEN", "not_authed": "SLACK_APP_TOKEN", "token_revoked": "SLACK_APP_TOKEN", "token_expired": "SLACK_APP_TOKEN",
		"missing_scope": "connections:write", "no_permission": "connections:write", "not_allowed_token_type": "xapp-",
		"account_inactive": "Install App", "link_disabled": "Socket Mode", "team_access_not_granted": "administrator", "org_login_required": "administrator",
	}
	for code, fix := range rows {
		t.Run(code, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": code, "needed": "connections:write"})
			}))
			defer srv.Close()
			hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			api := slack.New("xoxb-1", slack.OptionAppLevelToken("xapp-1"), slack.OptionAPIURL(srv.URL+"/api/"), slack.OptionHTTPClient(hc))
			m := start(t, t.Context(), nil, Config{Opener: FromSlack(api)})
			err := next(t, m.ended)
			fatal, ok := errors.AsType[*FatalError](err)
			if !ok || fatal.Code != code || !strings.Contains(err.Error(), fix) {
				t.Errorf("Run() = %v, want a FatalError of %s that names %s", err, code, fix)
			}
			if _, ok := errors.AsType[slack.SlackErrorResponse](err); !ok {
				t.Errorf("Run() = %v hides Slack's own error", err)
			}
		})
	}
}

func TestNotFoundAtStart(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	api := slack.New("xoxb-1", slack.OptionAppLevelToken("xapp-1"), slack.OptionAPIURL(srv.URL+"/api/"), slack.OptionHTTPClient(hc))
	m := start(t, t.Context(), nil, Config{Opener: FromSlack(api)})
	if err := next(t, m.ended); err == nil || !strings.Contains(err.Error(), "SLACK_API_URL") {
		t.Errorf("Run() = %v, want an error that names SLACK_API_URL", err)
	}
}

func TestPassingErrorsAreNotFatal(t *testing.T) {
	for name, err := range map[string]error{
		"internal_error": slack.SlackErrorResponse{Err: "internal_error"},
		"ratelimited":    &slack.RateLimitedError{RetryAfter: 30 * time.Second},
		"HTTP 503":       slack.StatusCodeError{Code: 503, Status: "503 Service Unavailable"},
		"network":        errors.New("connection reset by peer"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, dialer := newFake(stay)
				defer f.stop()
				f.refuse = func(n int) error {
					if n <= 3 {
						return err
					}
					return nil
				}
				m := start(t, t.Context(), f, Config{Dialer: dialer})
				defer m.stop(t)
				pause(t.Context(), 3*time.Minute)
				if h := m.Health(); h.Live() != 2 {
					t.Errorf("%d live sockets, want recovery; last error %s", h.Live(), h.LastError)
				}
			})
		})
	}
}

func TestRetryAfterHoldsEveryConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(stay)
		defer f.stop()
		f.refuse = func(n int) error {
			if n == 1 {
				return &slack.RateLimitedError{RetryAfter: 90 * time.Second}
			}
			return nil
		}
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), 89*time.Second)
		if n := f.opened(); n != 1 {
			t.Errorf("%d opens while Slack asked for silence, want 1", n)
		}
		pause(t.Context(), 20*time.Second)
		if n := m.Health().Live(); n != 2 {
			t.Errorf("%d live sockets after Retry-After, want 2", n)
		}
	})
}

func TestLinkDisabledFrameAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) { _ = c.disconnect(ReasonLinkDisabled) })
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		err := next(t, m.ended)
		if fatal, ok := errors.AsType[*FatalError](err); !ok || fatal.Code != ReasonLinkDisabled || !strings.Contains(err.Error(), "Socket Mode") {
			t.Errorf("Run() = %v, want link_disabled and what to turn on", err)
		}
	})
}

// TestLinkDisabledLater turns Socket Mode off in a running process, and on again an hour later.
func TestLinkDisabledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var off atomic.Bool
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			pause(context.Background(), 10*time.Minute)
			if off.Load() {
				_ = c.disconnect(ReasonLinkDisabled)
			}
		})
		defer f.stop()
		f.refuse = func(int) error {
			if off.Load() {
				return slack.SlackErrorResponse{Err: "link_disabled"}
			}
			return nil
		}
		told := make(chan error, 1000)
		m := start(t, t.Context(), f, Config{Dialer: dialer, OnFatal: func(err error) { told <- err }})
		defer m.stop(t)
		pause(t.Context(), 5*time.Minute)
		off.Store(true)
		before := f.opened()
		pause(t.Context(), time.Hour)
		h := m.Health()
		if ok, why := h.Ready(); ok || !strings.Contains(why, "link_disabled") || h.Fatal == nil || h.LastDisconnect != ReasonLinkDisabled {
			t.Errorf("Ready() = %v, %q, LastDisconnect %s; want unready for link_disabled", ok, why, h.LastDisconnect)
		}
		if len(told) == 0 {
			t.Error("OnFatal was not called")
		}
		if n := f.opened() - before; n < 60 || n > 120 {
			t.Errorf("%d opens in 55 minutes of a disabled app, want one a minute and connection", n)
		}
		off.Store(false)
		pause(t.Context(), 2*time.Minute)
		if h := m.Health(); h.Live() != 2 || h.Fatal != nil {
			t.Errorf("%d live sockets, Fatal %v after the app was enabled again", h.Live(), h.Fatal)
		}
	})
}

// TestTooManyIsPaced has a Slack whose ten connections are all taken. slack-go's manager reconnected 8,106 times in 2 s there.
func TestTooManyIsPaced(t *testing.T) {
	for name, script := range map[string]func(*fakeConn){
		"instead of hello": func(c *fakeConn) { _ = c.disconnect(ReasonTooMany) },
		"after hello":      func(c *fakeConn) { _ = c.hello(); _ = c.disconnect(ReasonTooMany) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, dialer := newFake(script)
				defer f.stop()
				m := start(t, t.Context(), f, Config{Dialer: dialer})
				defer m.stop(t)
				pause(t.Context(), time.Hour)
				n := f.opened()
				t.Logf("%d opens in 60 minutes", n)
				if n < 60 || n > 240 {
					t.Errorf("%d opens in an hour, want 1 to 4 a minute", n)
				}
				h := m.Health()
				if ok, _ := h.Ready(); ok || h.LastDisconnect != ReasonTooMany || len(h.Sockets) != 0 {
					t.Errorf("ready %v, LastDisconnect %s, %d sockets; want unready and none left open", ok, h.LastDisconnect, len(h.Sockets))
				}
				for _, c := range f.all() {
					if c.closeCode() != 1000 {
						t.Fatalf("connection %d got close code %d, want 1000", c.n, c.closeCode())
					}
				}
			})
		})
	}
}

// TestTooManyAtRefresh: with ten connections the successor finds no room, so the old one must go first.
func TestTooManyAtRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(nil)
		f.script = func(c *fakeConn) {
			open := 0
			for _, o := range f.all() {
				select {
				case <-o.gone:
				default:
					open++
				}
			}
			if open > 2 {
				_ = c.disconnect(ReasonTooMany)
				return
			}
			_ = c.hello()
			if c.n == 1 {
				pause(context.Background(), time.Minute)
				_ = c.disconnect(ReasonWarning) // and never ends the stream
			}
		}
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), 3*time.Minute)
		h := m.Health()
		if h.Live() != 2 || len(h.Sockets) != 2 || f.opened() != 4 {
			t.Errorf("%d live of %d sockets after %d opens, want 2 of 2 after 4", h.Live(), len(h.Sockets), f.opened())
		}
	})
}

// TestOldConnectionIsNotReadForEver: the successor is up and Slack forgets the old one.
func TestOldConnectionIsNotReadForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			if c.n == 1 {
				pause(context.Background(), time.Minute)
				_ = c.disconnect("a reason of next year")
				_ = c.disconnect(ReasonWarning)
			}
		})
		defer f.stop()
		m := start(t, t.Context(), f, Config{Dialer: dialer})
		defer m.stop(t)
		pause(t.Context(), time.Minute+30*time.Second)
		if h := m.Health(); len(h.Sockets) != 3 || h.Live() != 3 {
			t.Errorf("%d sockets, %d live during the overlap, want 3", len(h.Sockets), h.Live())
		}
		pause(t.Context(), time.Minute)
		if h := m.Health(); len(h.Sockets) != 2 || h.Reconnects[ReasonOther] != 1 || f.all()[0].closeCode() != 1000 {
			t.Errorf("%d sockets, Reconnects %v, close code %d; want the old one closed with 1000", len(h.Sockets), h.Reconnects, f.all()[0].closeCode())
		}
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := zerolog.New(zerolog.SyncWriter(&out)).Level(zerolog.TraceLevel)
		f, dialer := newFake(func(c *fakeConn) {
			_ = c.hello()
			_ = c.send(`{"type":"interactive","envelope_id":7,"payload":"xoxb-secret"}`)
			_ = c.send(`{"type":"surprise","secret":"secret"}`)
			_ = c.send(`secret`)
			_ = c.envelope("e1")
			if c.n == 1 {
				pause(context.Background(), time.Minute)
				_ = c.ws.Close()
			}
		})
		defer f.stop()
		f.refuse = func(n int) error {
			if n == 3 {
				f.addr = "slack.test/%zz secret" // an address that no parser takes
			}
			if n == 4 {
				f.addr = "slack.test"
			}
			return nil
		}
		m := start(t, log.WithContext(t.Context()), f, Config{Dialer: dialer, Handle: func(_ context.Context, e *Envelope) { panic(string(e.Payload)) }})
		pause(t.Context(), 3*time.Minute)
		m.stop(t)
		if s := out.String(); strings.Contains(s, "secret") || !strings.Contains(s, "handler panicked") {
			t.Errorf("log holds a secret, or not the panic:\n%s", s)
		}
		if h := m.Health(); h.Panics != 3 && h.Panics != 2 || strings.Contains(h.LastError, "secret") {
			t.Errorf("%d panics, LastError %q", h.Panics, h.LastError)
		}
	})
}
