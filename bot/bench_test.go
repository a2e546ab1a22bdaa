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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchVar turns the benchmarks on; benchSeedVar repeats the order of one run's rounds.
const (
	benchVar     = "ECSBOT_BENCH"
	benchSeedVar = "ECSBOT_SEED"
)

// benchDoc holds the figures of the last run, between its two marks.
const benchDoc = "../docs/benchmarks.md"

const (
	benchBegin = "<!-- figures: written by make bench -->\n"
	benchEnd   = "<!-- end of figures -->\n"
)

// TestBench compares the bot with @slack/bolt, and a plan with its bound. Nothing
// here is judged by an absolute time: both sides of each ratio are measured in the
// same run, in alternation, and medians over the rounds count.
func TestBench(t *testing.T) {
	if os.Getenv(benchVar) == "" {
		t.Skip("takes minutes and wants a quiet machine: make bench")
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv(benchSeedVar), 10, 64); err == nil {
		seed = n
	}
	r := &report{seed: seed, dice: rand.New(rand.NewPCG(seed, 2)), before: loadAverage(t)}
	peers := sync.OnceValue(func() benchPeers { return benchPeers{bot: buildRelease(t), bolt: installBolt(t)} })
	t.Run("start", func(t *testing.T) { benchStart(t, r, peers()) })
	t.Run("acks", func(t *testing.T) { benchAcks(t, r, peers()) })
	t.Run("plan", func(t *testing.T) { benchPlan(t, r) })
	t.Run("scale", func(t *testing.T) { benchScale(t, r) })
	text := r.text(t)
	t.Logf("\n%s", text)
	if r.parts == 4 {
		writeFigures(t, text)
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
	var b strings.Builder
	fmt.Fprintf(&b, "%s · commit %s · %s · %s · seed %d · load average %s before, %s after\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), commit(t), machine(), runtime.Version(), r.seed, r.before, loadAverage(t))
	b.WriteString("| measured | ours | other side | ratio | target | |\n|---|---|---|---|---|---|\n")
	for _, w := range r.rows {
		verdict := "met"
		switch {
		case w.target == "":
			verdict = ""
		case !w.met:
			verdict = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", w.what, w.ours, w.theirs, w.ratio, w.target, verdict)
	}
	return b.String()
}

func writeFigures(t *testing.T, text string) {
	t.Helper()
	doc, err := os.ReadFile(benchDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(doc), benchBegin)
	_, tail, ended := strings.Cut(rest, benchEnd)
	if !ok || !ended {
		t.Fatalf("%s has lost the marks around its figures", benchDoc)
	}
	if err := os.WriteFile(benchDoc, []byte(head+benchBegin+text+benchEnd+tail), 0o644); err != nil { //nolint:gosec // a document of the repository
		t.Fatal(err)
	}
}

// commit is what was measured; a plus says that the tree was changed since.
func commit(t *testing.T) string {
	t.Helper()
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown" // not a clone
	}
	name := strings.TrimSpace(string(head))
	if dirty, err := exec.Command("git", "status", "--porcelain", "--", "*.go").Output(); err == nil && len(dirty) > 0 {
		name += "+"
	}
	return name
}

func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s/%s, %d × %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), model)
}

func loadAverage(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Skipf("the benchmarks read /proc: %v", err)
	}
	return strings.Fields(string(b))[0]
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

// median of a copy; of an even number the lower middle.
func median[T int | int64 | float64 | time.Duration](all []T) T {
	return quantile(all, 0.5)
}

// quantile is the nearest rank.
func quantile[T int | int64 | float64 | time.Duration](all []T, q float64) T {
	s := slices.Sorted(slices.Values(all))
	rank := int(q*float64(len(s)) + 0.999999)
	return s[min(max(rank-1, 0), len(s)-1)]
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
