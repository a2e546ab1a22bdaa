package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"ecsbot/sim/page"
	simslack "ecsbot/sim/slack"
)

// visitor is the page without a browser: it reads /live and posts to /do.
type visitor struct {
	t      *testing.T
	url    string
	server *page.Server

	mu       sync.Mutex
	changed  chan struct{} // closed at each event
	hello    page.Hello
	clock    page.Clock
	bot      page.Bot
	faults   map[string]bool
	messages []simslack.Message
	views    []page.View
	account  page.Account
	lines    []page.Line
	story    page.StoryState
	ready    int // how often everything was sent
}

// visit starts the playground with this binary as the bot, and connects to it.
func visit(t *testing.T, change func(*page.Config)) *visitor {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := manifest()
	if err != nil {
		t.Fatal(err)
	}
	cfg := page.Config{Dir: t.TempDir(), Manifest: manifest, Pace: 60, Hurry: 60, Env: []string{childVar + "=1"},
		Command: func() *exec.Cmd { return exec.Command(self) }, Database: &sqlite{}, Patience: 40 * time.Second}
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := page.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := page.New(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, url: "http://" + l.Addr().String(), server: s, changed: make(chan struct{})}
	var work sync.WaitGroup
	work.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	work.Go(func() {
		if err := v.follow(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("following /live: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		work.Wait()
	})
	v.until("the bot is connected", func() bool {
		return v.ready > 0 && len(v.bot.Processes) > 0 && v.bot.Processes[0].State == "running"
	})
	return v
}

// follow reads events until ctx ends.
func (v *visitor) follow(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url+"/live", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", res.StatusCode)
	}
	in := bufio.NewReader(res.Body)
	name := ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\n")
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := v.take(name, []byte(data)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
}

// take merges one event into the state, as the page does.
func (v *visitor) take(name string, data []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	defer func() {
		close(v.changed)
		v.changed = make(chan struct{})
	}()
	switch name {
	case "hello":
		was := v.hello.Run
		v.hello = page.Hello{}
		err := json.Unmarshal(data, &v.hello)
		if v.hello.Run != was {
			v.messages, v.lines = nil, nil
		}
		return err
	case "clock":
		return json.Unmarshal(data, &v.clock)
	case "bot":
		v.bot = page.Bot{}
		return json.Unmarshal(data, &v.bot)
	case "faults":
		v.faults = nil
		return json.Unmarshal(data, &v.faults)
	case "messages":
		return v.takeMessages(data)
	case "views":
		v.views = nil
		return json.Unmarshal(data, &v.views)
	case "account":
		v.account = page.Account{}
		return json.Unmarshal(data, &v.account)
	case "timeline":
		var more []page.Line
		err := json.Unmarshal(data, &more)
		for _, l := range more {
			if n := len(v.lines); n > 0 && l.Seq != v.lines[n-1].Seq+1 {
				return fmt.Errorf("line %d follows line %d", l.Seq, v.lines[n-1].Seq)
			}
			v.lines = append(v.lines, l)
		}
		return err
	case "story":
		v.story = page.StoryState{}
		return json.Unmarshal(data, &v.story)
	case "ready":
		v.ready++
		return nil
	}
	return errors.New("an event that the contract does not have")
}

func (v *visitor) takeMessages(data []byte) error {
	var more []simslack.Message
	if err := json.Unmarshal(data, &more); err != nil {
		return err
	}
next:
	for _, m := range more {
		for i, old := range v.messages {
			if old.Channel == m.Channel && old.TS == m.TS && old.EphemeralTo == m.EphemeralTo {
				v.messages[i] = m
				continue next
			}
		}
		v.messages = append(v.messages, m)
	}
	return nil
}

// eventually is how long (real time) anything may take.
const eventually = 60 * time.Second

// until waits for a state; cond is called with mu held.
func (v *visitor) until(what string, cond func() bool) {
	v.t.Helper()
	deadline := time.NewTimer(eventually)
	defer deadline.Stop()
	for {
		v.mu.Lock()
		ok, changed := cond(), v.changed
		v.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			v.t.Fatalf("not within %s: %s\n%s", eventually, what, v.tail())
		}
	}
}

func (v *visitor) tail() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "run %d, ready %d, bot %+v, story %+v\n", v.hello.Run, v.ready, v.bot, v.story)
	for _, m := range v.messages[max(0, len(v.messages)-4):] {
		fmt.Fprintf(&b, "%s to=%s deleted=%v %.200s\n", m.Channel, m.EphemeralTo, m.Deleted, m.Text)
	}
	for _, l := range v.lines[max(0, len(v.lines)-12):] {
		fmt.Fprintf(&b, "%d %s %s %s %s\n", l.Seq, l.At.Format(time.TimeOnly), l.What, l.Outcome, l.Detail)
	}
	return b.String()
}

// post does an act and returns the status and the outcome.
func (v *visitor) post(act any) (int, page.Outcome) {
	v.t.Helper()
	raw, err := json.Marshal(act)
	if err != nil {
		v.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.url+"/do", bytes.NewReader(raw))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", v.url)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	var out page.Outcome
	if err := json.Unmarshal(body, &out); err != nil {
		v.t.Fatalf("status %d, %q: %v", res.StatusCode, body, err)
	}
	return res.StatusCode, out
}

type act = map[string]any

// must does an act that succeeds.
func (v *visitor) must(a act) page.Outcome {
	v.t.Helper()
	if status, out := v.post(a); status != http.StatusOK || !out.OK {
		v.t.Fatalf("%v: status %d, %+v\n%s", a, status, out, v.tail())
	} else {
		return out
	}
	return page.Outcome{}
}
