package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// The rig is tried on a document of its own: a rig that finds everything proves nothing.
func TestRig(t *testing.T) {
	p := newTab(t, desktop)
	p.html(`<!doctype html><html lang="en"><title>rig</title><body data-ready="true"><main aria-label="Workspace">
		<label>Acting as <select><option value="a">Olga</option><option value="b">Ana</option></select></label>
		<input aria-label="Message #ops"><button data-action-id="go">Go</button><button style="outline:none" aria-label="Dim">d</button>
		<article aria-label="ecs at 10:00" style="display:none">hidden</article><article aria-label="Olga at 10:01">said <b>it</b></article>
		<div style="position:relative"><button id="under">Under</button><div style="position:absolute;inset:0">cover</div></div></main></body></html>`)
	main := p.whole().find("main", "^Workspace$")
	if main.has("article", "ecs") {
		t.Error("what is not displayed is found")
	}
	if got := main.find("article", "Olga").text(); got != "said it" {
		t.Errorf("an article reads %q", got)
	}
	main.find("textbox", "^Message #ops$").fill("hello")
	if v := main.find("textbox", "Message").prop["value"]; v != "hello" {
		t.Errorf("typing gives %q", v)
	}
	main.find("combobox", "Acting as").pick("Ana")
	if v := main.find("combobox", "Acting as").prop["value"]; v != "Ana" {
		t.Errorf("picking gives %q", v)
	}
	if err := main.find("button", "Under").tryPress(); err == nil || !strings.Contains(err.Error(), "covered") {
		t.Errorf("a covered button is pressed: %v", err)
	}
	p.tabTo("button", "^Go$")
	p.keys(kb.Tab)
	if at := p.focused(); at.name != "Dim" {
		t.Errorf("after Go comes %s %q", at.role, at.name)
	}
	out := main.outline()
	for _, want := range []string{`button data-action-id="go"`, `article aria-label="Olga at 10:01"`, "main \"Workspace\"", `button "Go"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the outline lacks %s:\n%s", want, out)
		}
	}
}
