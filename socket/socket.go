// Package socket keeps Slack Socket Mode connections open and hands over what arrives on them.
//
// A Manager holds at least two connections. When Slack asks one to leave (a "disconnect" frame), its successor is dialled first
// and the old one is read to its end, so nothing that Slack sent is dropped. slack-go's own manager closes the old socket first
// and loses every envelope behind the disconnect frame. Slack offers neither slash commands nor clicks a second time, so what a
// connection drops is lost for good.
//
// An Envelope is acknowledged on the connection on which it arrived, by a write with a result and a deadline. The read loop only
// reads and hands on: a slow handler delays neither other envelopes nor the answers to Slack's pings.
//
// https://docs.slack.dev/apis/events-api/using-socket-mode
package socket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// MaxConnections is how many connections Slack allows for one app, over all of its processes.
const MaxConnections = 10

// Defaults of Config, and limits that nobody needs to turn.
const (
	defaultConnections  = 2
	defaultQueue        = 256
	defaultWorkers      = 64 // clicks that wait together for a commit share it, so waiting workers are cheap
	defaultPingEvery    = 10 * time.Second
	defaultReadTimeout  = 30 * time.Second
	defaultStagger      = 2 * time.Second
	defaultMaxBackoff   = 30 * time.Second
	defaultOpenEvery    = 10 * time.Second // apps.connections.open is documented as Tier 1, one a minute and bursts
	defaultDrain        = 60 * time.Second
	defaultGrace        = 10 * time.Second
	defaultFatalRetry   = 60 * time.Second
	defaultTooManyPause = 30 * time.Second

	openBurst        = 4                // two connections at start, and one successor for each without waiting
	openTimeout      = 15 * time.Second // one call of apps.connections.open
	handshakeTimeout = 10 * time.Second
	helloTimeout     = 10 * time.Second
	writeTimeout     = 2 * time.Second // an ack is due within 3 s of the click
	closeTimeout     = 5 * time.Second // from our close frame to the peer's
	stableAfter      = 30 * time.Second
	firstBackoff     = 500 * time.Millisecond
	maxRetryAfter    = 5 * time.Minute

	readLimit       = 4 << 20  // bytes in one message
	writeBufferSize = 32 << 10 // a larger message would be fragmented, and Slack drops fragmented acks

	overflowQueue   = 256
	overflowWorkers = 4
	overflowTimeout = 3 * time.Second // after that Slack has told the person itself
	stuckTimeout    = time.Second     // how long a handler may run on after its context was cancelled
)

// Errors of New and Run.
var (
	ErrConfig   = errors.New("socket: incomplete configuration")
	ErrRan      = errors.New("socket: a manager runs once")
	errStuck    = errors.New("socket: handlers still running after their context was cancelled")
	errShutdown = errors.New("socket: shutting down")
)

// Handler takes one envelope. Handlers run concurrently. Their context outlives Run's by Config.Grace, so that what was taken
// can be stored and acknowledged. A panic is recovered, counted and logged, and the envelope stays unacknowledged.
type Handler func(ctx context.Context, e *Envelope)

// Config says how to connect and where to hand envelopes. Opener, Handle and Overflow are required; zero values elsewhere mean
// the defaults.
type Config struct {
	// Opener asks Slack for a WebSocket address.
	Opener Opener
	// Handle takes every envelope, on one of Workers goroutines.
	Handle Handler
	// Overflow takes the envelopes that found the hand-over full; it tells the person. Its context ends after 3 s. Few run at
	// once; if even they fall behind, the envelope is logged, counted and left unacknowledged, so that Slack shows the failure.
	Overflow Handler
	// OnFatal, if set, is told of an answer that no retry mends and that came after the start. It must not block.
	OnFatal func(error)

	// Connections to hold; 2 to 10, default 2. Slack allows 10 for an app over all processes, and each needs room for its
	// successor: keep processes × Connections at 8 or less.
	Connections int
	// Alone says that no other process uses this app: then connections that are not ours are ghosts or a stolen app token, and
	// are warned of.
	Alone bool
	// Queue is how many envelopes may wait for a worker, default 256.
	Queue int
	// Workers is how many handlers run at once, default 64.
	Workers int

	// PingEvery is the interval of our own pings, default 10 s.
	PingEvery time.Duration
	// ReadTimeout is the silence after which a connection counts as dead, default 30 s. Slack's pings and the answers to ours
	// count as sound.
	ReadTimeout time.Duration
	// Stagger is the time between the first dials of the connections, default 2 s, so that Slack doesn't refresh them together.
	Stagger time.Duration
	// MaxBackoff caps the wait before a failed connection is dialled again, default 30 s.
	MaxBackoff time.Duration
	// OpenEvery paces apps.connections.open over all connections, after a burst of 4; default 10 s.
	OpenEvery time.Duration
	// Drain is how long an old connection is read after its successor's hello, default 60 s. Slack usually closes it sooner.
	Drain time.Duration
	// Grace is how long handlers may finish after Run's context ended, default 10 s.
	Grace time.Duration
	// FatalRetry is the wait between attempts after an answer that no retry mends, default 60 s, so that a re-enabled app
	// recovers by itself.
	FatalRetry time.Duration
	// TooManyPause is the least wait after too_many_websockets, default 30 s; as much again is added at random.
	TooManyPause time.Duration

	// Dialer replaces the WebSocket dialer, for tests. Nil means one with the proxy of the environment.
	Dialer *websocket.Dialer
}

// Manager keeps the connections. Make one with New and run it once.
type Manager struct {
	cfg    Config
	dialer *websocket.Dialer
	pace   *pacer

	queue   chan *Envelope
	spill   chan *Envelope
	pending atomic.Int64  // envelopes taken and not yet handled
	idle    chan struct{} // told when pending falls to zero
	handled sync.WaitGroup
	readers sync.WaitGroup

	ran     atomic.Bool
	serial  atomic.Int64
	counted counters

	// mu guards what follows.
	mu          sync.Mutex
	open        map[*conn]struct{}
	dialling    int // handshakes under way, which Slack may count already
	started     bool
	stopping    bool
	fatal       *FatalError
	lastErr     string
	lastReason  string
	lastLeft    time.Time
	lastInbound time.Time // on connections that have ended
	hello       Hello
	reconnects  map[string]int64
}

// New checks the configuration and returns a Manager that has not connected yet.
func New(cfg Config) (*Manager, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	m := &Manager{
		cfg:        cfg,
		dialer:     cfg.Dialer,
		pace:       &pacer{limiter: rate.NewLimiter(rate.Every(cfg.OpenEvery), openBurst)},
		queue:      make(chan *Envelope, cfg.Queue),
		spill:      make(chan *Envelope, overflowQueue),
		idle:       make(chan struct{}, 1),
		open:       make(map[*conn]struct{}),
		reconnects: make(map[string]int64),
	}
	if m.dialer == nil {
		m.dialer = &websocket.Dialer{
			Proxy:            proxy,
			HandshakeTimeout: handshakeTimeout,
			WriteBufferSize:  writeBufferSize,
		}
	}
	return m, nil
}

// proxy is http.ProxyFromEnvironment without the proxy's address, which may hold a password, in the error.
func proxy(r *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(r)
	if err != nil {
		return nil, errors.New("reading the proxy address in HTTPS_PROXY or HTTP_PROXY: not a URL")
	}
	return u, nil
}

func (c *Config) complete() error {
	switch {
	case c.Opener == nil:
		return fmt.Errorf("%w: no Opener", ErrConfig)
	case c.Handle == nil:
		return fmt.Errorf("%w: no Handle", ErrConfig)
	case c.Overflow == nil:
		return fmt.Errorf("%w: no Overflow", ErrConfig)
	}
	orInt(&c.Connections, defaultConnections)
	orInt(&c.Queue, defaultQueue)
	orInt(&c.Workers, defaultWorkers)
	orDuration(&c.PingEvery, defaultPingEvery)
	orDuration(&c.ReadTimeout, defaultReadTimeout)
	orDuration(&c.Stagger, defaultStagger)
	orDuration(&c.MaxBackoff, defaultMaxBackoff)
	orDuration(&c.OpenEvery, defaultOpenEvery)
	orDuration(&c.Drain, defaultDrain)
	orDuration(&c.Grace, defaultGrace)
	orDuration(&c.FatalRetry, defaultFatalRetry)
	orDuration(&c.TooManyPause, defaultTooManyPause)
	switch {
	case c.Connections < 2 || c.Connections > MaxConnections:
		return fmt.Errorf("%w: %d connections, want 2 to %d", ErrConfig, c.Connections, MaxConnections)
	case c.Queue < 1 || c.Workers < 1:
		return fmt.Errorf("%w: Queue %d and Workers %d must be positive", ErrConfig, c.Queue, c.Workers)
	case c.PingEvery >= c.ReadTimeout:
		return fmt.Errorf("%w: PingEvery %s must be shorter than ReadTimeout %s", ErrConfig, c.PingEvery, c.ReadTimeout)
	}
	for _, d := range []time.Duration{c.PingEvery, c.Stagger, c.MaxBackoff, c.OpenEvery, c.Drain, c.Grace, c.FatalRetry, c.TooManyPause} {
		if d < 0 {
			return fmt.Errorf("%w: negative duration %s", ErrConfig, d)
		}
	}
	return nil
}

func orInt(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

func orDuration(v *time.Duration, def time.Duration) {
	if *v == 0 {
		*v = def
	}
}

// Run connects and serves until ctx ends. Then it stops dialling, lets handlers finish within Config.Grace, and closes the
// connections with a close frame; it returns nil. If Slack's answer at the start is one that no retry mends, it returns a
// *FatalError that says what to fix. After a first hello such an answer only makes the manager unready: see Health.
func (m *Manager) Run(ctx context.Context) error {
	if !m.ran.CompareAndSwap(false, true) {
		return ErrRan
	}
	handling, stopHandling := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopHandling(nil)
	m.work(handling)

	dialling, stopDialling := context.WithCancel(ctx)
	defer stopDialling()
	fatal := make(chan error, m.cfg.Connections)
	var seats sync.WaitGroup
	for i := range m.cfg.Connections {
		seats.Go(func() {
			if err := m.keep(dialling, i); err != nil {
				stopDialling()
				fatal <- err
			}
		})
	}
	seats.Wait()

	err := m.shutdown(ctx, stopHandling)
	select {
	case f := <-fatal:
		return f
	default:
		return err
	}
}

// shutdown ends what Run began, in the order that loses nothing: handlers finish and write their acks, then the close frames
// go out, then the readers see their end.
func (m *Manager) shutdown(ctx context.Context, stopHandling context.CancelCauseFunc) error {
	log := zerolog.Ctx(ctx)
	m.mu.Lock()
	m.stopping = true
	m.mu.Unlock()
	graceEnds := time.Now().Add(m.cfg.Grace)
	late := time.AfterFunc(m.cfg.Grace, func() { stopHandling(errShutdown) })
	defer late.Stop()
	if !m.waitIdle(m.cfg.Grace) {
		log.Warn().Int64("pending", m.pending.Load()).Dur("grace", m.cfg.Grace).Msg("socket handlers outlived the grace period")
		m.waitIdle(stuckTimeout)
	}
	m.closeAll()
	m.readers.Wait()
	// Nothing can be handed over any more. What arrived during the close is still handled, though its ack finds the socket gone.
	close(m.queue)
	close(m.spill)
	ended := make(chan struct{})
	go func() { m.handled.Wait(); close(ended) }()
	stuck := time.NewTimer(max(0, time.Until(graceEnds)) + stuckTimeout)
	defer stuck.Stop()
	select {
	case <-ended:
		return nil
	case <-stuck.C:
		return fmt.Errorf("%w: %d", errStuck, m.pending.Load())
	}
}

func (m *Manager) waitIdle(limit time.Duration) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	for m.pending.Load() > 0 {
		select {
		case <-m.idle:
		case <-t.C:
			return m.pending.Load() == 0
		}
	}
	return true
}

func (m *Manager) closeAll() {
	var all sync.WaitGroup
	for _, c := range m.connections() {
		all.Go(func() { c.close(ReasonShutdown) })
	}
	all.Wait()
}

func (m *Manager) connections() []*conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	cs := make([]*conn, 0, len(m.open))
	for c := range m.open {
		cs = append(cs, c)
	}
	return cs
}
