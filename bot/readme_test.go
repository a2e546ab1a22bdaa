package bot

import (
	"flag"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated parts of README.md")

const readme = "../README.md"

// part is the text between a pair of markers, and what stands before and after it.
func part(t *testing.T, text, name string) (before, inside, after string) {
	t.Helper()
	begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->"
	before, rest, ok := strings.Cut(text, begin)
	inside, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no part between %q and %q", begin, end)
	}
	return before + begin, inside, end + after
}

func TestReadmeConfigurationTable(t *testing.T) {
	text := string(read(t, readme))
	before, inside, after := part(t, text, "config")
	want := Table()
	if *update {
		if err := os.WriteFile(readme, []byte(before+want+after), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	if inside != want {
		t.Errorf("the table in README.md is not that of Config: run `make readme`\n%s", want)
	}
}

// TestReadmeNamesEveryScope: no scope without its reason, no reason without its scope.
func TestReadmeNamesEveryScope(t *testing.T) {
	_, section, ok := strings.Cut(string(read(t, readme)), "## Slack scopes\n")
	if !ok {
		t.Fatal("README.md has no section on Slack scopes")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z:]+)` \\|").FindAllStringSubmatch(section, -1) {
		told = append(told, m[1])
	}
	m, err := manifestOf(t, read(t, "../manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(told)
	if have := slices.Sorted(slices.Values(m.OAuth.Scopes.Bot)); !slices.Equal(told, have) {
		t.Errorf("README.md explains %q, the manifest asks for %q", told, have)
	}
}

// TestReadmeTroubleshooting: the sentences that it quotes are the program's, and every answer of Slack that ends the process at its
// start is among them.
func TestReadmeTroubleshooting(t *testing.T) {
	_, table, _ := part(t, string(read(t, readme)), "troubleshooting")
	said := literals(t, "audit", "bot", "socket", "store")
	quoted := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.HasPrefix(cells[1], "-") || strings.TrimSpace(cells[1]) == "it says" {
			continue
		}
		sentence := strings.NewReplacer("(`", "", "`)", "").Replace(cells[1])
		for _, m := range regexp.MustCompile("`([^`]{12,})`").FindAllStringSubmatch(sentence, -1) {
			quoted++
			if !strings.Contains(said, m[1]) && !regexp.MustCompile(`^[a-z_]+$`).MatchString(m[1]) {
				t.Errorf("no code says %q", m[1])
			}
		}
	}
	if quoted < 15 {
		t.Errorf("only %d sentences found in the table", quoted)
	}
	for _, code := range fatalCodes(t) {
		if !strings.Contains(table, "`"+code+"`") {
			t.Errorf("Slack's answer %s ends the start, and the table does not tell of it", code)
		}
	}
}

// literals is every string of the folders' code; those that are joined by + are joined.
func literals(t *testing.T, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for _, s := range sources(t, dirs...) {
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					b.WriteString(text)
					b.WriteByte('\n')
				}
			}
			return true
		})
	}
	return b.String()
}

// fatalCodes are the words of Slack in the cases of socket.fix and of tokenFix.
func fatalCodes(t *testing.T) []string {
	t.Helper()
	var codes []string
	for _, s := range sources(t, "socket", "bot") {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "fix" && f.Name.Name != "tokenFix" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				c, ok := n.(*ast.CaseClause)
				if !ok {
					return true
				}
				for _, e := range c.List {
					if lit, ok := e.(*ast.BasicLit); ok {
						if text, err := strconv.Unquote(lit.Value); err == nil {
							codes = append(codes, text)
						}
					}
				}
				return true
			})
		}
	}
	if len(codes) < 15 {
		t.Fatalf("only %d codes found: %q", len(codes), codes)
	}
	return codes
}

// TestDocumentsPointSomewhere: every link inside, and every make target, file, metric and setting that a document names, exists.
func TestDocumentsPointSomewhere(t *testing.T) {
	docs := []string{"../README.md", "../CONTRIBUTING.md"}
	err := filepath.WalkDir("../docs", func(p string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(p, ".md") {
			docs = append(docs, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	makefile, metrics := string(read(t, "../Makefile")), "\n"+literals(t, "bot")
	for _, doc := range docs {
		text := string(read(t, doc))
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s points to %s, which does not exist", doc, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?m)(?:`|^)make ([a-z-]+)").FindAllStringSubmatch(text, -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s names `make %s`, which does not exist", doc, m[1])
			}
		}
		for _, name := range regexp.MustCompile("ecsbot_[a-z_]+").FindAllString(text, -1) {
			if !strings.Contains(metrics, "\n"+name+"\n") {
				t.Errorf("%s names the metric %s, which does not exist", doc, name)
			}
		}
		for _, m := range regexp.MustCompile("`([A-Z]+_[A-Z_]+)`").FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], "AWS_") && !known(m[1]) && !readByATest(t, m[1]) {
				t.Errorf("%s names the setting %s, which does not exist", doc, m[1])
			}
		}
		for _, m := range regexp.MustCompile("(?m)`(?:go run \\./)?(cmd/[a-z]+|[a-z]+/[a-z_]+\\.go)").FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
	}
}

// readByATest tells whether a test beside this one reads the variable; those of the tests begin with ECSBOT_.
func readByATest(t *testing.T, name string) bool {
	t.Helper()
	if !strings.HasPrefix(name, "ECSBOT_") {
		return false
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool { return strings.Contains(string(read(t, f)), `"`+name+`"`) })
}

func TestMakeHelpTellsEveryTarget(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*$`).FindAllStringSubmatch(string(read(t, "../Makefile")), -1) {
		if !regexp.MustCompile(`## \S`).MatchString(m[0]) {
			t.Errorf("the target %s says nothing in `make help`", m[1])
		}
	}
}
