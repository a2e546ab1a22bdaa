package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/socket"
	"ecsbot/workflow"
)

func TestStoredThenAckedThenActed(t *testing.T) {
	w := newWorld(t)
	a := w.send(envCommand, slash("UOP", "deregister "+testEC2))
	if got := strings.Join(w.events, " "); got != "put ack" {
		t.Fatalf("before anything else: %q", got)
	}
	if len(w.asked) != 0 || len(w.said) != 0 {
		t.Errorf("something was done before the ack: %v %v", w.asked, w.said)
	}
	if len(a.frames) != 1 || a.frames[0]["payload"] != nil {
		t.Errorf("ack %v, want one without payload", a.frames)
	}
	w.settle()
	if len(w.proposed) != 1 || !w.done["E1"] {
		t.Errorf("proposed %d, handled %v", len(w.proposed), w.done)
	}
	if got := w.proposed[0].Actor; got != (workflow.Actor{UserID: "UOP", TeamID: testTeam, Envelope: "E1"}) {
		t.Errorf("actor %+v", got)
	}
}

func TestNotStored(t *testing.T) {
	w := newWorld(t)
	w.putErr = errors.New("disk full")
	w.card("op", nil)
	a := w.send(envCommand, slash("UOP", "deregister "+testEC2))
	body, _ := json.Marshal(a.frames)
	if len(a.frames) != 1 || !strings.Contains(string(body), "ephemeral") || !strings.Contains(string(body), blocks.NothingRecorded().Text) {
		t.Errorf("command: %s", body)
	}
	if a := w.send(envInteractive, click("UOP", workflow.Confirm, "op-confirm")); len(a.frames) != 0 {
		t.Errorf("a click that is not stored was acked: %v", a.frames)
	}
	modal := blocks.ForceModal(w.ops["op"], w.ops["op"].Plan, "op-force")
	a = w.send(envInteractive, submit("UOP", modal, nil))
	if len(a.frames) != 1 || a.frames[0]["payload"].(map[string]any)["response_action"] != "errors" {
		t.Errorf("submission: %v", a.frames)
	}
	w.settle()
	if len(w.proposed)+len(w.decided)+len(w.said)+len(w.asked) != 0 {
		t.Error("something was done all the same")
	}
}

func TestRedeliveryIsAckedAndDoneOnce(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		a := w.sendID("E7", envCommand, slash("UOP", "deregister "+testEC2))
		if len(a.frames) != 1 {
			t.Errorf("not acked: %v", a.frames)
		}
	}
	w.settle()
	a := w.sendID("E7", envCommand, slash("UOP", "deregister "+testEC2))
	w.settle()
	if len(a.frames) != 1 || len(w.proposed) != 1 {
		t.Errorf("acks %d, proposals %d", len(a.frames), len(w.proposed))
	}
}

func TestAckThatFailsStillActs(t *testing.T) {
	w := newWorld(t)
	b, _ := json.Marshal(slash("UOP", "deregister "+testEC2))
	w.r.Handle(t.Context(), socket.NewEnvelope("E1", envCommand, b, &acks{w: w, err: socket.ErrGone}))
	w.settle()
	if len(w.proposed) != 1 {
		t.Error("what was stored was not done")
	}
}

func TestMalformedAndForeignEnvelopes(t *testing.T) {
	w := newWorld(t)
	for kind, body := range map[string]string{
		"events_api": `{"type":"event_callback"}`, "something_new": `{}`, envCommand: `[1]`, envInteractive: `{"type":"block_actions","actions":[]}`,
	} {
		a := &acks{w: w}
		w.r.Handle(t.Context(), socket.NewEnvelope("E-"+kind, kind, []byte(body), a))
		if len(a.frames) != 1 {
			t.Errorf("%s: not acked", kind)
		}
	}
	a := &acks{w: w}
	w.r.Handle(t.Context(), socket.NewEnvelope("E-x", envInteractive, []byte(`{"type":"shortcut"}`), a))
	if len(w.inbox) != 0 || len(a.frames) != 1 {
		t.Errorf("stored %v, acked %v", w.inbox, a.frames)
	}
	w.settle()
}

func TestErrorsNeverQuoteThePayload(t *testing.T) {
	for kind, body := range map[string]string{
		envCommand:     `{"response_url":"https://hooks.slack.test/secret","user_id":["https://hooks.slack.test/secret"]}`,
		envInteractive: `{"response_url": https://hooks.slack.test/secret}`,
	} {
		_, err := understand("E1", kind, []byte(body))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestTooLate(t *testing.T) {
	for name, p := range map[string]payload{"command": slash("UOP", "deregister "+testEC2), "click": click("UOP", workflow.Confirm, "op-confirm")} {
		w := newWorld(t)
		w.card("op", nil)
		kind := envInteractive
		if name == "command" {
			kind = envCommand
		}
		b, _ := json.Marshal(p)
		w.inbox["E1"] = workflow.InboxItem{ID: "E1", Kind: kind, Payload: b, ReceivedAt: w.clock.Now().Add(-workflow.InboxLimit - time.Second)}
		if err := w.r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if len(w.proposed)+len(w.decided)+len(w.asked) != 0 || !w.done["E1"] {
			t.Errorf("%s: acted on, or left over", name)
		}
		if len(w.recorded) != 1 || w.recorded[0].Type != workflow.EvTooLate || w.recorded[0].Actor.UserID != "UOP" {
			t.Errorf("%s: recorded %+v", name, w.recorded)
		}
		if len(w.said) != 1 {
			t.Errorf("%s: said %+v", name, w.said)
		}
	}
}

func TestSweepTakesWhatACrashLeft(t *testing.T) {
	w := newWorld(t)
	b, _ := json.Marshal(slash("UOP", "deregister "+testEC2))
	w.inbox["E1"] = workflow.InboxItem{ID: "E1", Kind: envCommand, Payload: b, ReceivedAt: w.clock.Now().Add(-time.Minute)}
	sweep := func() {
		if err := w.r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
	}
	sweep()
	if len(w.proposed) != 1 {
		t.Fatalf("proposed %d", len(w.proposed))
	}
	w.done["E1"] = false // killed between the proposal and its end
	sweep()
	if len(w.proposed) != 1 {
		t.Error("proposed a second time")
	}
}

func TestFailureStaysInTheInbox(t *testing.T) {
	w := newWorld(t)
	w.card("op", nil)
	w.decideErr = errors.New("database is locked")
	w.interact(click("UOP", workflow.Confirm, "op-confirm"))
	if w.done["E1"] || len(w.said) != 1 {
		t.Fatalf("handled %v, said %+v", w.done, w.said)
	}
	for range 2 {
		if err := w.r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.settle()
	}
	if len(w.said) != 1 {
		t.Errorf("the person was told %d times", len(w.said))
	}
	w.decideErr = nil
	if err := w.r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if !w.done["E1"] || len(w.decided) != 1 {
		t.Errorf("handled %v, decided %d", w.done, len(w.decided))
	}
}

func TestPanicIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.panics = true
	w.command("UOP", "list prod")
	if !w.done["E1"] || len(w.said) != 1 {
		t.Errorf("handled %v, said %+v", w.done, w.said)
	}
}

func TestOverflow(t *testing.T) {
	w := newWorld(t)
	b, _ := json.Marshal(slash("UOP", "list"))
	a := &acks{w: w}
	w.r.Overflow(t.Context(), socket.NewEnvelope("E1", envCommand, b, a))
	if len(a.frames) != 1 || a.frames[0]["payload"] == nil {
		t.Errorf("command: %v", a.frames)
	}
	a = &acks{w: w}
	w.r.Overflow(t.Context(), socket.NewEnvelope("E2", envInteractive, []byte(`{}`), a))
	if len(a.frames) != 0 || len(w.inbox) != 0 {
		t.Errorf("click: %v", a.frames)
	}
}

func TestFullQueueIsLeftToTheSweep(t *testing.T) {
	w := newWorld(t)
	n := cap(w.r.jobs) + 10
	for range n {
		if a := w.send(envCommand, slash("UOP", "status")); len(a.frames) != 1 {
			t.Fatal("not acked")
		}
	}
	for range 3 {
		w.settle()
		if err := w.r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.done) != n {
		t.Errorf("%d of %d handled", len(w.done), n)
	}
}

// Run acts at once, sweeps every few seconds, and ends when nothing is in hand.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, _ := json.Marshal(slash("UOP", "status"))
		stop := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if err := w.r.Run(ctx); err != nil {
				t.Error(err)
			}
			close(stop)
		}()
		synctest.Wait()
		w.send(envCommand, slash("UOP", "status"))
		synctest.Wait()
		w.mu.Lock()
		if !w.done["E1"] {
			t.Error("not acted on at once")
		}
		w.inbox["E9"] = workflow.InboxItem{ID: "E9", Kind: envCommand, Payload: b, ReceivedAt: w.clock.Now()}
		w.mu.Unlock()
		time.Sleep(sweepEvery + time.Millisecond)
		synctest.Wait()
		w.mu.Lock()
		if !w.done["E9"] {
			t.Error("not swept")
		}
		w.mu.Unlock()
		cancel()
		<-stop
		w.send(envCommand, slash("UOP", "status"))
		if len(w.r.jobs) != 0 || w.done["E2"] {
			t.Error("a job was taken after the end")
		}
	})
}

func TestNewWantsEverything(t *testing.T) {
	_, err := New(Deps{})
	if !errors.Is(err, ErrDeps) {
		t.Fatal(err)
	}
	for _, what := range []string{"Slack", "People", "Store", "Engine", "Fleet", "Clock", "Home.App", "Home.Team"} {
		if !strings.Contains(err.Error(), what) {
			t.Errorf("%s is not named in %v", what, err)
		}
	}
}

func TestAnswersFindTheirWay(t *testing.T) {
	w := newWorld(t)
	to := &reply{r: w.r, url: testURL, born: w.clock.Now(), channel: testChannel, user: "UOP"}
	for range responseUses + 1 {
		to.say(t.Context(), sentence("x"))
	}
	w.apiErr["chat.postEphemeral"] = slackErr("not_in_channel")
	to.say(t.Context(), sentence("y"))
	old := &reply{r: w.r, url: testURL, born: w.clock.Now(), channel: testChannel, user: "UOP"}
	w.clock.advance(responseLife + time.Minute)
	old.say(t.Context(), sentence("z"))
	var ways []string
	for _, s := range w.said {
		ways = append(ways, s.way)
	}
	if want := []string{"url", "url", "url", "url", "url", "ephemeral", "direct", "direct"}; !slices.Equal(ways, want) {
		t.Errorf("%v, want %v", ways, want)
	}
	w.urlErr = 404
	w.said = nil
	(&reply{r: w.r, url: testURL, born: w.clock.Now(), user: "UOP"}).say(t.Context(), sentence("dead URL"))
	if len(w.said) != 1 || w.said[0].way != "direct" || w.said[0].to != "UOP" {
		t.Errorf("after a dead URL: %+v", w.said)
	}
}

func TestSentencesAreInert(t *testing.T) {
	hostile := "<!channel> <@U1> & <https://evil|Confirm>\u202e"
	for _, m := range []blocks.Message{
		noTarget(hostile, errors.New("x")), explain(&Mistake{What: mistakeValue, Word: hostile}), explain(&Mistake{What: mistakeOption, Word: hostile}),
		explain(&Mistake{What: mistakeExtra, Word: hostile}), noCluster(hostile, []ecsops.ClusterARN{prod}),
	} {
		b, _ := json.Marshal(m.Blocks)
		if strings.Contains(m.Text, "<!channel>") || strings.Contains(m.Text, "<@") || strings.Contains(m.Text, "\u202e") {
			t.Errorf("text: %s", m.Text)
		}
		if strings.Contains(string(b), `mrkdwn","text":"<!`) {
			t.Errorf("blocks: %s", b)
		}
	}
}
