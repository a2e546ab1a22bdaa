package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// demoVar makes the test binary the demo itself; childVar, which the demo gives
// its own child, makes it the bot.
const demoVar = "ECSBOT_DEMO_UNDER_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(demoVar) != "" || os.Getenv(childVar) != "" {
		main()
		os.Exit(0)
	}
	code := m.Run()
	chromium.close()
	os.Exit(code)
}

// patience is how long anything on the page may take, in real time.
const patience = 30 * time.Second

// browser is one Chromium for the whole binary, started by the first test that wants it.
type browser struct {
	once sync.Once
	ctx  context.Context
	stop []func()
	err  error
}

var chromium browser

// findChromium is where Debian, Ubuntu, Fedora and Alpine put it; CHROMIUM names another.
func findChromium() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium: make deps installs one, or CHROMIUM names yours")
}

func (b *browser) start() error {
	b.once.Do(func() {
		path, err := findChromium()
		if err != nil {
			b.err = err
			return
		}
		dir, err := os.MkdirTemp("", "ecsbot-chromium-")
		if err != nil {
			b.err = err
			return
		}
		b.stop = append(b.stop, func() { _ = os.RemoveAll(dir) }) // what Chromium left behind
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath(path),
			chromedp.UserDataDir(dir), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
			chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("lang", "en-GB"), chromedp.Env("TZ=UTC", "LANG=C.UTF-8"))
		alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, stop := chromedp.NewContext(alloc)
		b.stop = append(b.stop, stopAlloc, stop)
		b.ctx = ctx
		if err := chromedp.Do(ctx); err != nil {
			b.err = fmt.Errorf("starting %s: %w", path, err)
		}
	})
	return b.err
}

func (b *browser) close() {
	for i := len(b.stop) - 1; i >= 0; i-- {
		b.stop[i]()
	}
}

// needBrowser skips in short runs only: a machine without Chromium fails.
func needBrowser(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser: make test")
	}
	if err := chromium.start(); err != nil {
		t.Fatal(err)
	}
}

// tab is one page of the browser, with storage of its own.
type tab struct {
	t    testing.TB
	ctx  context.Context
	said *complaints
}

// complaints are what the page wrote to its console as an error.
type complaints struct {
	mu  sync.Mutex
	all []string
}

func (c *complaints) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
}

func (c *complaints) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.all...)
}

// size of a window, in CSS pixels.
type size struct{ width, height int64 }

var (
	desktop = size{1440, 900}
	phone   = size{390, 844}
)

// newTab opens an empty page. What it writes to the console as an error fails the test.
func newTab(t testing.TB, window size) *tab {
	t.Helper()
	needBrowser(t)
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first act
		cancel()
		t.Fatalf("opening a tab: %v", err)
	}
	p := &tab{t: t, ctx: ctx, said: &complaints{}}
	p.do(emulate(window))
	console := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == chromedp.ConsoleError {
				p.said.add(m.String())
			}
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			p.keepPicture()
		}
		cancel()
		<-done
		for _, c := range p.said.list() {
			t.Errorf("the page's console: %s", c)
		}
	})
	return p
}

// emulate sets the window's size; a narrow one is a phone's, which is touched.
func emulate(window size) chromedp.Action[chromedp.Void] {
	var opts []chromedp.EmulateViewportOption
	if window.width < 600 {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	return chromedp.EmulateViewport(window.width, window.height, opts...)
}

// within bounds one act of the browser.
func (p *tab) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, patience)
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("the browser: %v", err)
	}
}

// ask runs one command of the DevTools protocol.
func ask[P, R any](p *tab, cmd cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := p.within()
	defer cancel()
	return chromedp.Call(ctx, cmd, params)
}

// eval is the value of a JavaScript expression; promises are awaited.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := p.within()
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluating %.200s: %v", expression, err)
	}
	return v
}

// open goes to an address and waits until the page says that it is drawn.
func (p *tab) open(address string) {
	p.t.Helper()
	p.do(chromedp.Navigate(address))
	p.until("the page to say that it is ready", func() bool {
		return eval[bool](p, `document.body && document.body.dataset.ready === "true"`)
	})
}

// until polls; nothing in these tests sleeps for a fixed time.
func (p *tab) until(what string, done func() bool) {
	p.t.Helper()
	p.untilWithin(patience, what, done)
}

func (p *tab) untilWithin(most time.Duration, what string, done func() bool) {
	p.t.Helper()
	if !waitFor(most, done) {
		p.t.Fatalf("waited %s for %s", most, what)
	}
}

func waitFor(most time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(most); ; <-time.After(25 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// still makes the page hold its breath for a picture: no caret, no transitions.
func (p *tab) still() {
	p.t.Helper()
	if _, err := ask(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}); err != nil {
		p.t.Fatal(err)
	}
}

// keepPicture leaves what a failed test saw where its log says.
func (p *tab) keepPicture() {
	shot, err := ask(p, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err != nil {
		return // the tab is gone, and the test says why
	}
	name := filepath.Join(os.TempDir(), "ecsbot-"+strings.NewReplacer("/", "-", " ", "_").Replace(p.t.Name())+".png")
	if os.WriteFile(name, shot.Data, 0o600) == nil {
		p.t.Logf("what was on the screen: %s", name)
	}
}

// playground is one run of the demo, as a visitor starts it.
type playground struct {
	t   testing.TB
	url string
	cmd *exec.Cmd
	out *transcript
}

// transcript is what the demo printed; whoever waits for a line is told.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

func (tr *transcript) add(line string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.lines = append(tr.lines, line)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return strings.Join(tr.lines, "\n")
}

var printedURL = regexp.MustCompile(`http://(127\.0\.0\.1|localhost|\[::1\]):\d+\S*`)

// start runs the demo with the arguments and waits for the address that it prints.
func start(t testing.TB, args ...string) *playground {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g := &playground{t: t, cmd: exec.Command(self, args...), out: &transcript{}}
	g.cmd.Env = append(os.Environ(), demoVar+"=1")
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stdout, g.cmd.Stderr = w, w
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the demo has its own copy
	address := make(chan string, 1)
	ended := make(chan struct{})
	go g.read(r, address, ended)
	t.Cleanup(func() { g.end(ended) })
	select {
	case g.url = <-address:
	case <-ended:
		t.Fatalf("the demo ended before it printed an address:\n%s", g.out)
	case <-time.After(patience):
		t.Fatalf("the demo printed no address:\n%s", g.out)
	}
	return g
}

func (g *playground) read(r *os.File, address chan<- string, ended chan<- struct{}) {
	defer close(ended)
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		g.out.add(lines.Text())
		if u := printedURL.FindString(lines.Text()); u != "" {
			select {
			case address <- strings.TrimRight(u, "/.,"):
			default: // only the first counts
			}
		}
	}
}

// end stops the demo as Ctrl-C does, and wants it to leave in peace.
func (g *playground) end(ended <-chan struct{}) {
	_ = g.cmd.Process.Signal(os.Interrupt) // may have ended
	select {
	case <-ended:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill()
		g.t.Errorf("the demo does not end on an interrupt:\n%s", g.out)
	}
	if err := g.cmd.Wait(); err != nil {
		g.t.Errorf("the demo ended badly: %v\n%s", err, g.out)
	}
}

// at is an address of the page; the query is key, value, …
func (g *playground) at(query ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	if len(q) == 0 {
		return g.url + "/"
	}
	return g.url + "/?" + q.Encode()
}
