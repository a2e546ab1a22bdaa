package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	simpage "ecsbot/sim/page"
)

// golden are the messages and forms of the bot, as its own tests keep them.
const golden = "../../blocks/testdata"

// cardsClock is when the cards are looked at: "today" is the day of their dates.
const cardsClock = "2026-11-23T09:00:00Z"

// TestCards draws every kind of card that the bot sends, and compares it with a
// snapshot of its elements and roles, which gates, and with a picture of it where
// the browser and the fonts are those that drew the recorded ones.
func TestCards(t *testing.T) {
	p, url := preview(t)
	pixels := comparesPixels(t, p)
	for _, file := range goldens(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			p := p.forTest(t)
			drawn := p.draw(raw)
			gate(t, "cards/"+name+".txt", drawn.outline())
			if pixels {
				gatePicture(t, "cards/"+name+".png", p.shoot(drawn, 1))
			}
			if !strings.HasPrefix(name, "Modal_") {
				slackTakes(t, url, raw)
			}
		})
	}
	stale(t)
}

func goldens(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(golden, "*.json"))
	if err != nil || len(files) < 50 {
		t.Fatalf("%d golden cards: %v", len(files), err)
	}
	return files
}

// stale fails when a snapshot has lost its card.
func stale(t *testing.T) {
	t.Helper()
	kept, err := filepath.Glob("testdata/cards/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kept {
		name := strings.TrimSuffix(filepath.Base(k), filepath.Ext(k))
		if name == strings.TrimSuffix(rendererFile, ".txt") || name == "hostile" {
			continue
		}
		if _, err := os.Stat(filepath.Join(golden, name+".json")); err != nil {
			if *update {
				_ = os.Remove(k) // nothing is compared with it
			} else {
				t.Errorf("%s is of no card: make golden removes it", k)
			}
		}
	}
}

// preview opens the screen that draws pasted JSON, at a fixed time.
func preview(t *testing.T) (*tab, string) {
	t.Helper()
	needBrowser(t)
	s := serve(t, func(c *simpage.Config) { c.Pace = 1 })
	p := newTab(t, desktop)
	p.still()
	p.fixClock(cardsClock)
	p.open(s.url + "/?screen=preview&theme=light&as=olga")
	p.whole().find("region", "^As drawn$")
	return p, s.url
}

// forTest is the same tab for a subtest, so that its failures are its own.
func (p *tab) forTest(t *testing.T) *tab {
	sub := *p
	sub.t = t
	return &sub
}

// fixClock lets the page believe that it is always this time.
func (p *tab) fixClock(at string) {
	p.t.Helper()
	if _, err := ask(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`
		window.EventSource = class extends EventSource {
			addEventListener(type, take, ...rest) {
				if (type !== "clock") return super.addEventListener(type, take, ...rest);
				super.addEventListener(type, () => take(new MessageEvent("clock", {data: JSON.stringify({now: %q, pace: 0})})), ...rest);
			}
		};`, at)}); err != nil {
		p.t.Fatal(err)
	}
}

// draw pastes a message or a form, and waits until all its blocks stand there.
func (p *tab) draw(raw []byte) seen {
	p.t.Helper()
	var m struct{ Blocks []json.RawMessage }
	if err := json.Unmarshal(raw, &m); err != nil || len(m.Blocks) == 0 {
		p.t.Fatalf("no blocks: %v", err)
	}
	mark := fmt.Sprintf("m%p", &m)
	m.Blocks = append(m.Blocks, json.RawMessage(`{"type":"context","block_id":"`+mark+`","elements":[{"type":"plain_text","text":"."}]}`))
	p.paste(m.Blocks)
	p.until("the pasted blocks", func() bool {
		return eval[bool](p, `!!document.querySelector('.preview-drawn [data-block-id="`+mark+`"]')`)
	})
	p.paste(m.Blocks[:len(m.Blocks)-1])
	p.until("the pasted blocks alone", func() bool {
		return eval[bool](p, `!document.querySelector('.preview-drawn [data-block-id="`+mark+`"]')`)
	})
	drawn := p.whole().find("region", "^As drawn$")
	if drawn.has("note", "cannot draw") || strings.Contains(drawn.text(), "cannot draw") {
		p.t.Errorf("a part cannot be drawn:\n%s", drawn.text())
	}
	inner, err := on[bool](drawn, `function() { this.querySelector(".blocks").id = "drawn-card"; return true }`)
	if err != nil || !inner {
		p.t.Fatalf("finding the card: %v", err)
	}
	return p.bySelector("#drawn-card")
}

// paste replaces what is in the source's field, as a clipboard does.
func (p *tab) paste(blocks []json.RawMessage) {
	p.t.Helper()
	source, err := json.Marshal(blocks)
	if err != nil {
		p.t.Fatal(err)
	}
	field := p.whole().find("textbox", "^Block Kit JSON$")
	field.focus()
	p.keys("a", chromedp.ModifierCtrl)
	if _, err := ask(p, input.InsertText, input.InsertTextParams{Text: string(source)}); err != nil {
		p.t.Fatal(err)
	}
}

// slackTakes asks the simulated Slack, which is stricter than our own check.
func slackTakes(t *testing.T, url string, raw []byte) {
	t.Helper()
	var m struct {
		Blocks json.RawMessage `json:"blocks"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"do": "check", "blocks": m.Blocks})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, url+"/do", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", url)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		OK    bool
		Error string
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || !out.OK {
		t.Errorf("Slack would refuse it: %s (%v)", out.Error, err)
	}
}

// hostileStrings are what hostile people put into tags, names and reasons. Slack
// shows each of them as text once <, > and & are escaped.
var hostileStrings = []string{
	"<!channel>", "<!here>", "<!everyone>", "@here", "@channel", "<@U0EVIL>", "<@W0EVIL|boss>", "<#C0EVIL>", "<!subteam^S0EVIL>",
	"<https://evil.example|Confirm>", "https://evil.example/x", "mailto:a@evil.example", "a@evil.example", "www.evil.example", "<!date^1^{date}^https://evil.example|x>",
	"<javascript:alert(1)|x>", "javascript:alert(1)", "<script>alert(1)</script>", `<img src=x onerror="alert(1)">`, "&lt;!channel&gt;", "&amp;lt;!here&amp;gt;", "&#60;!channel&#62;",
	"`<!channel>`", "```<!channel>```", "*<!channel>*", "> <!channel>", "“<!channel>”", "<<!channel>>", "<!channel", "|<@U0EVIL>|", "tel:+123", "slack://channel?id=C0EVIL",
}

// TestHostileCard puts hostile strings, escaped as the bot escapes them, wherever
// a card has text of others, and looks for what Slack would not show: a mention, a
// link, an element that the strings brought in. Real ones beside them are found,
// so the search can succeed.
func TestHostileCard(t *testing.T) {
	p, _ := preview(t)
	bare := hostileCard(func(string) string { return "calm" })
	calm := foreign(p, p.draw(bare))
	drawn := p.draw(hostileCard(func(s string) string { return s }))
	if got := foreign(p, drawn); !slices.Equal(got, calm) {
		t.Errorf("hostile strings bring in what is not there without them:\n got %q\nwant %q", got, calm)
	}
	if len(calm) != 3 {
		t.Errorf("the mention and the links that the card itself has are %q", calm)
	}
	shown := drawn.text()
	for _, s := range hostileStrings {
		// Signs that format, and back quotes, are taken as format; the words must stay.
		if words := regexp.MustCompile("[`*>]").ReplaceAllString(s, ""); !strings.Contains(regexp.MustCompile("[`*>]").ReplaceAllString(shown, ""), words) {
			t.Errorf("%q is not to be read as it was written", s)
		}
	}
	if eval[bool](p, `!!window.hostileRan`) {
		t.Error("a script of the card ran")
	}
	gate(t, "cards/hostile.txt", drawn.outline())
}

// foreign lists mentions, links and elements that act, as they stand on the page.
func foreign(p *tab, card seen) []string {
	p.t.Helper()
	raw, err := on[string](card, `function() {
		const found = [...this.querySelectorAll("a, [class*=mention], script, img, iframe, [onerror]")]
			.map(e => e.localName + "." + e.className + " " + (e.getAttribute("href") ?? "") + " " + e.textContent);
		return JSON.stringify(found);
	}`)
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	if err := json.Unmarshal([]byte(raw), &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// hostileCard has text in every place where the bot's cards have some.
func hostileCard(of func(string) string) []byte {
	md := func(s string) map[string]any { return map[string]any{"type": "mrkdwn", "text": s, "verbatim": true} }
	plain := func(s string) map[string]any { return map[string]any{"type": "plain_text", "text": s, "emoji": false} }
	blocks := []any{
		map[string]any{"type": "header", "text": plain("Names of others")},
		map[string]any{"type": "section", "text": md("Real: <@U0OLGA> <https://docs.aws.amazon.com/ecs|the manual> <!date^1795420800^{time}^https://status.aws.amazon.com/|08:00>")},
	}
	for i, s := range hostileStrings {
		h, id := of(s), fmt.Sprint("h", i)
		blocks = append(blocks,
			map[string]any{"type": "section", "block_id": id, "text": md("Reason: " + escaper.Replace(h)), "fields": []any{md("*Name*\n" + escaper.Replace(h)), plain(h)}},
			map[string]any{"type": "context", "block_id": id + "c", "elements": []any{md(escaper.Replace(h)), plain(h)}},
			map[string]any{"type": "actions", "block_id": id + "a", "elements": []any{map[string]any{"type": "button", "action_id": id, "text": plain(h)}}},
			map[string]any{"type": "rich_text", "block_id": id + "r", "elements": []any{map[string]any{"type": "rich_text_section", "elements": []any{map[string]any{"type": "text", "text": h}}}}},
			map[string]any{"type": "table", "block_id": id + "t", "rows": []any{[]any{map[string]any{"type": "raw_text", "text": h}}}},
			map[string]any{"type": "plan", "block_id": id + "p", "title": h, "tasks": []any{map[string]any{"type": "task_card", "task_id": "x", "title": h, "status": "complete"}}},
		)
	}
	raw, err := json.Marshal(map[string]any{"blocks": blocks})
	if err != nil {
		panic(err) // maps and strings
	}
	return raw
}
