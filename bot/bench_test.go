package bot_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ecsbot/bot/figures"
)

// benchSeedVar repeats the order of one run's rounds.
const benchSeedVar = "ECSBOT_SEED"

// benchDoc holds the figures of the last runs.
const benchDoc = "../docs/benchmarks.md"

// TestBench compares the bot with @slack/bolt, and a plan with its bound. Nothing
// here is judged by an absolute time: both sides of each ratio are measured in the
// same run, in alternation, and medians over the rounds count.
func TestBench(t *testing.T) {
	figures.Wanted(t)
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv(benchSeedVar), 10, 64); err == nil {
		seed = n
	}
	r := &report{seed: seed, dice: rand.New(rand.NewPCG(seed, 2)), before: figures.Load(t)}
	peers := sync.OnceValue(func() benchPeers { return benchPeers{bot: buildRelease(t), bolt: installBolt(t)} })
	t.Run("start", func(t *testing.T) { benchStart(t, r, peers()) })
	t.Run("acks", func(t *testing.T) { benchAcks(t, r, peers()) })
	t.Run("plan", func(t *testing.T) { benchPlan(t, r) })
	text := r.text(t)
	t.Logf("\n%s", text)
	if r.parts == 3 {
		figures.Write(t, benchDoc, "", text)
	}
}

// row is one measured ratio and its target.
type row struct {
	what, ours, theirs, ratio, target string
	met                               bool
}

// report gathers the rows of one run.
type report struct {
	seed   uint64
	dice   *rand.Rand
	before string // load average before the run
	rows   []row
	parts  int // that ran to their end
}

// judge adds a row and fails the test when the target is missed.
func (r *report) judge(t *testing.T, w row) {
	t.Helper()
	r.rows = append(r.rows, w)
	if !w.met {
		t.Errorf("missed: %s: %s against %s is %s, want %s", w.what, w.ours, w.theirs, w.ratio, w.target)
	}
}

// note adds a row without a target.
func (r *report) note(what, ours, theirs, ratio string) {
	r.rows = append(r.rows, row{what: what, ours: ours, theirs: theirs, ratio: ratio, met: true})
}

func (r *report) text(t *testing.T) string {
	t.Helper()
	var rows [][]string
	for _, w := range r.rows {
		rows = append(rows, []string{w.what, w.ours, w.theirs, w.ratio, w.target, figures.Verdict(w.target, w.met)})
	}
	var more []string
	if r.dice != nil {
		more = append(more, fmt.Sprintf("seed %d", r.seed))
	}
	return figures.Head(t, r.before, more...) + figures.Table([]string{"measured", "ours", "other side", "ratio", "target"}, rows)
}

// benchPeers are the two programs.
type benchPeers struct {
	bot  string // path of the release binary
	bolt string // folder whose node_modules has @slack/bolt
}

func (p benchPeers) boltCommand(t *testing.T, env []string) *exec.Cmd {
	t.Helper()
	app, err := filepath.Abs("testdata/bench/bolt.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", app)
	cmd.Env = append(slices.Clone(env), "NODE_PATH="+filepath.Join(p.bolt, "node_modules"), "NODE_ENV=production")
	return cmd
}

// buildRelease builds the binary as make build and the Dockerfile do.
func buildRelease(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bot")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "ecsbot/cmd/bot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/bot: %v\n%s", err, out)
	}
	return bin
}

// installBolt gives the folder where @slack/bolt is installed as sim/slack's
// lock file pins it; sim/slack's own test shares it.
func installBolt(t *testing.T) string {
	t.Helper()
	const pins = "../sim/slack/testdata/bolt"
	lock, err := os.ReadFile(filepath.Join(pins, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "ecsbot", "bolt", hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(pins)); err != nil {
		t.Fatal(err)
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("installing @slack/bolt (node and npm must be there): %v\n%s", err, out)
	}
	return dir
}

// procField reads one number of /proc/PID/status, in kB.
func procField(t *testing.T, pid int, field string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte(field+":")); ok {
			n, err := strconv.Atoi(strings.Fields(string(rest))[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in /proc/%d/status", field, pid)
	return 0
}
