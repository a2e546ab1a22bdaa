package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	simslack "ecsbot/sim/slack"
)

// The processes that a stage can run side by side.
const (
	First  = "bot"
	Second = "bot-2"
)

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
func (s *Stage) Start() error { return s.StartProcess(First) }

// StartProcess starts the first or the second process. The second calls Slack by
// another name of the same address, by which its connections are told apart.
func (s *Stage) StartProcess(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aliveLocked(name) {
		return fmt.Errorf("starting the process %s: it runs", name)
	}
	p := &process{cmd: s.cfg.Command(), tail: &tail{to: s.cfg.Log}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.Env(), p.tail, p.tail
	if name == Second {
		p.cmd.Env = append(p.cmd.Env, "SLACK_API_URL=http://"+s.host(Second)+"/api/")
	}
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
		s.mu.Lock()
		defer s.mu.Unlock()
		s.touchLocked()
	}()
	s.running[name] = p
	s.touchLocked()
	return nil
}

func (s *Stage) touchLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// aliveLocked says whether the process was started and has not ended.
func (s *Stage) aliveLocked(name string) bool {
	p := s.running[name]
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// host is the name of Slack's address that the process knows.
func (s *Stage) host(name string) string {
	if name == Second {
		return "localhost" + s.Slack.Addr()[strings.LastIndexByte(s.Slack.Addr(), ':'):]
	}
	return s.Slack.Addr()
}

// Process is what there is to tell of a process.
type Process struct {
	Name        string
	Running     bool
	Connections int // live connections to Slack
}

// Processes are the first, and the second once it was started.
func (s *Stage) Processes() []Process {
	s.mu.Lock()
	out := []Process{{Name: First, Running: s.aliveLocked(First)}}
	if s.running[Second] != nil {
		out = append(out, Process{Name: Second, Running: s.aliveLocked(Second)})
	}
	s.mu.Unlock()
	sockets := s.Slack.Sockets()
	for i := range out {
		out[i].Connections = s.connections(sockets, out[i].Name)
	}
	return out
}

func (s *Stage) connections(sockets []simslack.Socket, name string) int {
	n := 0
	for _, so := range sockets {
		if !so.Silent && so.Via == s.host(name) {
			n++
		}
	}
	return n
}

// Changed returns a channel that is closed when a process starts or ends.
func (s *Stage) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Connected waits until the first process holds a live socket.
func (s *Stage) Connected(ctx context.Context) error { return s.ConnectedProcess(ctx, First) }

// ConnectedProcess waits until the process holds a live socket.
func (s *Stage) ConnectedProcess(ctx context.Context, name string) error {
	s.mu.Lock()
	p := s.running[name]
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
		return s.connections(snap.Sockets(), name) > 0
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

// Kill kills the first process at once, as the kernel or a power cut would.
func (s *Stage) Kill() error { return s.KillProcess(First) }

// KillProcess kills a process.
func (s *Stage) KillProcess(name string) error { return s.end(name, syscall.SIGKILL) }

// Stop asks the first process to end.
func (s *Stage) Stop() error { return s.end(First, syscall.SIGTERM) }

func (s *Stage) end(name string, sig syscall.Signal) error {
	s.mu.Lock()
	p := s.running[name]
	delete(s.running, name)
	s.touchLocked()
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending the process: %w", err)
	}
	<-p.done
	s.Slack.Reap()
	if err := s.disconnected(name); err != nil {
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
func (s *Stage) disconnected(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return s.Slack.Wait(ctx, "the process's connections to end", func(snap *simslack.Snapshot) bool {
		return s.connections(snap.Sockets(), name) == 0
	})
}

// Output is the end of what the first process printed.
func (s *Stage) Output() string { return s.OutputOf(First) }

// OutputOf is the end of what a process printed.
func (s *Stage) OutputOf(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[name] == nil {
		return ""
	}
	return strings.TrimSpace(s.running[name].tail.String())
}
