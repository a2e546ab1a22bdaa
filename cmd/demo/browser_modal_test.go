package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp/kb"
)

// TestModalByKeyboardAlone: from the page's load to the confirmed plan no pointer
// is touched. Both pickers ask the bot for what they offer.
func TestModalByKeyboardAlone(t *testing.T) {
	p := playgroundAt(t, desktop, 60)
	p.tabTo("textbox", "^Message #ops")
	p.keys("/ecs deregister")
	p.keys(kb.Enter)
	modal := p.whole().find("dialog", "^Deregister an instance$")
	modal.find("combobox", "Cluster")
	p.tabTo("combobox", "Cluster")
	p.choose("prod", "^prod")
	modal.find("combobox", "Instance") // it comes once the cluster is known
	p.tabTo("combobox", "Instance")
	p.choose("60001", cleanInstance)
	p.tabTo("textbox", "[Rr]eason")
	p.keys("kernel update")
	p.trapped(modal)
	p.tabTo("button", "^(Preview|Plan|Continue|Show|Next|Review)")
	p.keys(kb.Enter)
	p.whole().gone("dialog", "")
	card := p.card(p.messages("ops"), "Deregister "+cleanInstance+" from prod.*Reason: kernel update")
	button := card.find("button", "^Drain and deregister")
	p.tabToNode(button)
	p.keys(kb.Enter)
	p.card(p.messages("ops"), cleanInstance+".*Done and verified")
}

// choose types into the picker that has the focus, and takes the offered option with the arrow key and Enter.
func (p *tab) choose(query, option string) {
	p.t.Helper()
	p.keys(query)
	re := regexp.MustCompile(option)
	p.until("an option like "+option, func() bool {
		lists, err := p.whole().all("listbox", "")
		if err != nil || len(lists) != 1 {
			return false
		}
		offered, err := lists[0].all("option", "")
		return err == nil && len(offered) == 1 && re.MatchString(offered[0].name)
	})
	p.keys(kb.ArrowDown)
	p.keys(kb.Enter)
	p.whole().gone("listbox", "")
	if v := p.focusedValue(); !re.MatchString(v) {
		p.t.Errorf("after the choice the picker shows %q, want %q", v, option)
	}
}

func (p *tab) focusedValue() string {
	p.t.Helper()
	return eval[string](p, `document.activeElement.value ?? ""`)
}

// trapped fails when Tab leads out of the dialog. The rest of the page stays in
// reach of a pointer there, as the account beside it goes on.
func (p *tab) trapped(dialog seen) {
	p.t.Helper()
	var been []string
	for range 30 {
		p.keys(kb.Tab)
		inside, err := on[bool](dialog, `function() { return this.contains(document.activeElement) }`)
		if err != nil {
			p.t.Fatal(err)
		}
		at := p.focused()
		been = append(been, at.role+" "+at.name)
		if !inside {
			p.t.Fatalf("Tab leaves the dialog: %s", strings.Join(been, ", "))
		}
	}
}

// tabToNode presses Tab until the focus is on that very node.
func (p *tab) tabToNode(to seen) {
	p.t.Helper()
	seenIDs := map[cdp.BackendNodeID]int{}
	for range 200 {
		at := p.focused()
		if at.id == to.id {
			p.visibleFocus(at)
			return
		}
		seenIDs[at.id]++
		p.keys(kb.Tab)
	}
	p.t.Fatalf("Tab never reaches the %s %q; it passes %d others", to.role, to.name, len(seenIDs))
}

// TestEscapeLeavesTheModal: and the focus goes back to where it came from.
func TestEscapeLeavesTheModal(t *testing.T) {
	p := playgroundAt(t, desktop, 60)
	p.say("/ecs deregister")
	p.whole().find("dialog", "^Deregister an instance$").find("combobox", "Cluster")
	p.keys(kb.Escape)
	p.whole().gone("dialog", "")
	if at := p.focused(); at.role != "textbox" || !strings.HasPrefix(at.name, "Message #ops") {
		t.Errorf("after Escape the focus is on the %s %q", at.role, at.name)
	}
}
