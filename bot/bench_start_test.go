package bot_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ecsbot/bot/figures"
	simslack "ecsbot/sim/slack"
	"ecsbot/sim/stage"
)

const (
	startRounds = 9
	idleRounds  = 3
	idleFor     = 10 * time.Second
	startWithin = 30 * time.Second
)

// running is one process of a benchmark.
type running struct {
	cmd  *exec.Cmd
	out  *lockedBuffer
	once sync.Once
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (p *running) pid() int { return p.cmd.Process.Pid }

// kill ends the process; its end is no news.
func (p *running) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// launch starts a program and waits for Slack's hello to it. It returns the time
// from the fork to the hello, and the number of the socket.
func launch(t *testing.T, w *simslack.Workspace, cmd *exec.Cmd) (p *running, took time.Duration, socket int) {
	t.Helper()
	p = &running{cmd: cmd, out: &lockedBuffer{}}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	seen := len(w.Log())
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	for {
		entries, err := w.Follow(ctx, seen)
		if err != nil {
			t.Fatalf("%s got no hello: %v\n%s", cmd.Path, err, p.out)
		}
		for _, e := range entries {
			if e.Kind == simslack.KindOpen {
				return p, e.At.Sub(began), e.Socket
			}
		}
		seen += len(entries)
	}
}

// leave kills a process and waits until Slack has noticed.
func leave(t *testing.T, w *simslack.Workspace, p *running) {
	t.Helper()
	p.kill()
	if err := w.Wait(t.Context(), "the sockets to close", func(s *simslack.Snapshot) bool { return len(s.Sockets()) == 0 }); err != nil {
		t.Fatal(err)
	}
}

func botCommandLine(peers benchPeers, env []string, more ...string) *exec.Cmd {
	cmd := exec.Command(peers.bot)
	cmd.Env = append(append([]string{}, env...), more...)
	return cmd
}

// benchStart measures process start to hello, and memory at rest.
func benchStart(t *testing.T, r *report, peers benchPeers) {
	s := newBenchStage(t)
	env := s.Env()
	var first, again, bolt []time.Duration
	for round := range startRounds + 1 { // the first fills the disk cache and does not count
		fresh := "STATE_DIR=" + t.TempDir()
		sides := []func(){
			func() { first = append(first, startOnce(t, s.Slack, botCommandLine(peers, env, fresh))) },
			func() { bolt = append(bolt, startOnce(t, s.Slack, peers.boltCommand(t, env))) },
		}
		r.dice.Shuffle(len(sides), func(i, j int) { sides[i], sides[j] = sides[j], sides[i] })
		for _, side := range sides {
			side()
		}
		again = append(again, startOnce(t, s.Slack, botCommandLine(peers, env, fresh)))
		if round == 0 {
			first, again, bolt = nil, nil, nil
		}
	}
	judgeStart(t, r, "process start to first hello, state there", figures.Median(again), figures.Median(bolt))
	judgeStart(t, r, "the same, first start of all (makes the database and the key)", figures.Median(first), figures.Median(bolt))
	benchIdle(t, r, s, peers)
	r.parts++
}

func startOnce(t *testing.T, w *simslack.Workspace, cmd *exec.Cmd) time.Duration {
	t.Helper()
	p, took, _ := launch(t, w, cmd)
	leave(t, w, p)
	return took
}

func judgeStart(t *testing.T, r *report, what string, ours, bolt time.Duration) {
	t.Helper()
	ratio := float64(ours) / float64(bolt)
	r.judge(t, row{what, millis(ours), millis(bolt), fmt.Sprintf("%.2f", ratio), "< 0.33", ratio < 1.0/3})
}

// benchIdle has both connected and idle at the same time.
func benchIdle(t *testing.T, r *report, s *stage.Stage, peers benchPeers) {
	var ours, bolt, oursOwn, boltOwn []int
	for range idleRounds {
		a, _, _ := launch(t, s.Slack, botCommandLine(peers, s.Env()))
		b, _, _ := launch(t, s.Slack, peers.boltCommand(t, s.Env()))
		time.Sleep(idleFor) // being idle is what is measured
		ours, bolt = append(ours, procField(t, a.pid(), "VmRSS")), append(bolt, procField(t, b.pid(), "VmRSS"))
		oursOwn, boltOwn = append(oursOwn, procField(t, a.pid(), "RssAnon")), append(boltOwn, procField(t, b.pid(), "RssAnon"))
		a.kill()
		leave(t, s.Slack, b)
	}
	o, b := figures.Median(ours), figures.Median(bolt)
	ratio := float64(o) / float64(b)
	r.judge(t, row{fmt.Sprintf("resident memory after %s idle", idleFor), mib(o), mib(b), fmt.Sprintf("%.2f", ratio), "< 0.50", ratio < 0.5})
	o, b = figures.Median(oursOwn), figures.Median(boltOwn)
	r.note("of it anonymous: without the pages of the program file, which the kernel may drop", mib(o), mib(b), fmt.Sprintf("%.2f", float64(o)/float64(b)))
}

func newBenchStage(t *testing.T) *stage.Stage {
	t.Helper()
	s, err := stage.New(t.Context(), stage.Config{Dir: t.TempDir(), Manifest: readManifest(t), Pace: 1,
		Env: []string{"LOG_LEVEL=warn"}, Command: func() *exec.Cmd { return exec.Command("false") }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func millis(d time.Duration) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)), ".00") + " ms"
}

func mib(kb int) string { return fmt.Sprintf("%.1f MiB", float64(kb)/1024) }
