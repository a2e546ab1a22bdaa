package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	protobrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// bySelector is for what has no role or name of its own, such as a card's middle.
func (p *tab) bySelector(css string) seen {
	p.t.Helper()
	doc, err := ask(p, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		p.t.Fatal(err)
	}
	got, err := ask(p, dom.QuerySelector, dom.QuerySelectorParams{NodeID: doc.Root.NodeID, Selector: css})
	if err != nil || got.NodeID == 0 {
		p.t.Fatalf("nothing is %s: %v", css, err)
	}
	n, err := ask(p, dom.DescribeNode, dom.DescribeNodeParams{NodeID: got.NodeID})
	if err != nil {
		p.t.Fatal(err)
	}
	return seen{p: p, id: n.Node.BackendNodeID, role: "element", name: css}
}

func (s seen) focus() {
	s.p.t.Helper()
	if _, err := ask(s.p, dom.Focus, dom.FocusParams{BackendNodeID: s.id}); err != nil {
		s.p.t.Fatalf("focusing the %s %q: %v", s.role, s.name, err)
	}
}

type box struct{ X, Y, Width, Height float64 }

// box is where the node stands on the page, with a margin around.
func (s seen) box(margin float64) box {
	s.p.t.Helper()
	b, err := on[box](s, `function() { const r = this.getBoundingClientRect(); return {X: r.x + scrollX, Y: r.y + scrollY, Width: r.width, Height: r.height} }`)
	if err != nil {
		s.p.t.Fatal(err)
	}
	return box{max(0, b.X-margin), max(0, b.Y-margin), b.Width + 2*margin, b.Height + 2*margin}
}

// shoot takes a picture of the node, whether it fits the window or not.
func (p *tab) shoot(s seen, scale float64) []byte {
	p.t.Helper()
	b := s.box(8)
	if _, err := on[bool](s, `function() { document.activeElement.blur(); for (let e = this.parentElement; e; e = e.parentElement) e.scrollTop = 0; return true }`); err != nil {
		p.t.Fatal(err)
	}
	b = s.box(8)
	if tall := int64(b.Y + b.Height + 20); tall > desktop.height { // what scrolls within the page is clipped by it
		p.do(chromedp.EmulateViewport(desktop.width, tall))
		defer p.do(emulate(desktop))
		b = s.box(8)
	}
	return p.clip(b, scale)
}

// clip takes a picture of a part of the page.
func (p *tab) clip(b box, scale float64) []byte {
	p.t.Helper()
	if _, err := ask(p, emulation.SetDefaultBackgroundColorOverride, emulation.SetDefaultBackgroundColorOverrideParams{}); err != nil {
		p.t.Fatal(err)
	}
	p.settled()
	eval[bool](p, `document.fonts.ready.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true)))))`)
	shot, err := ask(p, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: &page.Viewport{X: b.X, Y: b.Y, Width: b.Width, Height: b.Height, Scale: scale}})
	if err != nil {
		p.t.Fatal(err)
	}
	return shot.Data
}

// rendererFile records what drew the recorded pictures.
const rendererFile = "renderer.txt"

// renderer is the browser and the fonts that take part: the page brings its own
// for letters; signs that those lack are drawn with the machine's.
func renderer(t *testing.T, p *tab) string {
	t.Helper()
	v, err := ask(p, protobrowser.GetVersion, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, v.Product)
	for _, family := range []string{"sans-serif", "system-ui", "monospace", "emoji"} {
		out, err := exec.Command("fc-match", "-f", "%{file}", family).Output()
		if err != nil {
			fmt.Fprintf(&b, "%s: unknown\n", family)
			continue
		}
		font, err := os.ReadFile(string(out))
		if err != nil {
			fmt.Fprintf(&b, "%s: unreadable\n", family)
			continue
		}
		sum := sha256.Sum256(font)
		fmt.Fprintf(&b, "%s: %s %s\n", family, filepath.Base(string(out)), hex.EncodeToString(sum[:6]))
	}
	return strings.Replace(b.String(), "HeadlessChrome", "Chrome", 1)
}

// comparesPixels says, loudly, when this machine cannot.
func comparesPixels(t *testing.T, p *tab) bool {
	t.Helper()
	here := renderer(t, p)
	path := filepath.Join("testdata", "cards", rendererFile)
	if *update {
		gate(t, filepath.Join("cards", rendererFile), here)
		return true
	}
	recorded, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("nothing says what drew the pictures: %v", err)
		return false
	}
	if string(recorded) != here {
		t.Logf("NO PIXELS ARE COMPARED: the pictures were drawn by\n%sand here is\n%sOnly elements and roles gate.", recorded, here)
		return false
	}
	return true
}

const (
	cardColours  = 16    // so many colours a kept picture of a card has
	channelSlack = 24    // a channel may differ by so much
	pixelSlack   = 0.002 // so many of the pixels may differ by more
)

// gatePicture compares with the picture in testdata, or rewrites it. What is on
// the screen is first reduced to as few colours as the kept one has.
func gatePicture(t *testing.T, name string, shot []byte) {
	t.Helper()
	got := small(t, decode(t, shot), cardColours)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil { //nolint:gosec // a file of the repository
			t.Fatal(err)
		}
		return
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("no picture (make golden makes it): %v", err)
		return
	}
	if share := differing(decode(t, raw), decode(t, got)); share > pixelSlack {
		now := filepath.Join(os.TempDir(), "ecsbot-"+filepath.Base(name))
		if err := os.WriteFile(now, shot, 0o600); err != nil {
			t.Error(err)
		}
		t.Errorf("%.2f %% of the pixels differ from %s; now it looks like %s", share*100, path, now)
	}
}

func decode(t *testing.T, raw []byte) *image.RGBA {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	return out
}

// differing is the share of pixels that are not the same; of pictures of
// different sizes all are.
func differing(a, b *image.RGBA) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	n := 0
	for i := 0; i < len(a.Pix); i += 4 {
		for c := range 3 {
			if d := int(a.Pix[i+c]) - int(b.Pix[i+c]); d > channelSlack || d < -channelSlack {
				n++
				break
			}
		}
	}
	return float64(n) / float64(len(a.Pix)/4)
}

// small encodes with a palette: each pixel as the nearest of its colours.
func small(t *testing.T, img *image.RGBA, colours int) []byte {
	t.Helper()
	pal := palette(img, colours)
	out := image.NewPaletted(img.Bounds(), pal)
	known := map[color.RGBA]uint8{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := img.RGBAAt(x, y)
			i, ok := known[c]
			if !ok {
				i = uint8(pal.Index(c)) //nolint:gosec // a palette has at most 256 colours
				known[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
