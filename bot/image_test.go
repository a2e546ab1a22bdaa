package bot_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// imageUser is the USER of the Dockerfile.
const imageUser = 65532

// TestImageServes runs the binary as the image does: alone in a root directory, not as root, where only the state directory can be
// written. What it needs from outside (a shell, a library, /tmp, /etc/passwd) would be missed.
func TestImageServes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary: make test")
	}
	if os.Getuid() != 0 {
		t.Skip("only root may change the root directory and the user")
	}
	root := imageRoot(t)
	s := newStage(t, t.TempDir(), 1)
	addr := freeAddress(t)
	env := append(s.Env(), "STATE_DIR=/var/lib/ecsbot", "TMPDIR=/var/lib/ecsbot", "HTTP_ADDR="+addr, "HOME=", "PATH=")

	var out bytes.Buffer
	serving := inImage(t.Context(), root, env)
	serving.Stdout, serving.Stderr = &out, &out
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	ready := waitReady(t.Context(), "http://"+addr+"/readyz")
	check, err := inImage(t.Context(), root, env, "healthcheck").CombinedOutput()
	if err != nil {
		t.Errorf("bot healthcheck beside the serving process: %v: %s", err, check)
	}
	if err := serving.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := serving.Wait(); err != nil || ready != nil {
		t.Errorf("ready: %v; ended: %v; it said:\n%s", ready, err, out.String())
	}
	if check, err := inImage(t.Context(), root, env, "healthcheck").CombinedOutput(); err == nil {
		t.Errorf("bot healthcheck is content when nothing serves: %s", check)
	}
	wrongSettings(t, root)
}

// wrongSettings: all problems are told at once, and nothing is made.
func wrongSettings(t *testing.T, root string) {
	cmd := inImage(t.Context(), root, []string{"STATE_DIR=/elsewhere", "CLUSTERS=a/b"})
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 {
		t.Errorf("wrong settings end with %v, want exit code 2", err)
	}
	for _, name := range []string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "AUDIT_CHANNEL", "OPERATORS", "CHANNELS", "CLUSTERS"} {
		if !strings.Contains(string(out), name) {
			t.Errorf("%s is not told of:\n%s", name, out)
		}
	}
}

// imageRoot is the image's file system: the binary and the state directory.
func imageRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(root, "bot"), "./cmd/bot")
	build.Dir, build.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	state := filepath.Join(root, "var", "lib", "ecsbot")
	if err := os.MkdirAll(state, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(state, imageUser, imageUser); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

func inImage(ctx context.Context, root string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bot", args...)
	cmd.Err = nil // looked up outside the root, where it is not
	cmd.Dir, cmd.Env = "/", env
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser}, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// waitReady asks until the answer is 200.
func waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil); err != nil {
			return err
		} else if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
