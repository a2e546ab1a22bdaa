package bot

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	simslack "ecsbot/sim/slack"
	"ecsbot/store"
)

// workspace is a simulated Slack behind a door that can be shut.
func workspace(t *testing.T) (apiURL string, open *atomic.Bool) {
	t.Helper()
	manifest, err := os.ReadFile("../manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg := simslack.Demo()
	cfg.Manifest = manifest
	w, err := simslack.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // the test has ended
	u, err := url.Parse(w.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(u)
	open = new(atomic.Bool)
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !open.Load() {
			http.Error(rw, "down for maintenance", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(door.Close)
	return door.URL + "/api/", open
}

// served is a Run in this process.
type served struct {
	t    *testing.T
	addr string
	stop context.CancelFunc
	done chan error
}

func serve(t *testing.T, apiURL, dir string, with ...string) *served {
	t.Helper()
	cfg, err := Load(goodEnviron(append([]string{"SLACK_API_URL=" + apiURL, "STATE_DIR=" + dir, "SLACK_BOT_TOKEN=" + simslack.DemoBotToken,
		"SLACK_APP_TOKEN=" + simslack.DemoAppToken, "AUDIT_CHANNEL=" + simslack.DemoAudit,
		"CLUSTERS=111122223333/eu-central-1/prod"}, with...)...))
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(zerolog.New(io.Discard).WithContext(t.Context()))
	s := &served{t: t, addr: l.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- Run(ctx, cfg, WithListener(l)) }()
	t.Cleanup(cancel)
	return s
}

// end waits for Run's answer.
func (s *served) end() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		return err
	case <-time.After(30 * time.Second):
		s.t.Fatal("Run did not return within 30 s")
		return nil
	}
}

// readyz waits until /readyz answers with the status and says the words.
func (s *served) readyz(status int, words ...string) {
	s.t.Helper()
	last := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		got, text := s.get("/readyz")
		last = text
		all := got == status
		for _, w := range words {
			all = all && strings.Contains(text, w)
		}
		if all {
			return
		}
	}
	s.t.Fatalf("/readyz never answered %d with %q; last:\n%s", status, words, last)
}

func (s *served) get(path string) (int, string) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// Slack is down at the start: the queue runs all the same, /readyz says what is missing, and Slack's return is noticed.
func TestServesWhileSlackIsDown(t *testing.T) {
	apiURL, open := workspace(t)
	s := serve(t, apiURL, t.TempDir())
	s.readyz(http.StatusServiceUnavailable, "ok   store", "ok   worker", "FAIL slack: Slack cannot be reached")
	if status, text := s.get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz = %d %s: a restart would not bring Slack back", status, text)
	}
	open.Store(true)
	s.readyz(http.StatusOK, "connections live")
	status, metrics := s.get("/metrics")
	for _, want := range []string{"ecsbot_sockets_live", "ecsbot_audit_records_total", "ecsbot_store_up 1", "ecsbot_budget_parts 1"} {
		if status != http.StatusOK || !strings.Contains(metrics, want) {
			t.Errorf("/metrics (%d) lacks %s", status, want)
		}
	}
	s.stop()
	if err := s.end(); err != nil {
		t.Errorf("Run = %v after a stop, want nil", err)
	}
}

func TestStopsWhileWaitingForSlack(t *testing.T) {
	apiURL, _ := workspace(t)
	s := serve(t, apiURL, t.TempDir())
	s.readyz(http.StatusServiceUnavailable, "FAIL slack")
	s.stop()
	if err := s.end(); err != nil {
		t.Errorf("Run = %v after a stop, want nil", err)
	}
}

func TestARefusedTokenEndsTheStart(t *testing.T) {
	apiURL, open := workspace(t)
	open.Store(true)
	for name, tt := range map[string]struct{ with, want string }{
		"bot token": {"SLACK_BOT_TOKEN=xoxb-sim-wrong", "SLACK_BOT_TOKEN"},
		"app token": {"SLACK_APP_TOKEN=xapp-sim-wrong", "SLACK_APP_TOKEN"},
	} {
		t.Run(name, func(t *testing.T) {
			err := serve(t, apiURL, t.TempDir(), tt.with).end()
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "sim-wrong") {
				t.Errorf("Run = %v, want a sentence about %s without the token", err, tt.want)
			}
		})
	}
}

func TestASecondServingProcessIsRefused(t *testing.T) {
	apiURL, _ := workspace(t)
	dir := t.TempDir()
	first := serve(t, apiURL, dir)
	first.readyz(http.StatusServiceUnavailable, "ok   worker")
	if err := serve(t, apiURL, dir).end(); !errors.Is(err, store.ErrServing) {
		t.Errorf("Run = %v, want ErrServing", err)
	}
	first.stop()
	if err := first.end(); err != nil {
		t.Error(err)
	}
}
