package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/audit"
	"ecsbot/workflow"
)

// simClock is moved by the test; real and virtual time are one.
type simClock struct{ now time.Time }

func (c *simClock) Now() time.Time                  { return c.now }
func (c *simClock) Until(t time.Time) time.Duration { return max(0, t.Sub(c.now)) }

// simStore keeps streams as the real one does: a lease fences the writes.
type simStore struct {
	clock   *simClock
	ops     map[string]workflow.Operation
	log     []audit.Record
	streams map[string]workflow.Stream
	held    map[string]bool
	leases  int
	bound   map[string]string // operation, or operation#revision of a notice → channel/ts
	follow  map[string]workflow.FollowUp
	expires map[string]time.Time // by token
	fail    func(call string) error
}

func newStore() *simStore {
	return &simStore{
		clock: &simClock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}, ops: map[string]workflow.Operation{},
		streams: map[string]workflow.Stream{}, held: map[string]bool{}, bound: map[string]string{}, follow: map[string]workflow.FollowUp{}, expires: map[string]time.Time{},
		fail: func(string) error { return nil },
	}
}

func (s *simStore) add(op, kind string) {
	n := int64(len(s.log))
	s.log = append(s.log, audit.Record{Seq: n, Event: workflow.Event{Op: op, At: s.clock.now, Type: workflow.EventType(kind)}})
}

func (s *simStore) Operation(_ context.Context, id string) (workflow.Operation, error) {
	op, ok := s.ops[id]
	if !ok {
		return op, workflow.ErrNotFound
	}
	return op, s.fail("Operation")
}

func (s *simStore) Tokens(_ context.Context, op string, rev int, verbs []workflow.Verb, expires time.Time) (map[workflow.Verb]string, error) {
	m := map[workflow.Verb]string{}
	for _, v := range verbs {
		m[v] = fmt.Sprintf("%s.%d.%s", op, rev, v)
		s.expires[m[v]] = expires
	}
	return m, s.fail("Tokens")
}

func (s *simStore) BindTokens(_ context.Context, op, channel, ts string) error {
	if err := s.fail("BindTokens"); err != nil {
		return err
	}
	s.bound[op] = channel + "/" + ts
	return nil
}

func (s *simStore) BindNotice(_ context.Context, op string, revision int, channel, ts string) error {
	if err := s.fail("BindNotice"); err != nil {
		return err
	}
	s.bound[fmt.Sprintf("%s#%d", op, revision)] = channel + "/" + ts
	return nil
}

func (s *simStore) FollowUp(_ context.Context, op string) (workflow.FollowUp, error) {
	f, ok := s.follow[op]
	if !ok {
		return f, workflow.ErrNotFound
	}
	return f, s.fail("FollowUp")
}

func (s *simStore) AcquireStream(_ context.Context, name string, _ time.Duration) (workflow.Stream, error) {
	if s.held[name] {
		return workflow.Stream{}, workflow.ErrLocked
	}
	if err := s.fail("AcquireStream"); err != nil {
		return workflow.Stream{}, err
	}
	s.leases++
	st, ok := s.streams[name]
	if !ok {
		st.Seq = -1
	}
	st.Name, st.Lease = name, strconv.Itoa(s.leases)
	s.streams[name], s.held[name] = st, true
	return st, nil
}

func (s *simStore) AdvanceStream(_ context.Context, st workflow.Stream) error {
	if err := s.fail("AdvanceStream"); err != nil {
		return err
	}
	if s.streams[st.Name].Lease != st.Lease {
		return workflow.ErrConflict
	}
	s.streams[st.Name] = st
	return nil
}

func (s *simStore) ReleaseStream(_ context.Context, st workflow.Stream) error {
	s.held[st.Name] = false
	return nil
}

func (s *simStore) Records(_ context.Context, from int64, limit int) ([]audit.Record, error) {
	if err := s.fail("Records"); err != nil {
		return nil, err
	}
	if from >= int64(len(s.log)) {
		return nil, nil
	}
	return s.log[from:min(int64(len(s.log)), from+int64(limit))], nil
}

func (s *simStore) Clock() workflow.Clock { return s.clock }

// simMessage is a message as it stands in the fake workspace.
type simMessage struct {
	channel, ts, thread, text, blocks string
	deleted                           bool
	updates                           int
}

// simSlack remembers messages. fault may refuse a call, before or after it took effect.
type simSlack struct {
	t        testing.TB
	messages []*simMessage
	fault    func(method, channel string) (before, after error)
	calls    map[string]int
}

func newSlack(t testing.TB) *simSlack {
	return &simSlack{t: t, calls: map[string]int{}, fault: func(string, string) (error, error) { return nil, nil }}
}

func code(c string) error { return slack.SlackErrorResponse{Err: c} }

// client is slack-go over the fake, so that its encoding and its errors are the real ones.
func (s *simSlack) client() *slack.Client {
	return slack.New("xoxb-sim", slack.OptionHTTPClient(&http.Client{Transport: s}), slack.OptionAPIURL("https://slack.invalid/api/"))
}

func (s *simSlack) find(channel, ts string) *simMessage {
	for _, m := range s.messages {
		if m.channel == channel && m.ts == ts && !m.deleted {
			return m
		}
	}
	return nil
}

// RoundTrip is the workspace.
func (s *simSlack) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	method := path.Base(r.URL.Path)
	s.calls[method]++
	before, after := s.fault(method, r.Form.Get("channel")+r.Form.Get("users"))
	if before != nil {
		return answer(nil, before)
	}
	out, err := s.act(method, r.Form)
	if err == nil {
		err = after
	}
	return answer(out, err)
}

func (s *simSlack) act(method string, v url.Values) (map[string]any, error) {
	channel, thread := v.Get("channel"), v.Get("thread_ts")
	switch method {
	case "chat.postMessage":
		if thread != "" && s.find(channel, thread) == nil {
			return nil, code("thread_not_found")
		}
		m := &simMessage{channel: channel, ts: fmt.Sprintf("%d.000000", len(s.messages)+1), thread: thread, text: v.Get("text"), blocks: v.Get("blocks")}
		s.messages = append(s.messages, m)
		return map[string]any{"channel": channel, "ts": m.ts}, nil
	case "chat.update":
		m := s.find(channel, v.Get("ts"))
		if m == nil {
			return nil, code("message_not_found")
		}
		m.text, m.blocks = v.Get("text"), v.Get("blocks")
		m.updates++
		return map[string]any{"channel": channel, "ts": m.ts}, nil
	case "conversations.open":
		return map[string]any{"channel": map[string]any{"id": "D" + strings.TrimPrefix(v.Get("users"), "U")}}, nil
	}
	return nil, code("unknown_method")
}

// answer is how Slack says it: errors in the body with 200, limits with 429; errLost never arrives.
func answer(out map[string]any, err error) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if out == nil {
		out = map[string]any{}
	}
	out["ok"] = err == nil
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		rec.Header().Set("Retry-After", strconv.Itoa(int(limited.RetryAfter/time.Second)))
		rec.WriteHeader(http.StatusTooManyRequests)
		return rec.Result(), nil
	}
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		out["error"] = refused.Err
	} else if err != nil {
		return nil, err
	}
	rec.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(rec).Encode(out); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

type simSigner struct{ n int }

func (s *simSigner) Checkpoint(context.Context) (string, error) {
	s.n++
	return fmt.Sprintf("ecsbot\n%d\nroot\n\n— ecsbot signature\n", s.n), nil
}

// unlimited lets a test post without waiting for the real clock.
func (d *Deliverer) unlimited() *Deliverer {
	d.pace.updates.SetLimit(1e9)
	d.pace.updates.SetBurst(1 << 30)
	return d
}

func (d *Deliverer) freeChannel(id string) {
	lim := d.pace.channel(id)
	lim.SetLimit(1e9)
	lim.SetBurst(1 << 30)
	d.pace.mu.Lock()
	clear(d.pace.closed)
	d.pace.mu.Unlock()
}

func newDeliverer(t testing.TB, s *simStore, w *simSlack) *Deliverer {
	d, err := New(Deps{Store: s, Slack: w.client(), Signer: &simSigner{}, AuditChannel: "C0AUDIT", Approvers: []string{"U0APPROVER", "S0ONCALL"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range []string{"C0AUDIT", "C0OPS", "D0OPERATOR"} {
		d.freeChannel(ch)
	}
	return d.unlimited()
}

var errLost = errors.New("connection reset by peer")

// seqs reads the sequence numbers that a message shows.
var seqPattern = regexp.MustCompile(`#(\d+)`)
