// Package page serves the playground: a page on which anybody can use a Slack
// bot without Slack and without AWS. It sets a stage (sim/stage), runs the bot on
// it as its child, sends all that happens there to the browser as it happens
// (GET /live), and does what the visitor does (POST /do): talk and click as any
// of the people, break things, change the pace of time, play a story.
//
// It listens on loopback only and answers only pages of its own: see guard.go.
package page

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"ecsbot/sim/stage"
)

// DefaultPace is fast enough not to be waited for, and slow enough to be seen.
const DefaultPace = 10

// Config is what a page needs.
type Config struct {
	Dir      string  // for the stages' files; must exist
	Manifest []byte  // the app's
	Pace     float64 // virtual seconds per second at the start of a run; 0 means DefaultPace
	// Command makes the bot's process; Env are further settings of it.
	Command  func() *exec.Cmd
	Env      []string
	Log      io.Writer // the processes' output; nil keeps the last lines only
	Database Database  // nil: the process keeps its own, and it cannot be broken
	Assets   fs.FS     // nil: the embedded ones

	// Hurry raises the pace of stories to at least so much, and Reading is how
	// long a story that plays by itself rests for each word of a caption.
	Hurry   float64
	Reading time.Duration
	// Patience is how long (real time) a line of a story waits for what it wants to
	// see. 0 means two minutes.
	Patience time.Duration
}

// Database is where the process keeps its record, as far as a page can put it up
// and break it.
type Database interface {
	Kind() string // sqlite or postgres
	// Open makes an empty one for a run with its files in dir, whole again if the
	// last was broken, and returns the process's settings for it.
	Open(ctx context.Context, dir string) (env []string, err error)
	// Break makes it unusable, or usable again.
	Break(ctx context.Context, broken bool) error
	Close() error
}

// Server serves the page. Make it with New, serve with Serve, end with Close.
type Server struct {
	cfg     Config
	assets  assets
	stories []*story
	feed    *feed

	ctx  context.Context // ends at Close
	stop context.CancelFunc

	// resetting lets one reset happen at a time; mu guards what it replaces.
	resetting sync.Mutex
	mu        sync.Mutex
	run       *run
	runs      int
	auto      bool
}

// New sets the first stage and starts the bot on it.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Pace == 0 {
		cfg.Pace = DefaultPace
	}
	if cfg.Patience == 0 {
		cfg.Patience = 2 * time.Minute
	}
	if cfg.Assets == nil {
		cfg.Assets = Embedded()
	}
	files, err := readAssets(cfg.Assets)
	if err != nil {
		return nil, err
	}
	stories, err := readStories()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, assets: files, stories: stories, feed: newFeed()}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.reset(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Listen listens on addr, which must be a loopback address.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listening at %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listening at %q: the playground listens on loopback only", addr)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening at %q: %w", addr, err)
	}
	if !loopback(l.Addr()) { // what localhost resolved to
		return nil, errors.Join(fmt.Errorf("listening at %q: %s is not a loopback address", addr, l.Addr()), l.Close())
	}
	return l, nil
}

func loopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// Serve serves the page until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if !loopback(l.Addr()) {
		return fmt.Errorf("serving at %s: the playground listens on loopback only", l.Addr())
	}
	srv := &http.Server{Handler: s.Handler(l.Addr().String()), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return s.ctx }}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // Serve returns ErrServerClosed
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the page: %w", err)
	}
	return nil
}

// Close ends the processes and the simulators.
func (s *Server) Close() error {
	s.stop()
	s.resetting.Lock()
	defer s.resetting.Unlock()
	s.mu.Lock()
	r := s.run
	s.run = nil
	s.mu.Unlock()
	var err error
	if r != nil {
		err = r.close()
	}
	if s.cfg.Database != nil {
		err = errors.Join(err, s.cfg.Database.Close())
	}
	return err
}

var errBetween = errors.New("there is no stage at the moment: it is being set anew, or that failed")

// current is the run of now.
func (s *Server) current() (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil {
		return nil, errBetween
	}
	return s.run, nil
}

// Stage is the stage of the present run, nil between two.
func (s *Server) Stage() *stage.Stage {
	r, err := s.current()
	if err != nil {
		return nil
	}
	return r.stage
}

// reset takes the stage down and sets a new one.
func (s *Server) reset(ctx context.Context) error {
	s.resetting.Lock()
	defer s.resetting.Unlock()
	if s.ctx.Err() != nil {
		return errBetween
	}
	s.mu.Lock()
	old := s.run
	s.run = nil
	s.runs++
	n := s.runs
	s.mu.Unlock()
	if old != nil {
		if err := old.close(); err != nil {
			return fmt.Errorf("taking the stage down: %w", err)
		}
	}
	dir := filepath.Join(s.cfg.Dir, "run-"+strconv.Itoa(n))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making a folder for the stage: %w", err)
	}
	r, err := s.newRun(ctx, n, dir)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.run = r
	s.mu.Unlock()
	return nil
}
