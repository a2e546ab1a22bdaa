package socket

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
	"github.com/slack-go/slack"
)

var (
	errNoHello  = errors.New("connected, but Slack sent no hello within 10 s")
	errCutEarly = errors.New("connection ended before its hello")
	errPanicked = errors.New("connecting panicked")
	errAddress  = errors.New("apps.connections.open gave no usable WebSocket address") // which would show the ticket
)

// leftError is a disconnect frame in place of hello.
type leftError struct{ reason string }

func (l *leftError) Error() string { return "Slack refused the connection: " + l.reason }

// seat is one of the connections that a Manager holds, through all of its successors.
type seat struct {
	m     *Manager
	old   *conn // asked to leave; read on until its successor says hello
	fails int   // in a row
}

// keep holds one connection until ctx ends. Its error is a *FatalError of the start.
func (m *Manager) keep(ctx context.Context, i int) error {
	s := &seat{m: m}
	pause(ctx, time.Duration(i)*m.cfg.Stagger)
	for ctx.Err() == nil {
		wait, err := s.turn(ctx)
		if err != nil {
			return err
		}
		pause(ctx, wait)
	}
	return nil
}

// turn dials one connection and follows it until it must be replaced, and says how long to wait before that.
func (s *seat) turn(ctx context.Context) (time.Duration, error) {
	c, err := s.m.connect(ctx)
	if ctx.Err() != nil {
		return 0, nil
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	if s.old != nil {
		s.m.retire(s.old)
		s.old = nil
	}
	select {
	case <-ctx.Done():
		return 0, nil
	case <-c.left:
	case <-c.done:
	}
	if c.lived() >= stableAfter {
		s.fails = 0
	}
	switch reason := c.why(); reason {
	case "":
		return s.broken(), nil
	case ReasonTooMany, ReasonLinkDisabled:
		c.close(reason)
		return s.failed(ctx, &leftError{reason})
	default:
		s.old = c // the successor first
		return 0, nil
	}
}

// broken is the wait after a connection ended without notice: none if it had served well, else a backoff.
func (s *seat) broken() time.Duration {
	if s.fails == 0 {
		s.fails = 1
		return 0
	}
	return s.backoff()
}

// failed is the wait after an attempt that brought no connection.
func (s *seat) failed(ctx context.Context, err error) (time.Duration, error) {
	left, isLeft := errors.AsType[*leftError](err)
	if isLeft && left.reason == ReasonLinkDisabled {
		advice, _ := fix(left.reason)
		err = &FatalError{Code: left.reason, Fix: advice}
	}
	if fatal, ok := errors.AsType[*FatalError](err); ok {
		return s.m.cfg.FatalRetry, s.m.fail(ctx, fatal)
	}
	s.m.failedWith(err)
	log := zerolog.Ctx(ctx)
	if isLeft && left.reason == ReasonTooMany {
		// All ten are taken. The old one makes room, and whoever holds the others needs time to let go.
		if s.old != nil {
			s.old.close(ReasonTooMany)
			s.old = nil
		}
		wait := s.m.cfg.TooManyPause + rand.N(s.m.cfg.TooManyPause)
		log.Error().Dur("wait", wait).Msg("Slack counts more than 10 connections for this app: too many replicas, ghosts, or a stolen app token")
		return wait, nil
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		s.m.pace.hold(min(limited.RetryAfter, maxRetryAfter))
	}
	wait := s.backoff()
	log.Warn().AnErr("cause", err).Int("attempt", s.fails).Dur("wait", wait).Msg("no connection to Slack")
	return wait, nil
}

// backoff is a random wait below a bound that doubles from 500 ms to MaxBackoff ("full jitter"), so that replicas don't come
// back together after an outage.
func (s *seat) backoff() time.Duration {
	bound := s.m.cfg.MaxBackoff
	if s.fails < 16 {
		bound = min(bound, firstBackoff<<s.fails)
	}
	s.fails++
	return rand.N(bound) + 1
}

// connect returns a connection that has said hello.
func (m *Manager) connect(ctx context.Context) (c *conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			zerolog.Ctx(ctx).Error().Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("connecting to Slack panicked")
			c, err = nil, errPanicked
		}
	}()
	if err := m.pace.wait(ctx); err != nil {
		return nil, err
	}
	address, err := m.openSocket(ctx)
	if err != nil {
		return nil, classify(err)
	}
	c, err = m.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return c, c.await(ctx)
}

func (m *Manager) openSocket(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	m.counted.opens.Add(1)
	address, err := m.cfg.Opener.OpenSocket(ctx)
	if err != nil {
		return "", fmt.Errorf("opening a Slack connection: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "wss" && u.Scheme != "ws" {
		return "", errAddress
	}
	return address, nil
}

func (m *Manager) dial(ctx context.Context, address string) (*conn, error) {
	m.countDial(1)
	ws, resp, err := m.dialer.DialContext(ctx, address, nil)
	if resp != nil {
		defer func() { _ = resp.Body.Close() }() // gorilla has read what there was
	}
	if err != nil {
		m.countDial(-1)
	}
	switch {
	case err != nil && resp != nil:
		return nil, fmt.Errorf("dialling Slack's WebSocket: %w, HTTP status %d", err, resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("dialling Slack's WebSocket: %w", err)
	}
	return m.start(ctx, ws), nil
}

func (m *Manager) countDial(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialling += n
}

// await returns when Slack said hello; otherwise it has closed the connection.
func (c *conn) await(ctx context.Context) error {
	t := time.NewTimer(helloTimeout)
	defer t.Stop()
	select {
	case <-c.hello:
		return nil
	case <-c.left:
	case <-c.done:
	case <-ctx.Done(): // shutdown closes it
		return ctx.Err()
	case <-t.C:
		c.close(ReasonNoHello)
		return errNoHello
	}
	if reason := c.why(); reason != "" {
		c.close(reason)
		return &leftError{reason}
	}
	return errCutEarly
}

// retire reads a connection that was asked to leave to its end, which Slack usually makes within seconds.
func (m *Manager) retire(c *conn) {
	m.readers.Go(func() {
		t := time.NewTimer(m.cfg.Drain)
		defer t.Stop()
		select {
		case <-c.done:
		case <-t.C:
			c.close(ReasonRetired)
		}
	})
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
