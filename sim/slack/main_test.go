package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a Demo workspace for one test.
func start(t *testing.T, change func(*Config)) *Workspace {
	t.Helper()
	cfg := Demo()
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return w
}

// answer is a Web API answer.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) ok() bool { b, _ := a.body["ok"].(bool); return b }

func (a answer) code() string { s, _ := a.body["error"].(string); return s }

func (a answer) text(path ...string) string {
	var v any = a.body
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

func (a answer) messages() string {
	meta, _ := a.body["response_metadata"].(map[string]any)
	return fmt.Sprint(meta["messages"])
}

func do(t *testing.T, req *http.Request) answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header}
	if err := json.Unmarshal(raw, &a.body); err != nil && string(raw) != "ok" {
		t.Fatalf("%s: %v", raw, err)
	}
	return a
}

func request(t *testing.T, target, contentType, bearer, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	return req
}

// api calls a method as slack-go's older methods do: all in the form.
func api(t *testing.T, w *Workspace, method string, args ...string) answer {
	t.Helper()
	form := url.Values{"token": {DemoBotToken}}
	for i := 0; i+1 < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	return do(t, request(t, w.URL()+method, "application/x-www-form-urlencoded", "", form.Encode()))
}

// apiJSON calls a method with a Bearer token and a JSON body.
func apiJSON(t *testing.T, w *Workspace, method string, body any) answer {
	t.Helper()
	return do(t, request(t, w.URL()+method, "application/json; charset=utf-8", DemoBotToken, string(mustJSON(body))))
}

// client is a Socket Mode client that hands every frame to the test.
type client struct {
	ws     *websocket.Conn
	frames chan frame
	ended  chan struct{}
}

type frame struct {
	Type           string         `json:"type"`
	EnvelopeID     string         `json:"envelope_id"`
	Reason         string         `json:"reason"`
	Payload        map[string]any `json:"payload"`
	NumConnections int            `json:"num_connections"`
	Accepts        bool           `json:"accepts_response_payload"`
}

func socketURL(t *testing.T, w *Workspace) string {
	t.Helper()
	a := do(t, request(t, w.URL()+"apps.connections.open", "application/x-www-form-urlencoded", DemoAppToken, ""))
	if !a.ok() {
		t.Fatalf("apps.connections.open: %v", a.body)
	}
	return a.text("url")
}

// connect dials a socket; the first frame (hello or disconnect) is still to be read.
func connect(t *testing.T, w *Workspace) *client {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), socketURL(t, w), http.Header{"Origin": {"https://api.slack.com"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	c := &client{ws: ws, frames: make(chan frame, 1000), ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		for {
			var f frame
			if ws.ReadJSON(&f) != nil {
				return
			}
			c.frames <- f
		}
	}()
	t.Cleanup(func() { _ = ws.Close(); <-c.ended })
	return c
}

func (c *client) next(t *testing.T) frame {
	t.Helper()
	select {
	case f := <-c.frames:
		return f
	case <-time.After(5 * time.Second):
		t.Fatal("no frame came")
		return frame{}
	}
}

func (c *client) hello(t *testing.T) frame {
	t.Helper()
	f := c.next(t)
	if f.Type != "hello" {
		t.Fatalf("the first frame is %+v, not hello", f)
	}
	return f
}

func (c *client) ack(t *testing.T, id string, payload any) {
	t.Helper()
	body := map[string]any{"envelope_id": id}
	if payload != nil {
		body["payload"] = payload
	}
	if err := c.ws.WriteJSON(body); err != nil {
		t.Fatal(err)
	}
}

// result is what a person's action in the background came to.
type result[T any] struct {
	v   T
	err error
}

// later runs a person's action, which waits for the app's ack.
func later[T any](f func() (T, error)) func(t *testing.T) T {
	ch := make(chan result[T], 1)
	go func() {
		v, err := f()
		ch <- result[T]{v, err}
	}()
	return func(t *testing.T) T {
		t.Helper()
		r := <-ch
		if r.err != nil {
			t.Fatal(r.err)
		}
		return r.v
	}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
