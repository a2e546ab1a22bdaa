package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the snapshots and the screenshots of the cards")

// outline writes down what a node is made of, twice: its elements, with what acts
// and what styles them, and its accessibility tree. Ids of the page's own, times
// and hashes are replaced, so that two runs give the same text.
func (s seen) outline() string {
	s.p.t.Helper()
	elements, err := on[string](s, elementsOf)
	if err != nil {
		s.p.t.Fatalf("reading the elements of the %s %q: %v", s.role, s.name, err)
	}
	return "# elements\n" + steady(elements) + "\n# roles\n" + steady(s.roles())
}

// elementsOf walks the DOM. Attributes that bear meaning are written, and classes.
const elementsOf = `function() {
	const keep = ["role", "data-action-id", "data-block-id", "href", "src", "alt", "title", "type", "value", "placeholder", "disabled", "open", "colspan", "datetime", "lang"];
	const out = [];
	const walk = (node, depth) => {
		const pad = "  ".repeat(depth);
		if (node.nodeType === Node.TEXT_NODE) {
			const text = node.data.replace(/\n/g, "\\n");
			if (text.trim() !== "") out.push(pad + JSON.stringify(text));
			return;
		}
		if (node.nodeType !== Node.ELEMENT_NODE) return;
		let line = pad + node.localName;
		for (const c of [...node.classList].sort()) line += "." + c;
		const attributes = [...node.attributes].filter(a => keep.includes(a.name) || a.name.startsWith("aria-")).sort((a, b) => a.name < b.name ? -1 : 1);
		for (const a of attributes) line += " " + a.name + "=" + JSON.stringify(a.value);
		out.push(line);
		if (node.localName === "svg") return;
		for (const child of node.childNodes) walk(child, depth + 1);
	};
	walk(this, 0);
	return out.join("\n") + "\n";
}`

// silent are properties that say nothing new, or that hang on the window.
var silent = []string{"url", "focusable", "focused", "settable", "editable", "invalid", "multiline", "hasPopup", "labelledby", "describedby", "controls", "owns", "activedescendant", "actions"}

// roles is the accessibility tree below the node, generic containers left out.
func (s seen) roles() string {
	s.p.t.Helper()
	got, err := ask(s.p, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{BackendNodeID: s.id})
	if err != nil {
		s.p.t.Fatalf("reading the roles of the %s %q: %v", s.role, s.name, err)
	}
	byID := map[accessibility.NodeID]*accessibility.Node{}
	for _, n := range got.Nodes {
		byID[n.NodeID] = n
	}
	var b strings.Builder
	var walk func(n *accessibility.Node, depth int)
	walk = func(n *accessibility.Node, depth int) {
		role := text(n.Role)
		if role == "InlineTextBox" {
			return
		}
		if !n.Ignored && role != "generic" && role != "none" {
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), oneRole(n))
			depth++
		}
		for _, id := range n.ChildIDs {
			if child := byID[id]; child != nil {
				walk(child, depth)
			}
		}
	}
	for _, n := range got.Nodes {
		if n.BackendDOMNodeID == s.id {
			walk(n, 0)
			break
		}
	}
	return b.String()
}

func oneRole(n *accessibility.Node) string {
	line := text(n.Role)
	if name := text(n.Name); name != "" {
		line += fmt.Sprintf(" %q", name)
	}
	if v := text(n.Value); v != "" {
		line += fmt.Sprintf(" = %q", v)
	}
	if d := text(n.Description); d != "" {
		line += fmt.Sprintf(" (%s)", d)
	}
	for _, p := range n.Properties {
		if name := string(p.Name); !slices.Contains(silent, name) && text(p.Value) != "" {
			line += fmt.Sprintf(" %s:%s", name, text(p.Value))
		}
	}
	return line
}

// unsteady is what differs from run to run, and what stands in its place.
var unsteady = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`:r[0-9a-z]+:|«r[0-9a-z]+»`), ":ID:"}, // React's useId
	{regexp.MustCompile(`\b(aria-(?:controls|labelledby|describedby|owns|activedescendant))="[^"]*"`), `$1="…"`},
	{regexp.MustCompile(`\bhttp://127\.0\.0\.1:\d+`), "http://PAGE"},
	{regexp.MustCompile(`\b\d{10}\.\d{6}\b`), "TS"}, // a message's ts
}

func steady(s string) string {
	for _, u := range unsteady {
		s = u.re.ReplaceAllString(s, u.to)
	}
	return s
}

// gate compares with the file in testdata, or rewrites it.
func gate(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // a folder of the repository
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("no snapshot (make golden makes it): %v", err)
		return
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); if that is meant, make golden and read the diff:\n%s", path, diff)
	}
}
