// Package slack is a Slack workspace on the wire: the Web API, Socket Mode and
// the people who type and click, for tests and demonstrations. It knows nothing
// of any particular app. Where Slack's behaviour is documented it follows the
// documents; where it is lenient or undocumented it takes the stricter side, so
// that what passes here has a fair chance with the real thing.
//
// Characters are counted as Unicode code points. Slack does not say whether it
// counts code points or UTF-16 units; the two differ outside the BMP only.
//
// It listens on loopback only and refuses every token that does not say "sim".
package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Defaults of the limits that Slack documents.
const (
	defaultAckLimit      = 3 * time.Second  // api.slack.com/interactivity/slash-commands
	defaultTriggerLife   = 3 * time.Second  // api.slack.com/interactivity/handling#modal_responses
	defaultResponseLife  = 30 * time.Minute // api.slack.com/interactivity/handling#message_responses
	defaultResponseUses  = 5
	defaultPingInterval  = 10 * time.Second
	maxSockets           = 10       // api.slack.com/apis/socket-mode
	maxAckBytes          = 20 << 10 // slack-go socketmode.go, maxResponseSize
	ticketLife           = 30 * time.Second
	writeTimeout         = 5 * time.Second
	defaultPageSize      = 100
	maxMessageText       = 40_000
	maxUpdateText        = 4_000
	maxBlocksTotal       = 13_200 // slackapi/bolt-js#2509
	maxViewBytes         = 250_000
	maxViewStack         = 3
	defaultConnectionAge = 18_060 // seconds, as hello's debug_info tells
)

// Config describes a workspace. Demo returns a complete one.
type Config struct {
	TeamID, TeamName, TeamDomain string
	// EnterpriseID puts the workspace on an Enterprise Grid: payloads then carry
	// a null team, an enterprise, and no user.team_id.
	EnterpriseID string

	AppID             string
	BotUserID, BotID  string
	BotName           string
	BotToken          string // must contain "sim"
	AppToken          string // must contain "sim"
	VerificationToken string

	// Manifest is the app manifest (YAML or JSON). Scopes, slash commands,
	// interactivity and Socket Mode are what it says and nothing more.
	Manifest []byte

	Users      []User
	Channels   []Channel
	Usergroups []Usergroup

	// Now is the workspace's clock: timestamps, triggers, response URLs and rate
	// limits follow it. Nil means time.Now. The limit for acks is real time.
	Now func() time.Time
	// Shown is the clock by which people read when a message was posted, where that
	// is another one: a workspace in real time beside an estate in virtual time. Nil
	// means Now.
	Shown func() time.Time
	// AckLimit is how long an envelope may stay without its ack (default 3 s).
	AckLimit time.Duration
	// TriggerLife is how long a trigger_id opens a view (default 3 s).
	TriggerLife time.Duration
	// PingInterval is the pace of WebSocket pings (default 10 s).
	PingInterval time.Duration
	// PageSize caps what one page of a list may hold, whatever was asked for.
	PageSize int
	// EnforceRateLimits makes the tiers of every method real.
	EnforceRateLimits bool
	// RefuseForeignAcks ignores acks that come on another socket than the envelope's.
	RefuseForeignAcks bool
	// RandomSeed, when not zero, spreads envelopes over the sockets at random
	// (repeatably); zero means one after another.
	RandomSeed int64
}

// Workspace is one simulated workspace. Its methods may be called from any goroutine.
type Workspace struct {
	cfg      Config
	manifest manifest
	now      func() time.Time

	ctx    context.Context // ends at Close; every wait of the server selects on it
	cancel context.CancelFunc
	work   sync.WaitGroup

	srv      *http.Server
	listener net.Listener

	mu       sync.Mutex // guards everything below
	changed  chan struct{}
	closed   bool
	dir      directory
	messages map[string][]*Message // by channel, in the order of posting
	views    map[string]*View
	stacks   map[string][]string // user id to view ids, root first
	triggers map[string]*trigger
	answers  map[string]*responseURL
	tickets  map[string]admission
	revoked  map[string]string // token to the error it gets
	links    linkState
	faults   faults
	buckets  map[string]*bucket
	entries  []Entry
	lastTS   int64 // microseconds
	revision int   // of the messages: grows with every change
	serial   int
}

// New checks the configuration and returns a workspace that does not listen yet.
func New(cfg Config) (*Workspace, error) {
	m, err := parseManifest(cfg.Manifest)
	if err != nil {
		return nil, err
	}
	if err := checkConfig(cfg); err != nil {
		return nil, err
	}
	cfg = withDefaults(cfg)
	dir, err := newDirectory(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Workspace{
		cfg: cfg, manifest: m, now: cfg.Now, ctx: ctx, cancel: cancel,
		changed: make(chan struct{}), dir: dir,
		messages: map[string][]*Message{}, views: map[string]*View{}, stacks: map[string][]string{},
		triggers: map[string]*trigger{}, answers: map[string]*responseURL{}, tickets: map[string]admission{},
		revoked: map[string]string{}, links: newLinkState(cfg.RandomSeed), faults: newFaults(), buckets: map[string]*bucket{},
	}, nil
}

func checkConfig(cfg Config) error {
	var problems []error
	for name, token := range map[string]string{"BotToken": cfg.BotToken, "AppToken": cfg.AppToken} {
		if !simulated(token) {
			problems = append(problems, fmt.Errorf("slack simulator: %s must contain \"sim\"; a token that looks real is not accepted", name))
		}
	}
	for name, v := range map[string]string{"TeamID": cfg.TeamID, "AppID": cfg.AppID, "BotUserID": cfg.BotUserID, "BotID": cfg.BotID} {
		if v == "" {
			problems = append(problems, fmt.Errorf("slack simulator: %s is empty", name))
		}
	}
	return errors.Join(problems...)
}

func withDefaults(cfg Config) Config {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Shown == nil {
		cfg.Shown = cfg.Now
	}
	if cfg.AckLimit == 0 {
		cfg.AckLimit = defaultAckLimit
	}
	if cfg.TriggerLife == 0 {
		cfg.TriggerLife = defaultTriggerLife
	}
	if cfg.PingInterval == 0 {
		cfg.PingInterval = defaultPingInterval
	}
	if cfg.PageSize == 0 {
		cfg.PageSize = defaultPageSize
	}
	if cfg.TeamDomain == "" {
		cfg.TeamDomain = strings.ToLower(cfg.TeamName)
	}
	if cfg.VerificationToken == "" {
		cfg.VerificationToken = "sim-verification"
	}
	return cfg
}

// simulated reports whether a token is one of a simulator's.
func simulated(token string) bool { return strings.Contains(token, "sim") }

// Start listens on addr, which must be a loopback address such as "127.0.0.1:0".
func (w *Workspace) Start(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading the address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("slack simulator: %q is not a loopback address", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(w.ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening for the simulated workspace: %w", err)
	}
	w.listener = l
	w.srv = &http.Server{Handler: w.routes(), ReadHeaderTimeout: 10 * time.Second}
	w.spawn(func() {
		if err := w.srv.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			w.record(Entry{Kind: KindFault, Outcome: "server_ended", Detail: err.Error()})
		}
	})
	return nil
}

// Addr is the host and port that the workspace listens on.
func (w *Workspace) Addr() string { return w.listener.Addr().String() }

// URL is the root of the Web API, ending with "/api/".
func (w *Workspace) URL() string { return "http://" + w.Addr() + "/api/" }

// routes is everything that the workspace serves. Close waits for requests, the
// connections that became WebSockets included.
func (w *Workspace) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", w.serveAPI)
	mux.HandleFunc("/link/", w.serveLink)
	mux.HandleFunc("/actions/", w.serveResponseURL)
	mux.HandleFunc("/sim/", w.serveControl)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !w.enter() {
			http.Error(rw, "closing", http.StatusServiceUnavailable)
			return
		}
		defer w.work.Done()
		mux.ServeHTTP(rw, r)
	})
}

// enter counts something that Close waits for, unless it is closing already.
func (w *Workspace) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.work.Add(1)
	return true
}

// spawn runs f in a goroutine that Close waits for, unless it is closing already.
func (w *Workspace) spawn(f func()) {
	if !w.enter() {
		return
	}
	go func() {
		defer w.work.Done()
		f()
	}()
}

// Close ends every connection and waits for the workspace's goroutines.
func (w *Workspace) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	conns := w.links.all()
	w.touch()
	w.mu.Unlock()
	w.cancel()
	for _, c := range conns {
		c.abort()
	}
	var err error
	if w.srv != nil {
		err = w.srv.Close()
	}
	w.work.Wait()
	if err != nil {
		return fmt.Errorf("closing the simulated workspace: %w", err)
	}
	return nil
}

// touch wakes everybody who waits for a change. The caller holds mu.
func (w *Workspace) touch() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// nextID returns a repeatable identifier with the given prefix. The caller holds mu.
func (w *Workspace) nextID(prefix string) string {
	w.serial++
	return fmt.Sprintf("%s%08X", prefix, w.serial)
}

// nextTS returns a message timestamp, unique in the workspace. The caller holds mu.
func (w *Workspace) nextTS() string {
	micros := w.now().UnixMicro()
	if micros <= w.lastTS {
		micros = w.lastTS + 1
	}
	w.lastTS = micros
	return fmt.Sprintf("%d.%06d", micros/1_000_000, micros%1_000_000)
}
