package socket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
)

// keepBuffer is the largest read buffer that a connection keeps between messages.
const keepBuffer = 64 << 10

var errCannotRead = errors.New("reading the socket panicked")

// conn is one WebSocket connection, from its handshake to the end of its stream.
type conn struct {
	m       *Manager
	ws      *websocket.Conn
	serial  int64
	dialled time.Time

	hello   chan struct{} // closed when hello was read
	left    chan struct{} // closed at the first disconnect frame
	done    chan struct{} // closed when the stream has ended; nothing can be read or written any more
	writing chan struct{} // holds one token while a data frame or our close frame is written
	pongs   chan string   // what Slack's newest unanswered ping carried
	closing atomic.Bool   // our close frame is written, so no ack may follow

	lastInbound atomic.Int64 // time.Duration since dialled, which no jump of the wall clock changes
	buf         bytes.Buffer // owned by the read loop

	// mu guards what follows.
	mu      sync.Mutex
	helloAt time.Time
	leaving string // reason of the first disconnect frame
	cause   string // why we ended it, the first reason counts
	err     error
}

var _ Arrival = (*conn)(nil)

// message is a frame of Slack's: hello, disconnect or an envelope.
type message struct {
	Type            string          `json:"type"`
	Reason          string          `json:"reason"`
	NumConnections  int             `json:"num_connections"`
	EnvelopeID      string          `json:"envelope_id"`
	Payload         json.RawMessage `json:"payload"`
	AcceptsResponse bool            `json:"accepts_response_payload"`
	RetryAttempt    int             `json:"retry_attempt"`
	RetryReason     string          `json:"retry_reason"`
}

// start owns ws from now on, and ends the count that dial began. Its goroutines end with the stream; m.readers waits for them.
func (m *Manager) start(ctx context.Context, ws *websocket.Conn) *conn {
	c := &conn{
		m: m, ws: ws, serial: m.serial.Add(1), dialled: time.Now(),
		hello: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}),
		writing: make(chan struct{}, 1), pongs: make(chan string, 1),
	}
	m.mu.Lock()
	m.open[c] = struct{}{}
	m.dialling--
	m.mu.Unlock()
	ws.SetReadLimit(readLimit)
	ws.SetPingHandler(func(data string) error {
		c.answerLater(data)
		return c.heard()
	})
	ws.SetPongHandler(func(string) error { return c.heard() })
	m.readers.Go(func() { c.read(ctx) })
	m.readers.Go(c.keepalive)
	return c
}

// read takes messages until the stream ends. It calls nothing that can block on a handler.
func (c *conn) read(ctx context.Context) {
	err := c.readAll(ctx)
	_ = c.ws.Close() // the stream has ended; its error is the one that tells
	c.end(ctx, err)
	close(c.done)
}

func (c *conn) readAll(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // gorilla panics on a misused connection, and the parser reads foreign text
			zerolog.Ctx(ctx).Error().Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("socket reader panicked")
			err = errCannotRead
		}
	}()
	if err := c.heard(); err != nil {
		return err
	}
	for {
		b, err := c.next()
		if err != nil {
			return err
		}
		c.take(ctx, b)
	}
}

// heard notes a sign of life and gives the peer another ReadTimeout.
func (c *conn) heard() error {
	now := time.Now()
	c.lastInbound.Store(int64(now.Sub(c.dialled)))
	return c.ws.SetReadDeadline(now.Add(c.m.cfg.ReadTimeout))
}

// next reads one message; the bytes hold until the next call. Each part of a long message is a sign of life.
func (c *conn) next() ([]byte, error) {
	if c.buf.Cap() > keepBuffer {
		c.buf = bytes.Buffer{}
	}
	c.buf.Reset()
	_, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	_, err = c.buf.ReadFrom(readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if herr := c.heard(); herr != nil {
			return n, herr
		}
		return n, err
	}))
	return c.buf.Bytes(), err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// take acts on one message.
func (c *conn) take(ctx context.Context, b []byte) {
	msg, err := Decode[message](b)
	if err != nil {
		c.m.counted.malformed.Add(1)
		zerolog.Ctx(ctx).Warn().Int64("socket", c.serial).Int("bytes", len(b)).Msg("malformed message from Slack")
		// A field of a wrong type leaves the others readable, and an envelope is too precious for its retry_attempt.
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok || msg.EnvelopeID == "" {
			return
		}
	}
	switch {
	case msg.Type == "hello":
		c.welcome(ctx, msg.NumConnections)
	case msg.Type == "disconnect":
		c.leave(ctx, msg.Reason)
	case msg.EnvelopeID != "":
		c.m.handOver(ctx, &Envelope{
			ID: msg.EnvelopeID, Type: msg.Type, Payload: msg.Payload, AcceptsResponse: msg.AcceptsResponse,
			RetryAttempt: msg.RetryAttempt, RetryReason: msg.RetryReason,
			ReceivedAt: time.Now(), arrival: c, counted: &c.m.counted,
		})
	default:
		c.m.counted.unknown.Add(1)
		zerolog.Ctx(ctx).Warn().Int64("socket", c.serial).Str("message_type", clip(msg.Type)).Msg("unknown message from Slack")
	}
}

// clip shortens a foreign word for the log.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most]
	}
	return s
}

func (c *conn) welcome(ctx context.Context, numConnections int) {
	c.mu.Lock()
	first := c.helloAt.IsZero()
	if first {
		c.helloAt = time.Now()
	}
	c.mu.Unlock()
	if !first {
		return
	}
	h := c.m.connected(numConnections)
	log := zerolog.Ctx(ctx)
	log.Info().Int64("socket", c.serial).Int("num_connections", h.NumConnections).Int("own", h.Own).Msg("Slack connection opened")
	switch {
	case c.m.cfg.Alone && h.Elsewhere() > 0:
		log.Warn().Int("num_connections", h.NumConnections).Int("own", h.Own).
			Msg("Slack counts connections that are not ours: ghosts, a second process, or a stolen app token")
	case h.NumConnections > MaxConnections-c.m.cfg.Connections:
		log.Warn().Int("num_connections", h.NumConnections).Msg("Slack allows 10 connections, a refresh may find no room")
	}
	close(c.hello)
}

func (c *conn) leave(ctx context.Context, reason string) {
	switch reason {
	case ReasonWarning, ReasonRefresh, ReasonTooMany, ReasonLinkDisabled:
	default:
		reason = ReasonOther
	}
	zerolog.Ctx(ctx).Info().Int64("socket", c.serial).Str("reason", reason).Msg("Slack asked a connection to leave")
	c.mu.Lock()
	first := c.leaving == ""
	if first {
		c.leaving = reason
	}
	c.mu.Unlock()
	c.m.leftFor(reason)
	if first {
		close(c.left)
	}
}

// answerLater leaves a pong to keepalive, as a stuck ack must not hold the read loop. The newest ping is the one to answer
// (RFC 6455, 5.5.3).
func (c *conn) answerLater(data string) {
	for {
		select {
		case c.pongs <- data:
			return
		default:
		}
		select {
		case <-c.pongs:
		default:
		}
	}
}

// keepalive writes pings and pongs until the stream ends.
func (c *conn) keepalive() {
	t := time.NewTicker(c.m.cfg.PingEvery)
	defer t.Stop()
	for {
		kind, data := websocket.PingMessage, ""
		select {
		case <-c.done:
			return
		case data = <-c.pongs:
			kind = websocket.PongMessage
		case <-t.C:
		}
		err := c.ws.WriteControl(kind, []byte(data), time.Now().Add(writeTimeout))
		if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			c.writeFailed(err)
			return
		}
	}
}

// WriteAck writes one frame within 2 s. A failed write ends the connection, so that its seat reconnects at once.
func (c *conn) WriteAck(ctx context.Context, frame []byte) error {
	ctx, cancel := context.WithTimeoutCause(ctx, writeTimeout, errAckSlow)
	defer cancel()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case c.writing <- struct{}{}:
	case <-c.done:
		return ErrGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.writing }()
	if c.ended() || c.closing.Load() {
		return ErrGone
	}
	deadline, _ := ctx.Deadline()
	err := c.ws.SetWriteDeadline(deadline)
	if err == nil {
		err = c.ws.WriteMessage(websocket.TextMessage, frame)
	}
	if err != nil {
		c.writeFailed(err)
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}

func (c *conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// writeFailed ends the connection without ceremony: a stream that lost part of a frame carries no other.
func (c *conn) writeFailed(err error) {
	c.blame(ReasonWriteFailed, err)
	_ = c.ws.Close() // err already says why
}

func (c *conn) blame(cause string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == "" {
		c.cause, c.err = cause, err
	}
}

// close says goodbye and waits for the peer's answer, within 5 s, reading on meanwhile: a connection that Slack does not see
// closed stays among the app's ten, and Slack goes on sending to it (slackapi/python-slack-sdk#1940). It returns when the stream
// has ended.
func (c *conn) close(cause string) {
	c.blame(cause, nil)
	t := time.NewTimer(closeTimeout)
	defer t.Stop()
	select {
	case c.writing <- struct{}{}:
		c.closing.Store(true)
		bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		err := c.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeTimeout))
		<-c.writing
		if err == nil || errors.Is(err, websocket.ErrCloseSent) {
			select {
			case <-c.done:
			case <-t.C:
			}
		}
	case <-c.done:
	case <-t.C:
	}
	_ = c.ws.Close() // already closed in the good case
	<-c.done
}

// end records why the stream ended.
func (c *conn) end(ctx context.Context, err error) {
	c.blame(causeOf(err), err)
	c.mu.Lock()
	reason, cause := c.cause, c.err
	if c.leaving != "" {
		reason = c.leaving
	}
	c.mu.Unlock()
	c.m.disconnected(c, reason)
	ev := zerolog.Ctx(ctx).Info()
	if cause != nil {
		ev = ev.AnErr("cause", cause)
	}
	ev.Int64("socket", c.serial).Str("reason", reason).Dur("age", time.Since(c.dialled)).Msg("Slack connection ended")
}

func causeOf(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return ReasonReadTimeout
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		switch closed.Code {
		case websocket.CloseProtocolError, websocket.CloseInvalidFramePayloadData, websocket.CloseMessageTooBig:
			return ReasonBroken
		}
		return ReasonClosed
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || errors.Is(err, net.ErrClosed) {
		return ReasonClosed
	}
	return ReasonBroken
}

// lived is how long the connection has served since its hello; zero without one.
func (c *conn) lived() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.helloAt.IsZero() {
		return 0
	}
	return time.Since(c.helloAt)
}

func (c *conn) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leaving
}

func (c *conn) socket(now time.Time, readTimeout time.Duration) Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	heard := c.dialled.Add(time.Duration(c.lastInbound.Load()))
	delivers := c.leaving != ReasonTooMany && c.leaving != ReasonLinkDisabled && !c.closing.Load()
	return Socket{
		Serial: c.serial, Leaving: c.leaving, ConnectedAt: c.dialled, LastInbound: heard,
		Live: !c.helloAt.IsZero() && delivers && now.Sub(heard) < readTimeout,
	}
}
