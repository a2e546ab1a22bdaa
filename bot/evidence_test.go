package bot

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What is promised: AWS's page sentence by sentence, the risk rules, the checks of the
// result, the scenarios. docs/behaviour.md has words and picture for each, docs/evidence.md the
// tests.
var promised = []struct {
	letter string
	most   int
}{{"S", 24}, {"R", 11}, {"A", 14}, {"V", 10}, {"G", 27}}

const evidenceDoc = "../docs/evidence.md"

// A mark says what the lines below it prove: "# proves: S5 G6" in a conversation, the
// same behind // above a Go test.
var (
	mark     = regexp.MustCompile(`(?m)^(?:#|//) proves: (.+)$`)
	goMark   = regexp.MustCompile(`(?m)^// proves: (.+)\nfunc (Test\w+)\(`)
	asserts  = regexp.MustCompile(`(?m)^(see|modal|shown|thread|instance|host|calls|unseen|gone|grep|numbers|mutations) `)
	docRow   = regexp.MustCompile(`(?m)^\| ([SRAVG]\d+) \|([^|\n]*)\|([^|\n]*)\|$`)
	pictured = regexp.MustCompile(`\]\((pictures/[a-z-]+\.png)\)`)
)

func promises() []string {
	var out []string
	for _, p := range promised {
		for n := range p.most {
			out = append(out, p.letter+strconv.Itoa(n+1))
		}
	}
	return out
}

// proof is where an id is proven: in the lines of one mark.
type proof struct{ at, link, lines string }

// proofs are all marks of the conversations and of the Go tests, by id.
func proofs(t *testing.T) map[string][]proof {
	t.Helper()
	out := map[string][]proof{}
	add := func(where, ids string, p proof) {
		for _, id := range strings.Fields(ids) {
			if !slices.Contains(promises(), id) {
				t.Errorf("%s: %s is no id that was promised", where, id)
			}
			out[id] = append(out[id], p)
		}
	}
	conversations, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(conversations) == 0 {
		t.Fatalf("no conversations (%v)", err)
	}
	for _, path := range conversations {
		text := string(read(t, path))
		all := mark.FindAllStringSubmatchIndex(text, -1)
		for i, m := range all {
			end := len(text)
			if i+1 < len(all) {
				end = all[i+1][0]
			}
			lines := text[m[1]:end]
			if !asserts.MatchString(lines) {
				t.Errorf("%s: %s: nothing is looked at below the mark", path, text[m[0]:m[1]])
			}
			name := strings.TrimSuffix(filepath.Base(path), ".txt")
			add(path, text[m[2]:m[3]], proof{name, "../bot/" + path, lines})
		}
	}
	tests, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range tests {
		text := string(read(t, path))
		found := goMark.FindAllStringSubmatch(text, -1)
		if len(found) != strings.Count(text, "\n// proves:") {
			t.Errorf("%s: a mark stands above no test", path)
		}
		for _, m := range found {
			add(path, m[1], proof{at: m[2], link: "../bot/" + path})
		}
	}
	return out
}

// TestEverythingPromisedIsProven: each id has its row with words, a picture that exists,
// and a test through the wire. With -update the column of tests is written.
//
//nolint:cyclop // a list of what a row must have
func TestEverythingPromisedIsProven(t *testing.T) {
	found := proofs(t)
	doc := string(read(t, evidenceDoc))
	if *update {
		doc = docRow.ReplaceAllStringFunc(doc, func(row string) string {
			m := docRow.FindStringSubmatch(row)
			return "| " + m[1] + " |" + m[2] + "| " + links(found[m[1]]) + " |"
		})
		if err := os.WriteFile(evidenceDoc, []byte(doc), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
	}
	behaviour := string(read(t, "../docs/behaviour.md"))
	rows := map[string]int{}
	for _, m := range docRow.FindAllStringSubmatch(doc, -1) {
		id := m[1]
		rows[id]++
		words := entry(behaviour, id)
		if len(strings.Fields(words)) < 4 {
			t.Errorf("%s: no words say what the bot shows and does: %q", id, words)
		}
		shown := pictured.FindStringSubmatch(m[2])
		if shown == nil {
			t.Errorf("%s: no picture: %q", id, m[2])
		} else if _, err := os.Stat(filepath.Join("../docs", shown[1])); err != nil {
			t.Errorf("%s: %v", id, err)
		} else if !strings.Contains(words, shown[0]) {
			t.Errorf("%s: docs/behaviour.md does not show %s", id, shown[1])
		}
		if got, want := strings.TrimSpace(m[3]), links(found[id]); got != want {
			t.Errorf("%s: the document says that it is proven by\n%s\nand the marks say (make evidence)\n%s", id, got, want)
		}
	}
	for _, id := range promises() {
		if rows[id] != 1 {
			t.Errorf("%s has %d rows in %s", id, rows[id], evidenceDoc)
		}
		if len(found[id]) == 0 {
			t.Errorf("%s is proven by no test", id)
		}
	}
	named(t, found)
}

// named: a rule or a check is proven where a person reads its id.
func named(t *testing.T, found map[string][]proof) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if !strings.ContainsAny(id[:1], "RAV") {
			continue
		}
		reads := regexp.MustCompile(`(?m)^(see|modal|shown|grep|thread) .*\b` + id + `\b`)
		for _, p := range found[id] {
			if p.lines != "" && !reads.MatchString(p.lines) {
				t.Errorf("%s: marked as proof of %s, and nobody reads that there", p.link, id)
			}
		}
	}
}

// entry is an id's row in a table of the document.
func entry(doc, id string) string {
	m := regexp.MustCompile(`(?m)^\| ` + id + ` \|(.*)$`).FindStringSubmatch(doc)
	if m == nil {
		return ""
	}
	return m[1]
}

func links(all []proof) string {
	var out []string
	for _, p := range all {
		out = append(out, fmt.Sprintf("[%s](%s)", p.at, p.link))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ",")
}
