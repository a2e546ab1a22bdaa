// Package figures writes what `make bench` measured into docs/benchmarks.md: each benchmark its
// own part, between two marks, so that one can be measured again without the others.
package figures

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Var turns the benchmarks on.
const Var = "ECSBOT_BENCH"

// Wanted skips the test unless benchmarks are on.
func Wanted(t testing.TB) {
	t.Helper()
	if os.Getenv(Var) == "" {
		t.Skip("wants a quiet machine, and minutes: make bench")
	}
}

// marks are the lines around a part; of is "" for the oldest, or " of the page".
func marks(of string) (begin, end string) {
	return "<!-- figures" + of + ": written by make bench -->\n", "<!-- end of figures" + of + " -->\n"
}

// Write puts a part in the place of the one that the document has.
func Write(t testing.TB, doc, of, text string) {
	t.Helper()
	was, err := os.ReadFile(doc) //nolint:gosec // a document of the repository
	if err != nil {
		t.Fatal(err)
	}
	now, ok := replace(string(was), of, text)
	if !ok {
		t.Fatalf("%s has lost the marks around its figures%s", doc, of)
	}
	if err := os.WriteFile(doc, []byte(now), 0o644); err != nil { //nolint:gosec // likewise
		t.Fatal(err)
	}
}

func replace(doc, of, text string) (string, bool) {
	begin, end := marks(of)
	head, rest, ok := strings.Cut(doc, begin)
	_, tail, ended := strings.Cut(rest, end)
	return head + begin + text + end + tail, ok && ended
}

// Head says when, what and where: the line above a table. before is the load average before
// the run; more is put between.
func Head(t testing.TB, before string, more ...string) string {
	t.Helper()
	after := Load(t)
	parts := slices.Concat([]string{time.Now().UTC().Format("2006-01-02 15:04 UTC"), "commit " + commit(t), machine(), runtime.Version()}, more,
		[]string{fmt.Sprintf("load average %s before, %s after", before, after)})
	if busy(before, runtime.NumCPU()) || busy(after, runtime.NumCPU()) {
		parts = append(parts, "**measured on a busy machine**")
	}
	return strings.Join(parts, " · ") + "\n\n"
}

// busy: others had more to do than this benchmark, which keeps up to two processors at work.
func busy(load string, processors int) bool {
	n, err := strconv.ParseFloat(load, 64)
	return err != nil || n > 2*float64(processors)
}

// Table is a table with a last, nameless column for verdicts.
func Table(columns []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(columns, " | ") + " | |\n" + strings.Repeat("|---", len(columns)+1) + "|\n")
	for _, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
	return b.String()
}

// Verdict is what stands in the last column.
func Verdict(aim string, met bool) string {
	switch {
	case aim == "":
		return ""
	case met:
		return "met"
	}
	return "**missed**"
}

// commit is what was measured; a plus says that the code was changed since.
func commit(t testing.TB) string {
	head, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown" // not a clone
	}
	name := strings.TrimSpace(string(head))
	if dirty, err := exec.CommandContext(t.Context(), "git", "status", "--porcelain", "--", ":/*.go").Output(); err == nil && len(dirty) > 0 {
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

// Load is the load average of the last minute.
func Load(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Skipf("the benchmarks read /proc: %v", err)
	}
	return strings.Fields(string(b))[0]
}

// Rank is the value at the nearest rank of q, between 0 and 1.
func Rank[T int | int64 | float64 | time.Duration](all []T, q float64) T {
	s := slices.Sorted(slices.Values(all))
	rank := int(q*float64(len(s)) + 0.999999)
	return s[min(max(rank-1, 0), len(s)-1)]
}

// Median is the middle; of an even number the lower one.
func Median[T int | int64 | float64 | time.Duration](all []T) T { return Rank(all, 0.5) }
