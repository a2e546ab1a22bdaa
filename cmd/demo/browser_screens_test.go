package main

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/kb"

	"ecsbot/sim/page"
)

// TestAccessible runs axe on every screen in both themes, each with something on it.
func TestAccessible(t *testing.T) {
	needBrowser(t)
	s := serve(t, func(c *page.Config) { c.Pace = 10 })
	p := newTab(t, desktop)
	p.still()
	p.open(s.url + "/?theme=light")
	p.accessible("empty workspace")
	p.fillWorkspace()
	for _, screen := range screensOf(p) {
		screen.show()
		p.accessible(screen.name)
	}
	p.do(emulate(phone))
	for _, theme := range themes {
		p.open(s.url + "/?theme=" + theme)
		p.accessibleIn(theme, "phone: workspace")
		for _, name := range []string{"Account", "Controls", "Preview"} {
			p.screen(name)
			p.accessibleIn(theme, "phone: "+name)
		}
	}
}

// TestThemes: the page follows the system, its address and its button, in this order of growing say.
func TestThemes(t *testing.T) {
	p := playgroundAt(t, desktop, 60)
	background := func() string {
		return eval[string](p, `getComputedStyle(document.body).backgroundColor`)
	}
	shows := func(what, theme string) string {
		t.Helper()
		p.until(what, func() bool { return eval[string](p, `document.documentElement.dataset.theme ?? "system"`) == theme })
		p.settled()
		return background()
	}
	bright := shows("the system's theme", "system")
	if _, err := ask(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}); err != nil {
		t.Fatal(err)
	}
	dim := shows("the system's theme", "system")
	if bright == dim {
		t.Errorf("a dark system gives the same background, %s", dim)
	}
	p.whole().find("button", "^Theme: ").press()
	if got := shows("the light theme", light); got != bright {
		t.Errorf("light by the button is %s, by the system %s", got, bright)
	}
	p.whole().find("button", "^Theme: ").press()
	if got := shows("the dark theme", dark); got != dim {
		t.Errorf("dark by the button is %s, by the system %s", got, dim)
	}
}

// fillWorkspace lets people do what leaves something of every kind behind: a
// card, notes to one person, a refusal, an audit thread, a second card with a red finding.
func (p *tab) fillWorkspace() {
	p.t.Helper()
	p.say("Taking prod-1 out for its kernel update, see https://example.com/runbook. *No* <!channel> needed.")
	p.say("/ecs help")
	p.card(p.messages("ops"), "Only visible to you.*/ecs")
	p.say("/ecs deregister " + cleanInstance + " prod")
	p.card(p.messages("ops"), "Deregister "+cleanInstance+" from prod").find("button", "^Drain and deregister").press()
	p.card(p.messages("ops"), cleanInstance+`.*tasks left`)
	p.say("/ecs deregister i-0a1b2c3d4e5f60003 prod")
	p.card(p.messages("ops"), "60003.*could never end")
	p.actAs("Gus")
	p.say("/ecs deregister i-0a1b2c3d4e5f60004 prod")
	p.card(p.messages("ops"), "Only visible to you.*not deregistering")
	p.actAs("Olga")
}

type screen struct {
	name string
	show func()
}

func screensOf(p *tab) []screen {
	tabOf := func(name string) func() {
		return func() {
			p.account().find("tab", "^"+name).press()
			p.account().find("tabpanel", "^"+name)
		}
	}
	return []screen{
		{"workspace and account", func() { p.messages("ops") }},
		{"stories", tabOf("Stories")},
		{"faults", tabOf("Faults")},
		{"calls", func() {
			tabOf("Calls")()
			p.account().last("row", "ecs:").press()
			p.account().find("group", "^The picked call$")
		}},
		{"completion", func() {
			p.whole().find("textbox", "^Message #").fill("/ecs ")
			p.whole().find("listbox", "Completions").last("option", "deregister|status")
		}},
		{"audit thread", func() {
			p.whole().find("textbox", "^Message #").fill(kb.Backspace)
			p.goTo("ecs-audit")
			p.card(p.messages("ecs-audit"), cleanInstance).find("button", "repl(y|ies)").press()
			p.whole().find("complementary", "^Thread$").reads("confirmed")
		}},
		{"App Home", func() { p.whole().find("navigation", "^Channels$").find("button", "App Home").press() }},
		{"direct messages", func() { p.whole().find("navigation", "^Channels$").find("button", "^ecs-bot").press() }},
		{"form with its picker open", func() {
			p.goTo("ops")
			p.say("/ecs deregister")
			p.whole().find("dialog", "^Deregister an instance$").find("combobox", "Cluster")
			p.tabTo("combobox", "Cluster")
			p.choose("prod", "^prod")
			p.tabTo("combobox", "Instance")
			p.keys("6000")
			p.whole().find("listbox", "").last("option", "6000")
		}},
		{"form with an error", func() {
			p.keys(kb.Escape)
			p.whole().gone("listbox", "")
			p.whole().find("dialog", "").find("button", "^Show the plan").press()
			p.whole().find("dialog", "").last("alert", "")
		}},
		{"account alone", func() {
			p.keys(kb.Escape)
			p.whole().gone("dialog", "")
			p.screen("Account")
			p.account().find("list", "Tasks on prod-2$")
		}},
		{"workspace alone", func() { p.screen("Workspace") }},
		{"preview", func() {
			p.screen("Preview")
			p.whole().find("region", "^As drawn$").reads("Deregister")
			p.whole().find("region", "^Source$").reads("Slack would take it")
		}},
		{"preview of what Slack refuses", func() {
			p.whole().find("textbox", "^Block Kit JSON$").fill(`[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`)
			p.whole().find("region", "^Source$").reads("Slack would refuse it")
		}},
	}
}

// screen switches by the bar at the top.
func (p *tab) screen(name string) {
	p.t.Helper()
	p.whole().find("navigation", "^Screens$").find("button", "^"+name+"$").press()
}

// TestThePageItselfStandsStill: what scrolls scrolls within its own frame; nothing
// that is hidden from the eyes makes the window longer.
func TestThePageItselfStandsStill(t *testing.T) {
	p := playgroundAt(t, desktop, 10)
	for _, name := range []string{"Stories", "Faults", "Calls"} {
		p.account().find("tab", "^"+name).press()
		if long := eval[float64](p, `document.documentElement.scrollHeight - innerHeight`); long > 0 {
			t.Errorf("with %s open the page is %g px longer than the window", name, long)
		}
	}
}

// TestPhone does the main job in a window of a phone, with the thumb.
func TestPhone(t *testing.T) {
	p := playgroundAt(t, phone, 60)
	if wide := eval[float64](p, `document.documentElement.scrollWidth`); wide > float64(phone.width) {
		t.Errorf("the page is %g px wide on a phone of %d", wide, phone.width)
	}
	p.say("/ecs deregister " + cleanInstance + " prod")
	card := p.card(p.messages("ops"), "Deregister "+cleanInstance+" from prod.*Drain and deregister")
	card.find("button", "^Drain and deregister").press()
	p.card(p.messages("ops"), cleanInstance+".*Done and verified")
	p.whole().find("navigation", "^Screens$").find("button", "^Account$").press()
	p.account().reads("Deregistered, still billed")
	if wide := eval[float64](p, `document.documentElement.scrollWidth`); wide > float64(phone.width) {
		t.Errorf("with the account open the page is %g px wide", wide)
	}
}

// TestKillAndRestart breaks the bot in mid-drain by the panel of faults, and
// starts it again: it goes on where it was, and no order is given twice.
func TestKillAndRestart(t *testing.T) {
	needBrowser(t)
	s := serve(t, func(c *page.Config) { c.Pace = 10 })
	p := newTab(t, desktop)
	p.open(s.url + "/")
	p.say("/ecs deregister " + cleanInstance + " prod")
	card := p.card(p.messages("ops"), "Deregister "+cleanInstance+" from prod.*Drain and deregister")
	card.find("button", "^Drain and deregister").press()
	p.account().reads("DRAINING")
	p.account().find("tab", "^Faults").press()
	faults := p.account().find("region", "^Faults$")
	faults.find("button", "^Kill the bot$").press()
	p.account().find("list", "processes$").reads("dead")
	p.say("/ecs status")
	p.workspace().reads("dispatch_failed")
	faults.find("button", "^Start the bot$").press()
	p.account().find("list", "processes$").reads("running")
	p.pace("60")
	p.card(p.messages("ops"), cleanInstance+".*Done and verified")
	orders := map[string]int{}
	for _, c := range s.server.Stage().AWS.Log() {
		orders[c.Action]++
	}
	for _, op := range []string{"UpdateContainerInstancesState", "DeregisterContainerInstance"} {
		if orders[op] != 1 {
			t.Errorf("%s was called %d times", op, orders[op])
		}
	}
}
