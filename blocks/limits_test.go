package blocks

import (
	"strings"
	"testing"

	"github.com/slack-go/slack"
)

// Each row breaks one limit by one; the row before it, at the limit, must pass.
func TestCheckFindsEachLimit(t *testing.T) {
	section := func(n int) slack.Block {
		return slack.NewSectionBlock(md(mrkdwn(strings.Repeat("ä", n))), nil, nil)
	}
	raw := func(n int) *slack.TextBlockObject {
		return &slack.TextBlockObject{Type: slack.PlainTextType, Text: strings.Repeat("ä", n)}
	}
	sections := func(n, size int) []slack.Block {
		var out []slack.Block
		for range n {
			out = append(out, section(size))
		}
		return out
	}
	actions := func(change func(*slack.ButtonBlockElement)) []slack.Block {
		b := slack.NewButtonBlockElement("a", "v", raw(3))
		change(b)
		return []slack.Block{slack.NewActionBlock("x", b)}
	}
	boxes := func(values ...string) []slack.Block {
		var opts []*slack.OptionBlockObject
		for _, v := range values {
			opts = append(opts, slack.NewOptionBlockObject(v, raw(3), nil))
		}
		return []slack.Block{slack.NewActionBlock("x", slack.NewCheckboxGroupsBlockElement("a", opts...))}
	}
	value := func(n int) []slack.Block {
		return []slack.Block{slack.NewActionBlock("x", slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, raw(3), "a",
			slack.NewOptionBlockObject(strings.Repeat("v", n), raw(3), nil)))}
	}
	for name, c := range map[string]struct {
		at, over []slack.Block
	}{
		"blocks":         {sections(50, 1), sections(51, 1)},
		"no blocks":      {sections(1, 1), nil},
		"section":        {sections(1, 3000), sections(1, 3001)},
		"empty section":  {sections(1, 1), sections(1, 0)},
		"total":          {sections(4, 3000), sections(5, 3000)},
		"header":         {[]slack.Block{slack.NewHeaderBlock(raw(150))}, []slack.Block{slack.NewHeaderBlock(raw(151))}},
		"header mrkdwn":  {[]slack.Block{slack.NewHeaderBlock(raw(1))}, []slack.Block{slack.NewHeaderBlock(md("x"))}},
		"button text":    {actions(func(b *slack.ButtonBlockElement) { b.Text = raw(75) }), actions(func(b *slack.ButtonBlockElement) { b.Text = raw(76) })},
		"button value":   {actions(func(b *slack.ButtonBlockElement) { b.Value = strings.Repeat("v", 2000) }), actions(func(b *slack.ButtonBlockElement) { b.Value = strings.Repeat("v", 2001) })},
		"button label":   {actions(func(b *slack.ButtonBlockElement) { b.AccessibilityLabel = strings.Repeat("v", 75) }), actions(func(b *slack.ButtonBlockElement) { b.AccessibilityLabel = strings.Repeat("v", 76) })},
		"button style":   {actions(func(b *slack.ButtonBlockElement) { b.Style = "danger" }), actions(func(b *slack.ButtonBlockElement) { b.Style = "warning" })},
		"action id":      {actions(func(b *slack.ButtonBlockElement) { b.ActionID = strings.Repeat("v", 255) }), actions(func(b *slack.ButtonBlockElement) { b.ActionID = strings.Repeat("v", 256) })},
		"checkboxes":     {boxes(strings.Split("0123456789", "")...), boxes(strings.Split("0123456789a", "")...)},
		"same options":   {boxes("a", "b"), boxes("a", "a")},
		"option value":   {value(150), value(151)},
		"empty value":    {value(1), value(0)},
		"same block ids": {[]slack.Block{slack.NewActionBlock("x", slack.NewButtonBlockElement("a", "", raw(1)))}, []slack.Block{slack.NewActionBlock("x", slack.NewButtonBlockElement("a", "", raw(1))), slack.NewActionBlock("x", slack.NewButtonBlockElement("b", "", raw(1)))}},
		"same actions":   {actions(func(*slack.ButtonBlockElement) {}), []slack.Block{slack.NewActionBlock("x", slack.NewButtonBlockElement("a", "", raw(1)), slack.NewButtonBlockElement("a", "", raw(1)))}},
		"unknown block":  {sections(1, 1), []slack.Block{slack.NewMarkdownBlock("", "x")}},
	} {
		if err := Check(Message{Text: "x", Blocks: c.at}); err != nil {
			t.Errorf("%s: at the limit: %v", name, err)
		}
		if err := Check(Message{Text: "x", Blocks: c.over}); err == nil {
			t.Errorf("%s: over the limit passes", name)
		}
	}
	for name, text := range map[string]string{"empty text": "", "long text": strings.Repeat("ä", 4001)} {
		if Check(Message{Text: text, Blocks: sections(1, 1)}) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestCheckViewFindsEachLimit(t *testing.T) {
	good := func() slack.ModalViewRequest { return LoadingModal("id") }
	if err := CheckView(good()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*slack.ModalViewRequest){
		"title":    func(v *slack.ModalViewRequest) { v.Title.Text = strings.Repeat("x", 25) },
		"no title": func(v *slack.ModalViewRequest) { v.Title = nil },
		"submit":   func(v *slack.ModalViewRequest) { v.Submit = plain(strings.Repeat("x", 25), 30) },
		"metadata": func(v *slack.ModalViewRequest) { v.PrivateMetadata = strings.Repeat("x", 3001) },
		"type":     func(v *slack.ModalViewRequest) { v.Type = "" },
		"input without submit": func(v *slack.ModalViewRequest) {
			*v = PickModal(Pick{ID: "id", Clusters: 1})
			v.Submit = nil
		},
		"blocks": func(v *slack.ModalViewRequest) {
			for range 100 {
				v.Blocks.BlockSet = append(v.Blocks.BlockSet, slack.NewDividerBlock())
			}
		},
	} {
		v := good()
		spoil(&v)
		if CheckView(v) == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func FuzzSay(f *testing.F) {
	for _, s := range corpus() {
		if len(s) < 1000 {
			f.Add(s, 80)
		}
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit%3000, 1)
		for _, got := range []string{string(sayN(s, limit)), string(sayN("ours “"+s+"” ours", limit))} {
			if runeCount(got) > limit {
				t.Fatalf("%d runes, limit %d: %q", runeCount(got), limit, got)
			}
			if got != "" {
				mrkdwnOnly(t, "say", got)
			}
		}
	})
}
