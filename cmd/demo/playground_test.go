package main

import (
	"regexp"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

const cleanInstance = "i-0a1b2c3d4e5f60001"

// The parts of the page, by the names that a screen reader says.

func (p *tab) workspace() seen { p.t.Helper(); return p.whole().find("main", "^Workspace$") }
func (p *tab) account() seen   { p.t.Helper(); return p.whole().find("region", "^Account$") }

func (p *tab) messages(channel string) seen {
	p.t.Helper()
	return p.whole().find("log", "^Messages in #"+channel+"$")
}

// goTo opens a channel from the list.
func (p *tab) goTo(channel string) {
	p.t.Helper()
	p.whole().find("navigation", "^Channels$").find("button", `(^|\s)#?`+channel+`\b`).press()
	p.messages(channel)
}

// say types into the channel that is open, and sends with Enter.
func (p *tab) say(words string) {
	p.t.Helper()
	p.whole().find("textbox", "^Message #").fill(words)
	p.keys(kb.Enter)
}

// actAs switches who the visitor is.
func (p *tab) actAs(name string) {
	p.t.Helper()
	p.whole().find("combobox", "^Acting as$").pick(name)
}

// pace sets the clock of both simulators and of the bot.
func (p *tab) pace(label string) {
	p.t.Helper()
	group := p.whole().find("group", "^Time$")
	group.find("radio", label).press()
}

// card is the newest message whose text matches.
func (p *tab) card(log seen, pattern string) seen {
	p.t.Helper()
	re := regexp.MustCompile("(?s)" + pattern)
	var out seen
	ok := waitFor(patience, func() bool {
		all, err := log.all("article", "")
		if err != nil {
			return false
		}
		for i := len(all) - 1; i >= 0; i-- {
			if re.MatchString(all[i].text()) {
				out = all[i]
				return true
			}
		}
		return false
	})
	if !ok {
		p.t.Fatalf("no message in %q reads %q; there is:\n%s", log.name, pattern, log.text())
	}
	return out
}

// TestMainJob is what the product is for, as a visitor plays it: started as by
// hand, typed, read, confirmed, watched, verified, and found in the audit thread.
func TestMainJob(t *testing.T) {
	needBrowser(t)
	g := start(t, "-addr", "127.0.0.1:0", "-pace", "10")
	p := newTab(t, desktop)
	p.open(g.at())
	p.whole().find("note", "").reads("Simulator.*nothing here is Slack or AWS")
	tile := p.account().find("list", "Tasks on prod-1$")
	if tile.text() == "" {
		t.Error("prod-1 shows no task")
	}
	p.say("/ecs deregister " + cleanInstance + " prod")
	card := p.card(p.messages("ops"), "Deregister "+cleanInstance+" from prod.*Drain and deregister")
	card.find("button", "^Drain and deregister").press()
	p.card(p.messages("ops"), cleanInstance+`.*\d of \d tasks left`)
	p.pace("60")
	p.card(p.messages("ops"), cleanInstance+`.*Done and verified`)
	p.account().gone("list", "Tasks on prod-1$")
	p.goTo("ecs-audit")
	root := p.card(p.messages("ecs-audit"), cleanInstance)
	root.find("button", "repl(y|ies)").press()
	thread := p.whole().find("complementary", "^Thread$")
	thread.reads("confirmed.*DRAINING.*done and verified")
}
