package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	simpage "ecsbot/sim/page"
	"ecsbot/sim/stage"
)

// picturesVar lets TestMakePictures write; pictures is where.
const (
	picturesVar = "ECSBOT_PICTURES"
	pictures    = "../../docs/pictures"
)

// pictureColours is what PNG can index; the scale suits screens of today.
const (
	pictureColours = 256
	pictureScale   = 1.4
	mostBytes      = 2 << 20 // of all pictures together
)

// window is what the pictures are taken in.
var window = size{1480, 925}

// TestMakePictures takes every picture of README.md and docs/ from the live page.
// The names of operations, the digests and the times are those of the run.
func TestMakePictures(t *testing.T) {
	if os.Getenv(picturesVar) == "" {
		t.Skip("writes docs/pictures: make pictures")
	}
	needBrowser(t)
	if err := os.MkdirAll(pictures, 0o755); err != nil { //nolint:gosec // a folder of the repository
		t.Fatal(err)
	}
	t.Run("main job", mainJobPictures)
	t.Run("approval", approvalPictures)
	t.Run("refusals", refusalPictures)
	t.Run("faults", faultPictures)
	t.Run("phone", phonePicture)
	t.Run("evidence", evidencePictures)
}

// studio is a fresh playground, ready to be photographed.
func studio(t *testing.T, window size, pace float64, query string) *tab {
	t.Helper()
	p, _ := studioOn(t, window, pace, query)
	return p
}

// studioOn also gives the stage behind it.
func studioOn(t *testing.T, window size, pace float64, query string) (*tab, *stage.Stage) {
	t.Helper()
	s := serve(t, func(c *simpage.Config) { c.Pace = pace })
	p := newTab(t, window)
	p.still()
	p.open(s.url + "/?as=olga&channel=ops&" + query)
	return p, s.server.Stage()
}

// keep writes a picture as small as it gets.
func (p *tab) keep(name string, shot []byte) {
	t, ok := p.t.(*testing.T)
	if !ok {
		p.t.Fatal("pictures are taken in tests")
	}
	raw := small(t, decode(t, shot), pictureColours)
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), raw, 0o644); err != nil { //nolint:gosec // a file of the repository
		t.Fatal(err)
	}
	t.Logf("%s.png: %d kB", name, len(raw)>>10)
}

// all is the whole window.
func (p *tab) all(window size) []byte {
	p.t.Helper()
	eval[bool](p, `(document.activeElement.blur(), true)`)
	return p.clip(box{Width: float64(window.width), Height: float64(window.height)}, pictureScale)
}

// portrait is one message as it stands, at a width that reads well in a document.
func (p *tab) portrait(s seen) []byte { p.t.Helper(); return p.portraitAt(s, pictureScale) }

func (p *tab) portraitAt(s seen, scale float64) []byte {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(window.width, 1700)) // room for the tallest card
	defer p.do(emulate(window))
	if _, err := on[spot](s, pressable); err != nil { // scrolls there
		p.t.Fatal(err)
	}
	eval[bool](p, `(document.activeElement.blur(), true)`)
	return p.clip(s.box(0), scale)
}

func mainJobPictures(t *testing.T) {
	p := studio(t, window, 10, "theme=light")
	p.say("/ecs deregister " + cleanInstance + ` prod --reason "kernel update"`)
	card := p.card(p.messages("ops"), "Deregister "+cleanInstance+".*Drain and deregister")
	p.keep("card", p.portrait(card))
	card.find("button", "^Drain and deregister").press()
	p.card(p.messages("ops"), cleanInstance+".*2 of 3 tasks left")
	p.pace("^Pause$")
	p.account().find("tab", "^Calls").press()
	p.account().last("row", "ecs:")
	p.keep("playground", p.all(window))
	p.keep("progress", p.portrait(p.card(p.messages("ops"), cleanInstance+".*tasks left")))
	p.pace("60")
	p.keep("done", p.portrait(p.card(p.messages("ops"), cleanInstance+".*Done and verified")))
	p.goTo("ecs-audit")
	p.card(p.messages("ecs-audit"), cleanInstance).find("button", "repl(y|ies)").press()
	thread := p.whole().find("complementary", "^Thread$")
	thread.reads("done and verified")
	p.do(chromedp.EmulateViewport(window.width, 1700))
	records, err := thread.all("article", "")
	if err != nil || len(records) < 5 {
		t.Fatalf("%d messages in the thread: %v", len(records), err)
	}
	p.settled()
	first, last := records[0].box(0), records[len(records)-1].box(0)
	first.Height = last.Y + last.Height - first.Y
	p.keep("audit", p.clip(first, pictureScale))
}

func approvalPictures(t *testing.T) {
	p := studio(t, window, 10, "theme=light")
	p.say("/ecs deregister i-0a1b2c3d4e5f60003 prod")
	p.keep("red", p.portrait(p.card(p.messages("ops"), "60003.*could never end")))
	p.say(`/ecs deregister i-0a1b2c3d4e5f60002 prod`)
	p.card(p.messages("ops"), "60002.*nightly-report").find("button", "^Force").press()
	form := p.whole().find("dialog", "")
	form.reads("orphaned")
	form.find("textbox", "").fill("i-0a1b2c3d4e5f60002")
	p.keep("force", p.clip(form.again().box(0), pictureScale))
	p.keys(kb.Escape)
}

func refusalPictures(t *testing.T) {
	p := studio(t, window, 10, "theme=light")
	p.actAs("Gus")
	p.say("/ecs deregister " + cleanInstance + " prod")
	p.keep("refusal", p.portrait(p.card(p.messages("ops"), "Only visible to you.*not deregistering")))
}

func faultPictures(t *testing.T) {
	p := studio(t, window, 10, "theme=light")
	p.say("/ecs deregister i-0a1b2c3d4e5f60006 prod")
	p.card(p.messages("ops"), "60006.*Drain and deregister").find("button", "^Drain and deregister").press()
	p.account().reads("DRAINING")
	p.account().find("tab", "^Faults").press()
	p.account().find("region", "^Faults$").find("button", "^Kill the bot$").press()
	p.account().find("list", "processes$").reads("dead")
	p.say("/ecs status")
	p.workspace().reads("dispatch_failed")
	p.pace("Pause")
	p.keep("killed", p.all(window))
}

func phonePicture(t *testing.T) {
	p := studio(t, phone, 10, "theme=dark")
	p.say("/ecs deregister " + cleanInstance + " prod")
	p.card(p.messages("ops"), cleanInstance+".*Drain and deregister").find("button", "^Drain and deregister").press()
	p.card(p.messages("ops"), cleanInstance+".*2 of 3 tasks left")
	p.keep("phone", p.all(phone))
}

// TestPicturesHaveTheirPlaces: each picture is shown by a document, with words for
// those who do not see it, and all together stay small.
func TestPicturesHaveTheirPlaces(t *testing.T) {
	shown := map[string]string{}
	shows := regexp.MustCompile(`!\[([^\]]*)\]\(([^)\s]*pictures/[^)\s]+)\)`)
	documents := []string{"../../README.md"}
	more, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append(documents, more...) {
		raw, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shows.FindAllStringSubmatch(string(raw), -1) {
			if len(strings.Fields(m[1])) < 4 {
				t.Errorf("%s shows %s without saying what is on it: %q", doc, m[2], m[1])
			}
			path := filepath.Join(filepath.Dir(doc), m[2])
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s shows %s, which make pictures does not make", doc, m[2])
			}
			shown[filepath.Base(path)] = doc
		}
	}
	kept, err := filepath.Glob(filepath.Join(pictures, "*"))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, k := range kept {
		info, err := os.Stat(k)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
		if shown[filepath.Base(k)] == "" {
			t.Errorf("%s is shown nowhere", k)
		}
	}
	if len(kept) < 5 || total > mostBytes {
		t.Errorf("%d pictures have %d bytes, want at least 5 and at most %d", len(kept), total, mostBytes)
	}
	for _, name := range []string{"playground", "card", "progress", "audit", "refusal"} {
		if shown[name+".png"] != "../../README.md" {
			t.Errorf("README.md does not show %s.png", name)
		}
	}
}
