// Package stage puts a Slack workspace, an AWS estate and one process between
// them on a stage with one clock, and lets people act by short lines of text:
// the conversations of the tests and of the demo. The process is any program
// that reads its settings from the environment; the stage knows nothing of it.
package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	simslack "ecsbot/sim/slack"
)

// ClockFileVar is the environment variable that names the file with the stage's clock.
const ClockFileVar = "STAGE_CLOCK_FILE"

// Config is how a stage is set.
type Config struct {
	Dir      string   // for the clock and the process's state; must exist
	Manifest []byte   // the app's
	Pace     float64  // virtual seconds per second; 0 means 60
	Env      []string // further settings of the process; later entries win
	// Command makes the process. Its environment is set by the stage.
	Command func() *exec.Cmd
	Log     io.Writer // the process's output; nil keeps the last lines for errors
	Slack   func(*simslack.Config)
}

// Stage is set by New and must be closed.
type Stage struct {
	Slack *simslack.Workspace
	AWS   *simaws.Cloud
	Clock *clock.Paced

	cfg  Config
	file string

	mu      sync.Mutex
	process *process          // guarded by mu
	saved   map[string]string // guarded by mu: what a verb kept for later lines
	acted   map[string]string // guarded by mu: by person, the newest message to them alone when they last acted
	waits   time.Duration     // guarded by mu: see patience
}

// New sets the stage: the demo workspace and the demo estate, both listening on loopback.
func New(ctx context.Context, cfg Config) (*Stage, error) {
	if cfg.Pace == 0 {
		cfg.Pace = 60
	}
	s := &Stage{Clock: clock.New(time.Now().UTC().Truncate(time.Second), cfg.Pace), cfg: cfg,
		file: filepath.Join(cfg.Dir, "clock"), saved: map[string]string{}, acted: map[string]string{}}
	if err := clock.Publish(s.Clock, s.file); err != nil {
		return nil, err
	}
	aws, err := simaws.New(simaws.Config{Clock: s.Clock, Seed: 1})
	if err != nil {
		return nil, fmt.Errorf("building the estate: %w", err)
	}
	if err := aws.Demo(); err != nil {
		return nil, fmt.Errorf("building the estate: %w", err)
	}
	workspace := simslack.Demo()
	workspace.Manifest = cfg.Manifest
	if cfg.Slack != nil {
		cfg.Slack(&workspace)
	}
	slack, err := simslack.New(workspace)
	if err != nil {
		return nil, fmt.Errorf("building the workspace: %w", err)
	}
	if err := aws.Start(ctx, "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the estate: %w", err)
	}
	s.AWS = aws
	if err := slack.Start("127.0.0.1:0"); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the workspace: %w", err), aws.Close())
	}
	s.Slack = slack
	return s, nil
}

// Close ends the process and both simulators.
func (s *Stage) Close() error {
	err := s.Kill()
	return errors.Join(err, s.Slack.Close(), s.AWS.Close())
}

// SetPace changes the clock for everyone on the stage.
func (s *Stage) SetPace(pace float64) error {
	s.Clock.SetPace(pace)
	return clock.Publish(s.Clock, s.file)
}

// Advance moves the clock of everyone on the stage.
func (s *Stage) Advance(d time.Duration) error {
	s.Clock.Advance(d)
	return clock.Publish(s.Clock, s.file)
}

// Env is the process's whole environment: nothing of the caller's but PATH and
// HOME, so that no real credential can reach it.
func (s *Stage) Env() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.cfg.Dir,
		ClockFileVar + "=" + s.file,
		"SLACK_BOT_TOKEN=" + simslack.DemoBotToken, "SLACK_APP_TOKEN=" + simslack.DemoAppToken,
		"SLACK_API_URL=" + s.Slack.URL(),
		"AWS_ENDPOINT_URL=" + s.AWS.URL(), "AWS_REGION=" + simaws.DemoRegion,
		"AWS_ACCESS_KEY_ID=" + simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY=" + simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AUDIT_CHANNEL=" + simslack.DemoAudit, "STATE_DIR=" + filepath.Join(s.cfg.Dir, "state"),
		"OPERATORS=" + simslack.DemoOperator + "," + simslack.DemoOperator2,
		"APPROVERS=" + simslack.DemoApprover,
		"CLUSTERS=prod,staging,serverless", "CHANNELS=" + simslack.DemoOps + "," + simslack.DemoShared + "," + simslack.DemoRandom,
		"HTTP_ADDR=127.0.0.1:0", "LOG_LEVEL=info",
		"PROPOSAL_TTL=4h", // people on a stage are slower than its clock
	}
	return append(env, s.cfg.Env...)
}

// process is one run of the program.
type process struct {
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error // set before done is closed
}

// tail keeps the end of what a process prints.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
	to  io.Writer
}

const tailSize = 64 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		_, _ = t.to.Write(p) // the copy for the reader must not stop the process
	}
	t.buf.Write(p)
	if over := t.buf.Len() - tailSize; over > 0 {
		t.buf.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// Start starts the process; Connected waits until Slack hears from it.
func (s *Stage) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("starting the process: it runs")
	}
	p := &process{cmd: s.cfg.Command(), tail: &tail{to: s.cfg.Log}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.Env(), p.tail, p.tail
	if p.cmd.Dir == "" {
		p.cmd.Dir = s.cfg.Dir
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no orphans of ours
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting the process: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	s.process = p
	return nil
}

// Connected waits until the process holds a live socket.
func (s *Stage) Connected(ctx context.Context) error {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return errors.New("waiting for the process: it was not started")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(fmt.Errorf("the process ended: %w\n%s", errOrEnd(p.err), p.tail))
		case <-ctx.Done():
		}
	}()
	err := s.Slack.Wait(ctx, "a connection of the process", func(snap *simslack.Snapshot) bool {
		for _, so := range snap.Sockets() {
			if !so.Silent {
				return true
			}
		}
		return false
	})
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

var errEnded = errors.New("without an error")

func errOrEnd(err error) error {
	if err == nil {
		return errEnded
	}
	return err
}

// Kill kills the process at once, as the kernel or a power cut would.
func (s *Stage) Kill() error { return s.end(syscall.SIGKILL) }

// Stop asks the process to end.
func (s *Stage) Stop() error { return s.end(syscall.SIGTERM) }

func (s *Stage) end(sig syscall.Signal) error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending the process: %w", err)
	}
	<-p.done
	s.Slack.Reap()
	if err := s.disconnected(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if sig == syscall.SIGTERM && errors.As(p.err, &exit) {
		return fmt.Errorf("the process ended badly: %w\n%s", p.err, p.tail)
	}
	return nil
}

// disconnected waits until Slack has noticed that the process is gone: what it
// sends to a dead connection is lost.
func (s *Stage) disconnected() error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return s.Slack.Wait(ctx, "the process's connections to end", func(snap *simslack.Snapshot) bool { return len(snap.Sockets()) == 0 })
}

// Output is the end of what the running process printed.
func (s *Stage) Output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ""
	}
	return strings.TrimSpace(s.process.tail.String())
}

// Dir is the stage's folder.
func (s *Stage) Dir() string { return s.cfg.Dir }
