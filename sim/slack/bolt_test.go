package slack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// installBolt puts @slack/bolt, as the lock file pins it, into a cache folder
// that is named after the lock file, and returns the folder.
func installBolt(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("testdata/bolt/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "ecsbot", "bolt", hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "installing-*")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	copyFile(t, "testdata/bolt/package.json", filepath.Join(tmp, "package.json"))
	copyFile(t, "testdata/bolt/package-lock.json", filepath.Join(tmp, "package-lock.json"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = tmp
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("@slack/bolt is needed and cannot be installed (node and npm must be there): %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(tmp, "complete"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(filepath.Join(dir, "complete")); there != nil { // else another test run was first
			t.Fatal(err)
		}
	}
	return dir
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// output gathers what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// runBolt runs the app until the test ends.
func runBolt(t *testing.T, w *Workspace) *output {
	t.Helper()
	dir := installBolt(t)
	out := &output{}
	cmd := exec.Command("node", "testdata/bolt/app.js") // no context: ended by SIGTERM below, so that it can say goodbye
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"), "SLACK_API_URL="+w.URL(), "SLACK_BOT_TOKEN="+DemoBotToken, "SLACK_APP_TOKEN="+DemoAppToken)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the app ended with %v", err)
		}
		if s := out.String(); s != "" {
			t.Logf("the app said:\n%s", s)
		}
	})
	return out
}

// TestBolt has @slack/bolt, which knows nothing of this package, go the whole
// way: command, ack, message, click, response_url, modal, submission, refresh.
func TestBolt(t *testing.T) {
	if testing.Short() {
		t.Skip("needs node, npm and once the npm registry")
	}
	w := start(t, nil)
	out := runBolt(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	wait := func(what string, cond func(*Snapshot) bool) {
		t.Helper()
		if err := w.Wait(ctx, what, cond); err != nil {
			t.Fatalf("%v\nthe app said:\n%s", err, out)
		}
	}
	wait("bolt to connect", func(s *Snapshot) bool { return len(s.Sockets()) == 1 })
	inv, err := w.Command(ctx, DemoOperator, DemoOps, "/ecs", "loud")
	if err != nil || !inv.Acked || inv.Error != "" {
		t.Fatalf("%+v %v", inv, err)
	}
	if got := w.Ephemerals(DemoOperator, DemoOps); len(got) != 1 || w.Render(got[0]) != "hello @olga" {
		t.Errorf("%+v", got)
	}
	wait("the message", func(s *Snapshot) bool { return len(s.Messages(DemoOps)) == 1 })
	m := w.Messages(DemoOps)[0]
	if !strings.Contains(string(m.Metadata), "asked") {
		t.Errorf("metadata %s", m.Metadata)
	}
	if inv, err = w.Click(ctx, DemoApprover, DemoOps, m.TS, "confirm", ClickOptions{}); err != nil || !inv.Acked {
		t.Fatalf("%+v %v", inv, err)
	}
	wait("the modal", func(s *Snapshot) bool { return len(s.Views(DemoApprover)) == 1 })
	if got := w.Ephemerals(DemoApprover, DemoOps); len(got) != 1 || got[0].Text != "one more thing" {
		t.Errorf("%+v", got)
	}
	boltSubmits(ctx, t, w)
	wait("the update", func(s *Snapshot) bool {
		m, _ := s.Message(DemoOps, m.TS)
		return m.Text == "done by <@U0APPROVER>: because"
	})
	w.Refresh(RefreshOptions{CloseAfter: 50 * time.Millisecond})
	wait("bolt to come back", func(s *Snapshot) bool { l := s.Sockets(); return len(l) == 1 && !l[0].Refreshing })
	if inv, err = w.Command(ctx, DemoOperator, DemoOps, "/ecs", "quiet"); err != nil || !inv.Acked || inv.AckSocket != inv.Socket {
		t.Errorf("after the refresh: %+v %v", inv, err)
	}
}

func boltSubmits(ctx context.Context, t *testing.T, w *Workspace) {
	t.Helper()
	v := w.Views(DemoApprover)[0]
	for _, text := range []string{"nah", "because"} {
		if _, err := w.SetValue(ctx, DemoApprover, v.ID, "why", "text", text); err != nil {
			t.Fatal(err)
		}
		r, err := w.Submit(ctx, DemoApprover, v.ID)
		if err != nil || r.Error != "" || r.Closed != (text == "because") || (r.Errors["why"] == "say more") == r.Closed {
			t.Errorf("%q: %+v %v", text, r, err)
		}
	}
}
