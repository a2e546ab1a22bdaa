package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"ecsbot/sim/page"
)

// idleVar makes the test's binary a process that does nothing: these tests are
// about the page, not about the bot behind it.
const idleVar = "PAGE_TEST_IDLE"

func TestMain(m *testing.M) {
	if os.Getenv(idleVar) != "" {
		select {} // until killed
	}
	os.Exit(m.Run())
}

const manifest = `
display_information: {name: Idle}
features:
  bot_user: {display_name: idle}
  slash_commands: [{command: /ecs, description: Nothing, usage_hint: "one [x] · two · help"}]
oauth_config: {scopes: {bot: [commands, "chat:write"]}}
settings: {interactivity: {is_enabled: true}, socket_mode_enabled: true}
`

func files() fstest.MapFS {
	return fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>t</title>")},
		"app.js": {Data: []byte(strings.Repeat("let a = 1;\n", 500))}, "source.sha256": {Data: []byte("x")}}
}

// serve serves a page whose process idles, and returns its URL.
func serve(t *testing.T, change func(*page.Config)) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := page.Config{Dir: t.TempDir(), Manifest: []byte(manifest), Env: []string{idleVar + "=1"}, Assets: files(),
		Command: func() *exec.Cmd { return exec.Command(self) }}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := page.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := page.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// ask sends a request with the headers given as pairs.
func ask(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

// do posts an act as the page does.
func do(t *testing.T, url, body string) (int, page.Outcome) {
	t.Helper()
	res, raw := ask(t, http.MethodPost, url+"/do", body, "Origin", url, "Content-Type", "application/json")
	var out page.Outcome
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		t.Fatalf("%s: status %d, %q: %v", body, res.StatusCode, raw, err)
	}
	return res.StatusCode, out
}

// stream reads /live.
type stream struct {
	t      *testing.T
	events chan event
}

type event struct{ name, data string }

func live(t *testing.T, url string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("GET /live: %d %v", res.StatusCode, res.Header)
	}
	s := &stream{t: t, events: make(chan event)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.events)
		in := bufio.NewReader(res.Body)
		var e event
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			line = strings.TrimSuffix(line, "\n")
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				e.name = name
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				e.data = data
				select {
				case s.events <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		res.Body.Close()
		<-ended
	})
	return s
}

// next is the next event.
func (s *stream) next() event {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatal("the stream ended")
		}
		return e
	case <-time.After(20 * time.Second):
		s.t.Fatal("nothing came for 20 seconds")
	}
	return event{}
}

// until returns the events up to the first of that name that contains the text.
func (s *stream) until(name, text string) []event {
	s.t.Helper()
	var out []event
	for {
		e := s.next()
		out = append(out, e)
		if e.name == name && strings.Contains(e.data, text) {
			return out
		}
	}
}
