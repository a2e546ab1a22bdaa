package slack

import (
	"fmt"
	"strings"
	"testing"
)

func rep(n int, s string) string {
	return strings.TrimSuffix(strings.Repeat(s+",", n), ",")
}

// numbered repeats a format with a running number.
func numbered(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(format, i))
	}
	return strings.Join(parts, ",")
}

func plain(n int) string { return `{"type":"plain_text","text":"` + strings.Repeat("é", n) + `"}` }

func mrkdwn(n int) string { return `{"type":"mrkdwn","text":"` + strings.Repeat("é", n) + `"}` }

func x(n int) string { return strings.Repeat("x", n) }

// limit is a rule with the largest value that passes and the smallest that does not.
type limit struct {
	make func(n int) string // one block, or an element when wrap says so
	most int
	at   string // where the refusal points
}

func blockLimits() map[string]limit {
	return map[string]limit{
		"section text":   {func(n int) string { return `{"type":"section","text":` + mrkdwn(n) + `}` }, 3000, "/blocks/0/text/text"},
		"section fields": {func(n int) string { return `{"type":"section","fields":[` + rep(n, mrkdwn(1)) + `]}` }, 10, "/blocks/0/fields"},
		"section field":  {func(n int) string { return `{"type":"section","fields":[` + mrkdwn(n) + `]}` }, 2000, "/blocks/0/fields/0/text"},
		"header":         {func(n int) string { return `{"type":"header","text":` + plain(n) + `}` }, 150, "/blocks/0/text/text"},
		"markdown":       {func(n int) string { return `{"type":"markdown","text":"` + x(n) + `"}` }, 12_000, "/blocks/0/text"},
		"context":        {func(n int) string { return `{"type":"context","elements":[` + rep(n, mrkdwn(1)) + `]}` }, 10, "/blocks/0/elements"},
		"block_id":       {func(n int) string { return `{"type":"divider","block_id":"` + x(n) + `"}` }, 255, "/blocks/0/block_id"},
		"alt_text":       {func(n int) string { return `{"type":"image","image_url":"https://e","alt_text":"` + x(n) + `"}` }, 2000, "/blocks/0/alt_text"},
		"card title":     {func(n int) string { return `{"type":"card","title":` + mrkdwn(n) + `}` }, 150, "/blocks/0/title/text"},
		"card body":      {func(n int) string { return `{"type":"card","body":` + mrkdwn(n) + `}` }, 200, "/blocks/0/body/text"},
		"table rows": {func(n int) string {
			return `{"type":"table","rows":[` + rep(n, `[{"type":"raw_text","text":"a"}]`) + `]}`
		}, 100, "/blocks/0/rows"},
		"table cells": {func(n int) string {
			return `{"type":"table","rows":[[` + rep(n, `{"type":"raw_text","text":"a"}`) + `]]}`
		}, 20, "/blocks/0/rows/0"},
		"data_table rows": {func(n int) string {
			return `{"type":"data_table","caption":"c","rows":[` + rep(n, `[{"type":"raw_text","text":"a"}]`) + `]}`
		}, 101, "/blocks/0/rows"},
		"carousel": {func(n int) string {
			return `{"type":"carousel","elements":[` + rep(n, `{"type":"card","title":`+mrkdwn(1)+`}`) + `]}`
		}, 10, "/blocks/0/elements"},
		"container": {func(n int) string {
			return `{"type":"container","title":` + plain(1) + `,"child_blocks":[` + rep(n, `{"type":"divider"}`) + `]}`
		}, 10, "/blocks/0/child_blocks"},
	}
}

func elementLimits() map[string]limit {
	opt := func(text, value string) string {
		return `{"text":{"type":"plain_text","text":"` + text + `"},"value":"` + value + `"}`
	}
	button := func(extra string) string { return `{"type":"button","text":` + plain(1) + extra + `}` }
	return map[string]limit{
		"button text":        {func(n int) string { return `{"type":"button","text":` + plain(n) + `}` }, 75, "text/text"},
		"button value":       {func(n int) string { return button(`,"value":"` + x(n) + `"`) }, 2000, "value"},
		"button url":         {func(n int) string { return button(`,"url":"` + x(n) + `"`) }, 3000, "url"},
		"action_id":          {func(n int) string { return button(`,"action_id":"` + x(n) + `"`) }, 255, "action_id"},
		"label":              {func(n int) string { return button(`,"accessibility_label":"` + x(n) + `"`) }, 75, "accessibility_label"},
		"confirm title":      {func(n int) string { return button(`,"confirm":{"title":` + plain(n) + `,"text":` + plain(1) + `}`) }, 100, "confirm/title/text"},
		"confirm text":       {func(n int) string { return button(`,"confirm":{"text":` + mrkdwn(n) + `}`) }, 300, "confirm/text/text"},
		"confirm yes":        {func(n int) string { return button(`,"confirm":{"text":` + plain(1) + `,"confirm":` + plain(n) + `}`) }, 30, "confirm/confirm/text"},
		"confirm no":         {func(n int) string { return button(`,"confirm":{"text":` + plain(1) + `,"deny":` + plain(n) + `}`) }, 30, "confirm/deny/text"},
		"option text":        {func(n int) string { return `{"type":"static_select","options":[` + opt(x(n), "v") + `]}` }, 75, "options/0/text/text"},
		"option value":       {func(n int) string { return `{"type":"static_select","options":[` + opt("t", x(n)) + `]}` }, 150, "options/0/value"},
		"select options":     {func(n int) string { return `{"type":"static_select","options":[` + numbered(n, opt("t", "%d")) + `]}` }, 100, "options"},
		"overflow options":   {func(n int) string { return `{"type":"overflow","options":[` + numbered(n, opt("t", "%d")) + `]}` }, 5, "options"},
		"checkboxes options": {func(n int) string { return `{"type":"checkboxes","options":[` + numbered(n, opt("t", "%d")) + `]}` }, 10, "options"},
		"radio options":      {func(n int) string { return `{"type":"radio_buttons","options":[` + numbered(n, opt("t", "%d")) + `]}` }, 10, "options"},
		"placeholder":        {func(n int) string { return `{"type":"external_select","placeholder":` + plain(n) + `}` }, 150, "placeholder/text"},
	}
}

func TestBlockLimits(t *testing.T) {
	w := start(t, nil)
	post := func(blocks string) answer {
		return api(t, w, "chat.postMessage", "channel", DemoOps, "text", "t", "blocks", blocks)
	}
	try := func(t *testing.T, l limit, block func(n int) string, at string) {
		t.Helper()
		if a := post("[" + block(l.most) + "]"); !a.ok() {
			t.Errorf("%d must pass: %v", l.most, a.body)
		}
		a := post("[" + block(l.most+1) + "]")
		if a.code() != "invalid_blocks" || !strings.Contains(a.messages(), "[json-pointer:"+at+"]") {
			t.Errorf("%d must be refused at %s: %v %s", l.most+1, at, a.code(), a.messages())
		}
	}
	for name, l := range blockLimits() {
		t.Run(name, func(t *testing.T) { try(t, l, l.make, l.at) })
	}
	for name, l := range elementLimits() {
		t.Run(name, func(t *testing.T) {
			wrap := func(n int) string { return `{"type":"actions","elements":[` + l.make(n) + `]}` }
			try(t, l, wrap, "/blocks/0/elements/0/"+l.at)
		})
	}
	t.Run("blocks of a message", func(t *testing.T) {
		try(t, limit{most: 50}, func(n int) string { return rep(n, `{"type":"divider"}`) }, "/blocks")
	})
	t.Run("elements of actions", func(t *testing.T) {
		try(t, limit{most: 25}, func(n int) string {
			return `{"type":"actions","elements":[` + rep(n, `{"type":"button","text":`+plain(1)+`}`) + `]}`
		}, "/blocks/0/elements")
	})
	t.Run("total", func(t *testing.T) {
		four := rep(4, `{"type":"section","text":`+mrkdwn(3000)+`}`)
		if a := post("[" + four + `,{"type":"section","text":` + mrkdwn(1200) + "}]"); !a.ok() {
			t.Errorf("13,200 must pass: %v", a.body)
		}
		if a := post("[" + four + `,{"type":"section","text":` + mrkdwn(1201) + "}]"); a.code() != "msg_blocks_too_long" {
			t.Errorf("13,201: %v", a.body)
		}
	})
}

func TestBlockStructure(t *testing.T) {
	w := start(t, nil)
	btn := func(extra string) string { return `{"type":"button","text":` + plain(2) + extra + `}` }
	tests := map[string]struct{ block, want string }{
		"duplicate action_id in another block is fine": {`{"type":"actions","elements":[` + btn(`,"action_id":"a"`) + `]},{"type":"actions","elements":[` + btn(`,"action_id":"a"`) + `]}`, ""},
		"duplicate action_id in one block":             {`{"type":"actions","elements":[` + rep(2, btn(`,"action_id":"a"`)) + `]}`, "action_id already exists"},
		"duplicate block_id":                           {rep(2, `{"type":"divider","block_id":"b"}`), "`block_id` already exists"},
		"empty section":                                {`{"type":"section"}`, "text or fields"},
		"empty text":                                   {`{"type":"section","text":{"type":"mrkdwn","text":""}}`, "more than 0"},
		"unknown block":                                {`{"type":"sektion"}`, "unsupported type: sektion"},
		"unknown element":                              {`{"type":"actions","elements":[{"type":"lever"}]}`, "unsupported type: lever"},
		"unknown style":                                {`{"type":"actions","elements":[` + btn(`,"style":"green"`) + `]}`, "/style]"},
		"mrkdwn in a button":                           {`{"type":"actions","elements":[{"type":"button","text":` + mrkdwn(2) + `}]}`, "must be plain_text"},
		"mrkdwn in a header":                           {`{"type":"header","text":` + mrkdwn(2) + `}`, "must be plain_text"},
		"unknown property":                             {`{"type":"divider","colour":"red"}`, "invalid additional property: colour"},
		"text input in actions":                        {`{"type":"actions","elements":[{"type":"plain_text_input"}]}`, "unsupported type"},
		"bad alert level":                              {`{"type":"alert","text":` + mrkdwn(1) + `,"level":"red"}`, "/level]"},
		"uneven table":                                 {`{"type":"table","rows":[[{"type":"raw_text","text":"a"}],[{"type":"raw_text","text":"a"},{"type":"raw_text","text":"b"}]]}`, "the first row has 1"},
		"initial option from elsewhere":                {`{"type":"actions","elements":[{"type":"static_select","options":[{"text":` + plain(1) + `,"value":"a"}],"initial_option":{"text":` + plain(1) + `,"value":"b"}}]}`, "is not among"},
		"plan of tasks":                                {`{"type":"plan","title":"P","tasks":[{"type":"task_card","task_id":"1","title":"T","status":"in_progress","details":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"d"}]}]}}]}`, ""},
		"plan with an unknown status":                  {`{"type":"plan","title":"P","tasks":[{"type":"task_card","task_id":"1","title":"T","status":"busy"}]}`, "/blocks/0/tasks/0/status"},
		"everything new":                               {`{"type":"alert","text":` + mrkdwn(1) + `,"level":"warning"},{"type":"markdown","text":"# a"},{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"user","user_id":"U0OPERATOR"}]}]}]}`, ""},
		"not an object":                                {`7`, "must be an object"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "t", "blocks", "["+tt.block+"]")
			if tt.want == "" && !a.ok() {
				t.Errorf("refused: %v", a.body)
			}
			if tt.want != "" && (a.code() != "invalid_blocks" || !strings.Contains(a.messages(), tt.want)) {
				t.Errorf("want invalid_blocks with %q, got %v", tt.want, a.body)
			}
		})
	}
}

// FuzzBlocks: whatever comes as blocks, the checker neither panics nor lets
// anything through that it cannot render.
func FuzzBlocks(f *testing.F) {
	f.Add(`[{"type":"section","text":{"type":"mrkdwn","text":"<@U0OPERATOR> &lt;"}}]`)
	f.Add(`[{"type":"actions","elements":[{"type":"static_select","option_groups":[{"label":{}}]}]}]`)
	f.Add(`[{"type":"table","rows":[[null],7]}]`)
	w, err := New(Demo())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w.mu.Lock()
		out, err := w.checkMessageBlocks([]byte(s))
		w.mu.Unlock()
		if err == nil {
			_ = w.Render(Message{Blocks: out})
		}
	})
}
