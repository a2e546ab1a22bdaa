package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// fakeSlack answers apps.connections.open and speaks Socket Mode over net.Pipe, so that it runs inside a synctest bubble, or over
// loopback TCP. Each connection runs script.
type fakeSlack struct {
	script func(*fakeConn)
	// prepare, if set, runs before the connection is read, to change its control-frame handlers.
	prepare func(*fakeConn)
	// refuse, if set, answers the nth open (from 1) with an error.
	refuse func(n int) error

	ln     net.Listener
	srv    *http.Server
	addr   string
	served sync.WaitGroup

	mu    sync.Mutex
	opens []time.Time
	conns []*fakeConn
}

type fakeAck struct {
	conn    int
	id      string
	payload json.RawMessage
}

type fakeConn struct {
	f    *fakeSlack
	n    int
	ws   *websocket.Conn
	gone chan struct{} // the reader has ended

	wmu   sync.Mutex // serialises data frames
	mu    sync.Mutex // guards what follows
	acks  []fakeAck
	pings int
	pongs []string
	code  int           // of the client's close frame, 0 without one
	heard chan struct{} // replaced at each ack
}

type pipeListener struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.ch:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// newFake starts a fake in memory. The caller must call stop before its bubble ends.
func newFake(script func(*fakeConn)) (*fakeSlack, *websocket.Dialer) {
	l := &pipeListener{ch: make(chan net.Conn), done: make(chan struct{})}
	f := &fakeSlack{script: script, ln: l, addr: "slack.test"}
	f.serve()
	return f, &websocket.Dialer{
		HandshakeTimeout: handshakeTimeout, WriteBufferSize: writeBufferSize,
		NetDialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			client, server := net.Pipe()
			select {
			case l.ch <- server:
				return client, nil
			case <-l.done:
				return nil, errors.New("connection refused")
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}
}

// newLoopback starts a fake on a real socket; the manager's own dialer reaches it.
func newLoopback(t testing.TB, script func(*fakeConn)) *fakeSlack {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeSlack{script: script, ln: ln, addr: ln.Addr().String()}
	f.serve()
	t.Cleanup(f.stop)
	return f
}

func (f *fakeSlack) serve() {
	f.srv = &http.Server{Handler: http.HandlerFunc(f.link), ReadHeaderTimeout: 10 * time.Second}
	f.served.Go(func() { _ = f.srv.Serve(f.ln) })
}

func (f *fakeSlack) stop() {
	_ = f.srv.Close()
	for _, c := range f.all() {
		_ = c.ws.Close()
	}
	f.served.Wait()
}

func (f *fakeSlack) OpenSocket(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opens = append(f.opens, time.Now())
	if f.refuse != nil {
		if err := f.refuse(len(f.opens)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("ws://%s/link?ticket=secret-%d", f.addr, len(f.opens)), nil
}

func (f *fakeSlack) link(w http.ResponseWriter, r *http.Request) {
	ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &fakeConn{f: f, ws: ws, gone: make(chan struct{}), heard: make(chan struct{})}
	f.mu.Lock()
	c.n = len(f.conns) + 1
	f.conns = append(f.conns, c)
	f.mu.Unlock()
	ws.SetPingHandler(func(data string) error {
		c.mu.Lock()
		c.pings++
		c.mu.Unlock()
		return ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	ws.SetPongHandler(func(data string) error {
		c.mu.Lock()
		c.pongs = append(c.pongs, data)
		c.mu.Unlock()
		return nil
	})
	if f.prepare != nil {
		f.prepare(c)
	}
	f.served.Go(func() { f.script(c) })
	c.read()
}

func (c *fakeConn) read() {
	defer close(c.gone)
	defer func() { _ = c.ws.Close() }()
	for {
		var a struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		err := c.ws.ReadJSON(&a)
		c.mu.Lock()
		if err != nil {
			if ce, ok := errors.AsType[*websocket.CloseError](err); ok && ce.Code != websocket.CloseAbnormalClosure {
				c.code = ce.Code
			}
			c.mu.Unlock()
			return
		}
		c.acks = append(c.acks, fakeAck{c.n, a.EnvelopeID, a.Payload})
		close(c.heard)
		c.heard = make(chan struct{})
		c.mu.Unlock()
	}
}

func (f *fakeSlack) all() []*fakeConn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*fakeConn(nil), f.conns...)
}

func (f *fakeSlack) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.opens)
}

func (c *fakeConn) send(s string) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return c.ws.WriteMessage(websocket.TextMessage, []byte(s))
}

func (c *fakeConn) hello() error {
	return c.send(`{"type":"hello","num_connections":1,"connection_info":{"app_id":"A1"},"debug_info":{"host":"applink-1","approximate_connection_time":18060}}`)
}

func (c *fakeConn) disconnect(reason string) error {
	return c.send(fmt.Sprintf(`{"type":"disconnect","reason":%q,"debug_info":{"host":"applink-1"}}`, reason))
}

func (c *fakeConn) envelope(id string) error {
	return c.send(fmt.Sprintf(`{"envelope_id":%q,"type":"interactive","accepts_response_payload":true,"payload":{"type":"block_actions","response_url":"https://hooks.test/secret"}}`, id))
}

// waitAcks waits until n acks came, and says whether they did.
func (c *fakeConn) waitAcks(n int, limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		c.mu.Lock()
		have, heard := len(c.acks), c.heard
		c.mu.Unlock()
		if have >= n {
			return true
		}
		select {
		case <-heard:
		case <-c.gone:
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.acks) >= n
		case <-t.C:
			return false
		}
	}
}

func (c *fakeConn) closeCode() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// running is a Manager under test, with its Run.
type running struct {
	*Manager
	cancel context.CancelFunc
	ended  chan error
}

// start fills what cfg leaves open and runs it.
func start(t testing.TB, ctx context.Context, f *fakeSlack, cfg Config) *running {
	t.Helper()
	if cfg.Opener == nil {
		cfg.Opener = f
	}
	if cfg.Handle == nil {
		cfg.Handle = ackAll(t)
	}
	if cfg.Overflow == nil {
		cfg.Overflow = func(_ context.Context, e *Envelope) { t.Errorf("overflow of %s", e.ID) }
	}
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &running{m, cancel, make(chan error, 1)}
	go func() { r.ended <- m.Run(ctx) }()
	return r
}

// stop ends Run and fails the test unless it returned nil.
func (r *running) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	if err := next(t, r.ended); err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func ackAll(t testing.TB) Handler {
	return func(ctx context.Context, e *Envelope) {
		if err := e.Ack(ctx, nil); err != nil {
			t.Errorf("Ack(%s) = %v", e.ID, err)
		}
	}
}

// stay is a script that says hello and nothing else.
func stay(c *fakeConn) { _ = c.hello() }

// next receives from ch, or fails after an hour, which is nothing in virtual time: a manager that retries keeps a bubble busy for ever.
func next[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	limit := time.NewTimer(time.Hour)
	defer limit.Stop()
	select {
	case v := <-ch:
		return v
	case <-limit.C:
		t.Fatal("nothing came within an hour")
		panic("unreachable")
	}
}
