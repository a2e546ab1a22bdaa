package main

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/page"
)

// served is a playground in this process: what the flags of the demo do not offer
// can be set, and its stage can be looked at.
type served struct {
	url    string
	server *page.Server
}

// serve starts the playground with this binary as the bot.
func serve(t testing.TB, change func(*page.Config)) served {
	t.Helper()
	manifest, err := manifest()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command, err := self(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cfg := page.Config{Dir: t.TempDir(), Manifest: manifest, Pace: 10, Hurry: 60, Env: []string{childVar + "=1"},
		Command: command}
	if change != nil {
		change(&cfg)
	}
	l, err := page.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := page.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return served{url: "http://" + l.Addr().String(), server: s}
}

// playgroundAt opens a playground of its own in a window.
func playgroundAt(t testing.TB, window size, pace float64) *tab {
	t.Helper()
	needBrowser(t)
	s := serve(t, func(c *page.Config) { c.Pace = pace })
	if err := s.server.Stage().Connected(t.Context()); err != nil { // what is typed before goes nowhere
		t.Fatal(err)
	}
	p := newTab(t, window)
	p.open(s.url + "/")
	return p
}

// TestStoriesOnThePage follows each link to a story, presses Next as long as there
// is one, and reads the captions to the end.
func TestStoriesOnThePage(t *testing.T) {
	needBrowser(t)
	s := serve(t, func(c *page.Config) { c.Hurry = 240 })
	titles := map[string]string{"orphan": "The orphan warning", "stuck": "The drain that can’t finish", "two": "Two people, one click",
		"ghost": "The ghost", "crash": "The crash", "stranger": "The stranger"}
	for id, title := range titles {
		t.Run(id, func(t *testing.T) {
			p := newTab(t, desktop)
			p.open(s.url + "/?story=" + id)
			player := p.whole().find("region", "^Story: "+title+"$")
			captions := map[string]bool{}
			p.untilWithin(time.Minute, "the story to end", func() bool {
				player := player.again()
				if player.has("button", "^Next") {
					if next, err := player.all("button", "^Next"); err == nil && len(next) == 1 && next[0].prop["disabled"] != "true" {
						_ = next[0].tryPress() // it may be waiting, or just gone
					}
				}
				words := player.text()
				captions[words] = true
				return strings.Contains(words, "· the end") || strings.Contains(words, "· failed")
			})
			end := player.again().text()
			if !strings.Contains(end, "· the end") || player.again().has("alert", "") {
				t.Errorf("the story ends with:\n%s", end)
			}
			if len(captions) < 4 {
				t.Errorf("only %d captions were seen", len(captions))
			}
		})
	}
}

// again finds the same thing anew: the page may have drawn it afresh.
func (s seen) again() seen {
	all, err := s.p.whole().all(s.role, "^"+regexp.QuoteMeta(s.name)+"$")
	if err != nil || len(all) == 0 {
		return s
	}
	return all[0]
}
