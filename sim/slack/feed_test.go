package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestMessagesSince(t *testing.T) {
	w := start(t, nil)
	changed := w.Changed()
	all, before := w.MessagesSince(0)
	if len(all) != 0 {
		t.Fatalf("at first: %+v", all)
	}
	first, err := w.Post(DemoOperator, DemoOps, "", "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Post(DemoOperator, DemoRandom, "", "two"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody was told of a new message")
	}
	got, after := w.MessagesSince(before)
	if len(got) != 2 || after <= before {
		t.Fatalf("after two posts: %d messages, revision %d after %d", len(got), after, before)
	}
	if none, same := w.MessagesSince(after); len(none) != 0 || same != after {
		t.Errorf("nothing happened, and there are %d messages, revision %d", len(none), same)
	}
	w.DeleteMessage(first.Channel, first.TS)
	gone, _ := w.MessagesSince(after)
	if len(gone) != 1 || !gone[0].Deleted || gone[0].TS != first.TS {
		t.Errorf("after a deletion: %+v", gone)
	}
}

func TestCheckBlocks(t *testing.T) {
	w := start(t, nil)
	if err := w.CheckBlocks(json.RawMessage(`[{"type":"divider"}]`)); err != nil {
		t.Errorf("a divider: %v", err)
	}
	for name, raw := range map[string]string{"no list": `{}`, "no JSON": `x`, "unknown": `[{"type":"carousel?"}]`, "empty section": `[{"type":"section"}]`} {
		if err := w.CheckBlocks(json.RawMessage(raw)); err == nil || !strings.HasPrefix(err.Error(), "invalid_blocks") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDelayedAcks: past the limit the person is told that nobody answered, and
// the ack comes late; within it, later.
func TestDelayedAcks(t *testing.T) {
	w := start(t, func(c *Config) { c.AckLimit = 200 * time.Millisecond })
	c := connect(t, w)
	c.hello(t)
	w.DelayAcks(300 * time.Millisecond)
	send := func() Invocation {
		done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
		c.ack(t, c.next(t).EnvelopeID, nil)
		return done(t)
	}
	if inv := send(); inv.Acked || inv.Error != ErrorTimeout {
		t.Errorf("acks are too late: %+v", inv)
	} else {
		waitAck(t, w, inv.EnvelopeID, AckLate)
	}
	w.DelayAcks(0)
	if inv := send(); !inv.Acked {
		t.Errorf("acks are not held back any more: %+v", inv)
	}
}

func TestSocketsTellByWhatNameTheyCame(t *testing.T) {
	w := start(t, nil)
	c := connect(t, w)
	c.hello(t)
	if got := w.Sockets(); len(got) != 1 || got[0].Via != w.Addr() {
		t.Errorf("sockets %+v, want one via %s", got, w.Addr())
	}
}

func TestManifestsCommands(t *testing.T) {
	w := start(t, nil)
	if got := w.Commands(); len(got) != 1 || got[0].Command != "/ecs" || got[0].Description == "" {
		t.Errorf("commands %+v", got)
	}
	if got := w.Usergroups(); len(got) != 1 || got[0].Handle != "oncall" || w.TeamName() != "Sim" {
		t.Errorf("user groups %+v of %q", got, w.TeamName())
	}
	if len(w.OpenViews()) != 0 || len(w.LogSince(1<<20)) != 0 || len(w.LogSince(-1)) != len(w.Log()) {
		t.Error("views are open, or the log has lines that nobody wrote")
	}
}
