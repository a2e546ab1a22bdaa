package figures

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWrite: a part is replaced, and nothing else of the document.
func TestWrite(t *testing.T) {
	const before = "# Title\n<!-- figures: written by make bench -->\nold\n<!-- end of figures -->\nbetween\n" +
		"<!-- figures of the page: written by make bench -->\nolder\n<!-- end of figures of the page -->\nafter\n"
	doc := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(doc, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	Write(t, doc, " of the page", "new\n")
	now, err := os.ReadFile(doc) //nolint:gosec // our own
	if err != nil || string(now) != strings.Replace(before, "older\n", "new\n", 1) {
		t.Errorf("%v:\n%s", err, now)
	}
	if _, ok := replace(before, " of scale", "new\n"); ok {
		t.Error("a part that the document does not have was replaced")
	}
	if _, ok := replace("<!-- figures: written by make bench -->\nold\n", "", "new\n"); ok {
		t.Error("a part that does not end was replaced")
	}
}

func TestBusy(t *testing.T) {
	for load, want := range map[string]bool{"0.12": false, "4.00": false, "4.01": true, "13.7": true, "?": true} {
		if got := busy(load, 2); got != want {
			t.Errorf("busy(%s) = %t", load, got)
		}
	}
}

func TestTable(t *testing.T) {
	got := Table([]string{"measured", "figure", "aim"}, [][]string{
		{"a", "1 ms", "2 ms", Verdict("2 ms", true)}, {"b", "3 ms", "2 ms", Verdict("2 ms", false)}, {"c", "4 ms", "", Verdict("", false)},
	})
	want := "| measured | figure | aim | |\n|---|---|---|---|\n| a | 1 ms | 2 ms | met |\n| b | 3 ms | 2 ms | **missed** |\n| c | 4 ms |  |  |\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestRank(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3, 6}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.95: 6, 1: 6} {
		if got := Rank(all, q); got != want {
			t.Errorf("Rank(%g) = %d, want %d", q, got, want)
		}
	}
	if got := Median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median %g", got)
	}
}
