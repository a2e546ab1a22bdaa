package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/page"
	simslack "ecsbot/sim/slack"
)

// TestTheMainJobOverHTTP: what the page sends and shows from the command to the
// verified end, with the real bot.
func TestTheMainJobOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Parallel()
	v := visit(t, nil)
	out := v.must(act{"do": "say", "user": simslack.DemoOperator, "channel": simslack.DemoOps, "text": "/ecs deregister i-0a1b2c3d4e5f60001 prod"})
	if out.AckMs <= 0 || out.AckMs > 3000 {
		t.Errorf("acked after %g ms", out.AckMs)
	}
	card := v.message(simslack.DemoOps, `"action_id":"confirm"`)
	v.must(act{"do": "click", "user": simslack.DemoOperator, "channel": card.Channel, "ts": card.TS, "block_id": "", "action_id": "confirm"})
	v.until("the instance drains, and its tasks show up elsewhere", func() bool {
		return slices.ContainsFunc(v.account.Instances, func(i page.Instance) bool {
			return i.EC2ID == "i-0a1b2c3d4e5f60001" && i.Status == "DRAINING"
		})
	})
	v.message(simslack.DemoOps, "Done and verified")
	v.until("the instance is gone, and the calls that did it are on the timeline", func() bool {
		changes := 0
		for _, l := range v.lines {
			if l.Side == "aws" && l.Change && l.OK && (l.What == "ecs:UpdateContainerInstancesState" || l.What == "ecs:DeregisterContainerInstance") {
				changes++
			}
		}
		return changes == 2 && !slices.ContainsFunc(v.account.Instances, func(i page.Instance) bool {
			return i.EC2ID == "i-0a1b2c3d4e5f60001" && i.Status != "INACTIVE"
		})
	})
	status, again := v.post(act{"do": "click", "user": simslack.DemoOperator, "channel": card.Channel, "ts": card.TS, "block_id": "", "action_id": "confirm"})
	if status != http.StatusOK || again.OK || !strings.Contains(again.Error, "no such element") {
		t.Errorf("pressing a button that is gone: %d %+v", status, again)
	}
}

// TestTheFormOverHTTP: the modal, its type-ahead menus and its errors.
func TestTheFormOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Parallel()
	v := visit(t, nil)
	v.must(act{"do": "say", "user": simslack.DemoOperator, "channel": simslack.DemoOps, "text": "/ecs deregister"})
	pick := func(block, query, want string) {
		t.Helper()
		view := v.view(block)
		deadline := time.Now().Add(eventually)
		for {
			_, out := v.post(act{"do": "suggest", "user": simslack.DemoOperator, "view": view.ID, "block_id": v.block(view, block), "action_id": block, "query": query})
			for _, o := range out.Options {
				if strings.Contains(o.Text, want) {
					v.must(act{"do": "set", "user": simslack.DemoOperator, "view": view.ID, "block_id": v.block(view, block), "action_id": block, "values": []string{o.Value}})
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("no option %q: %+v", want, out)
			}
			time.Sleep(50 * time.Millisecond) // a person types again while it says "still reading"
		}
	}
	pick("pick_cluster", "pro", "prod")
	pick("pick_instance", "60001", "i-0a1b2c3d4e5f60001")
	view := v.view("pick_instance")
	if out := v.must(act{"do": "submit", "user": simslack.DemoOperator, "view": view.ID}); !out.Closed {
		t.Errorf("submitted: %+v", out)
	}
	v.message(simslack.DemoOps, "Deregister i-0a1b2c3d4e5f60001 from prod")
	v.until("the modal is closed", func() bool { return len(v.views) == 0 })
}

// TestTimeStandsStillForAll: the bot's clock is the page's.
func TestTimeStandsStillForAll(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Parallel()
	v := visit(t, func(cfg *page.Config) { cfg.Pace = 10 })
	playFault(t, v, `
say olga #ops '/ecs deregister i-0a1b2c3d4e5f60001 prod'
click olga #ops confirm 60001
instance i-0a1b2c3d4e5f60001 DRAINING`)
	v.must(act{"do": "pace", "pace": 0})
	v.until("the clock stands", func() bool { return v.clock.Pace == 0 })
	v.mu.Lock()
	stood := v.clock.Now
	v.mu.Unlock()
	time.Sleep(2 * time.Second) // at pace 10 the drain would be half over
	if now := v.server.Stage().Clock.Now(); !now.Equal(stood) {
		t.Errorf("the clock moved from %s to %s", stood, now)
	}
	if i, _ := v.server.Stage().AWS.State().Instance("i-0a1b2c3d4e5f60001"); i.Status != "DRAINING" || i.Alive != 3 {
		t.Errorf("while the clock stood: %+v", i)
	}
	v.must(act{"do": "pace", "pace": 60})
	playFault(t, v, "see #ops '60001 is deregistered'")
}

// message waits for a message in the channel whose text or blocks contain the words.
func (v *visitor) message(channel, words string) (found simslack.Message) {
	v.t.Helper()
	v.until(fmt.Sprintf("a message in %s with %s", channel, words), func() bool {
		for _, m := range slices.Backward(v.messages) {
			if m.Channel == channel && !m.Deleted && (strings.Contains(m.Text, words) || strings.Contains(string(m.Blocks), words)) {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

// view waits for an open modal with a block of that name.
func (v *visitor) view(block string) (found page.View) {
	v.t.Helper()
	v.until("a modal with "+block, func() bool {
		for _, view := range v.views {
			if strings.Contains(string(view.Blocks), `"`+block) {
				found = view
				return true
			}
		}
		return false
	})
	return found
}

// block is the id of the block that begins with the name: ids change with each drawing.
func (v *visitor) block(view page.View, name string) string {
	_, rest, _ := strings.Cut(string(view.Blocks), `"block_id":"`+name)
	id, _, _ := strings.Cut(rest, `"`)
	return name + id
}

func TestOnPage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ended := make(chan error, 1)
	go func() { ended <- onPage(ctx, options{addr: "127.0.0.1:0"}, t.TempDir(), w) }()
	text := make([]byte, 500)
	n, err := r.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	url, _, _ := strings.Cut(strings.TrimPrefix(string(text[:n]), "The playground: "), "\n")
	if !strings.Contains(string(text[:n]), "Ctrl-C") {
		t.Errorf("it says %q", text[:n])
	}
	res, err := http.Get(url + "/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %d", url, res.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(url + "/"); err == nil {
		t.Error("it is still there after its end")
	}
}

func TestOnPageRefusesOtherAddresses(t *testing.T) {
	if err := onPage(t.Context(), options{addr: "0.0.0.0:0"}, t.TempDir(), os.Stdout); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("at 0.0.0.0: %v", err)
	}
}

func TestAnotherPortWhereTheDefaultIsTaken(t *testing.T) {
	first, err := listen(t.Context(), defaultAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := listen(t.Context(), defaultAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if first.Addr().String() == second.Addr().String() {
		t.Errorf("two at %s", first.Addr())
	}
	if l, err := listen(t.Context(), first.Addr().String()); first.Addr().String() != defaultAddr && err == nil {
		l.Close()
		t.Error("an address that was asked for was changed")
	}
}

func TestRealTokensAreRefused(t *testing.T) {
	var said strings.Builder
	warnOfTokens(&said, []string{"SLACK_BOT_TOKEN=xoxb-1234567890-secret", "AWS_SECRET_ACCESS_KEY=geheim", "PATH=/bin", "SLACK_APP_TOKEN=xapp-sim-0-app", "DATABASE_URL="})
	if got := said.String(); !strings.Contains(got, "Refused: SLACK_BOT_TOKEN, AWS_SECRET_ACCESS_KEY.") || strings.Contains(got, "geheim") ||
		strings.Contains(got, "1234567890") || strings.Contains(got, "SLACK_APP_TOKEN") {
		t.Errorf("it says %q", got)
	}
	said.Reset()
	warnOfTokens(&said, []string{"PATH=/bin"})
	if said.Len() > 0 {
		t.Errorf("about nothing it says %q", said.String())
	}
}

// TestTheChildGetsNoRealToken: whatever is in the environment, it is not the bot's.
func TestTheChildGetsNoRealToken(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make test")
	}
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-777-geheim")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "geheim")
	t.Setenv("AUDIT_KEY", "PRIVATE+KEY+geheim")
	v := visit(t, nil)
	pids, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	mine := 0
	for _, path := range pids {
		raw, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(raw), "STAGE_CLOCK_FILE="+v.server.Stage().Dir()) {
			continue
		}
		mine++
		if strings.Contains(string(raw), "geheim") {
			t.Errorf("the bot's environment has what was in ours: %s", path)
		}
	}
	if mine != 1 {
		t.Errorf("found the environments of %d processes of the stage", mine)
	}
}
