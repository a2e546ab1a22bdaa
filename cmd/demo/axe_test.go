package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// axePins is the folder whose lock file pins axe-core.
const axePins = "testdata/axe"

// axeSource is axe-core as the lock file pins it, installed once into the user's cache.
var axeSource = sync.OnceValues(func() (string, error) {
	lock, err := os.ReadFile(filepath.Join(axePins, "package-lock.json"))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	home := filepath.Join(cache, "ecsbot", "axe", hex.EncodeToString(sum[:8]))
	script := filepath.Join(home, "node_modules", "axe-core", "axe.min.js")
	if b, err := os.ReadFile(script); err == nil {
		return string(b), nil
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(axePins, name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(home, name), b, 0o600); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	npm.Dir = home
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("installing axe-core (node and npm must be there): %w\n%s", err, out)
	}
	b, err := os.ReadFile(script)
	return string(b), err
})

// violation is one rule that the page breaks, by axe's own words.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Failure string `json:"failureSummary"`
	} `json:"nodes"`
}

// grave is whatever axe does not call minor.
func (v violation) grave() bool { return v.Impact != "minor" }

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s, %d times", v.ID, v.Impact, v.Help, len(v.Nodes))
	for i, n := range v.Nodes {
		if i == 4 {
			break
		}
		fmt.Fprintf(&b, "\n  %.240s\n    %s", n.HTML, strings.ReplaceAll(n.Failure, "\n", "\n    "))
	}
	return b.String()
}

// axe runs the engine on what is on the screen now: its rules for WCAG 2.2 A and
// AA and best practices, or those that are about colour alone.
func (p *tab) axe(colourAlone bool) []violation {
	p.t.Helper()
	source, err := axeSource()
	if err != nil {
		p.t.Fatal(err)
	}
	if !eval[bool](p, `typeof window.axe === "object"`) {
		// The page's Content-Security-Policy holds for the page; the engine comes past it, as DevTools do.
		ctx, cancel := p.within()
		defer cancel()
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](source+"\n;true")); err != nil {
			p.t.Fatalf("bringing in axe-core: %v", err)
		}
	}
	rules := ""
	if colourAlone {
		rules = `, runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}`
	}
	raw := eval[string](p, `axe.run(document, {resultTypes: ["violations"]`+rules+`}).then(r => JSON.stringify(r.violations))`)
	var all []violation
	if err := json.Unmarshal([]byte(raw), &all); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// accessible fails on what axe calls moderate or worse in either theme, and
// tells the rest. The themes differ in their colours only.
func (p *tab) accessible(screen string) {
	p.t.Helper()
	for _, theme := range themes {
		p.paint(theme)
		p.accessibleIn(theme, screen)
	}
}

const dark, light = "dark", "light"

var themes = []string{dark, light}

func (p *tab) accessibleIn(theme, screen string) {
	p.t.Helper()
	p.settled()
	for _, v := range p.axe(theme == dark) {
		if v.grave() {
			p.t.Errorf("%s, %s: %s", screen, theme, v)
		} else {
			p.t.Logf("%s, %s: %s", screen, theme, v)
		}
	}
}

// paint sets the theme as the page's own switch does, whatever is open.
func (p *tab) paint(theme string) {
	p.t.Helper()
	eval[bool](p, `(document.documentElement.dataset.theme = "`+theme+`", true)`)
}

// settled waits until nothing moves or fades any more, but for what never ends.
func (p *tab) settled() {
	p.t.Helper()
	p.until("the page to come to rest", func() bool {
		return eval[bool](p, `document.getAnimations().every(a => a.playState === "finished" || a.effect.getComputedTiming().endTime === Infinity)`)
	})
}

// The check itself must be able to fail.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	p := newTab(t, desktop)
	p.html(`<!doctype html><html lang="en"><title>x</title><main><h1>x</h1><button></button><p style="color:#999;background:#aaa">unreadable</p></main></html>`)
	found := map[string]bool{}
	for _, v := range p.axe(false) {
		if v.grave() {
			found[v.ID] = true
		}
	}
	if !found["button-name"] || !found["color-contrast"] {
		t.Errorf("a nameless button and grey on grey give %v", found)
	}
	if colours := p.axe(true); len(colours) != 1 || colours[0].ID != "color-contrast" {
		t.Errorf("of colours alone it finds %v", colours)
	}
}

// html shows a document of the test's own.
func (p *tab) html(document string) {
	p.t.Helper()
	p.do(chromedp.Navigate("about:blank"))
	tree, err := ask(p, page.GetFrameTree, cdp.Empty{})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := ask(p, page.SetDocumentContent, page.SetDocumentContentParams{FrameID: tree.FrameTree.Frame.ID, HTML: document}); err != nil {
		p.t.Fatal(err)
	}
}
