package slack

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const buttons = `[{"type":"section","block_id":"top","text":{"type":"mrkdwn","text":"ready?"},"accessory":
	{"type":"static_select","action_id":"size","options":[{"text":{"type":"plain_text","text":"Small"},"value":"s"}]}},
	{"type":"actions","block_id":"go","elements":[
	{"type":"button","action_id":"confirm","style":"primary","text":{"type":"plain_text","text":"Yes"},"value":"tok",
	 "confirm":{"text":{"type":"plain_text","text":"Sure?"}}},
	{"type":"button","action_id":"cancel","style":"danger","text":{"type":"plain_text","text":"No"}}]}]`

// joined is a workspace with one client.
func joined(t *testing.T, change func(*Config)) (*Workspace, *client) {
	t.Helper()
	w := start(t, change)
	c := connect(t, w)
	c.hello(t)
	return w, c
}

func TestClick(t *testing.T) {
	w, c := joined(t, nil)
	ts := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "ready?", "blocks", buttons).text("ts")
	before := w.Messages(DemoOps)[0]
	done := later(func() (Invocation, error) {
		return w.Click(deadline(t), DemoApprover, DemoOps, ts, "confirm", ClickOptions{})
	})
	f := c.next(t)
	p := answer{body: f.Payload}
	action := f.Payload["actions"].([]any)[0].(map[string]any)
	if f.Type != "interactive" || f.Accepts || p.text("type") != "block_actions" || p.text("user", "id") != DemoApprover || p.text("user", "team_id") != DemoTeam ||
		p.text("container", "message_ts") != ts || p.text("channel", "id") != DemoOps || p.text("message", "text") != "ready?" ||
		action["value"] != "tok" || action["block_id"] != "go" || action["action_ts"] == "" || p.text("response_url") == "" || p.text("trigger_id") == "" {
		t.Fatalf("%s", mustJSON(f))
	}
	c.ack(t, f.EnvelopeID, nil)
	if inv := done(t); !inv.Acked {
		t.Errorf("%+v", inv)
	}
	done = later(func() (Invocation, error) {
		return w.Click(deadline(t), DemoOperator, DemoOps, ts, "size", ClickOptions{Values: []string{"s"}})
	})
	f = c.next(t)
	if !strings.Contains(string(mustJSON(f.Payload["state"])), `"value":"s"`) {
		t.Errorf("state %v", f.Payload["state"])
	}
	c.ack(t, f.EnvelopeID, nil)
	done(t)
	for name, tt := range map[string]struct {
		want   error
		user   string
		ts     string
		action string
		o      ClickOptions
	}{
		"dismissed":      {ErrDismissed, DemoOperator, ts, "confirm", ClickOptions{DismissConfirm: true}},
		"not a member":   {ErrNotMember, DemoStranger, ts, "confirm", ClickOptions{}},
		"nobody":         {ErrNoUser, "U0X", ts, "confirm", ClickOptions{}},
		"no message":     {ErrNoMessage, DemoOperator, "1.000002", "confirm", ClickOptions{}},
		"no element":     {ErrNoElement, DemoOperator, ts, "explode", ClickOptions{}},
		"no such option": {ErrNoOption, DemoOperator, ts, "size", ClickOptions{Values: []string{"xxl"}}},
	} {
		if _, err := w.Click(deadline(t), tt.user, DemoOps, tt.ts, tt.action, tt.o); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	api(t, w, "chat.update", "channel", DemoOps, "ts", ts, "text", "done")
	if _, err := w.Click(deadline(t), DemoOperator, DemoOps, ts, "confirm", ClickOptions{}); !errors.Is(err, ErrNoElement) {
		t.Errorf("a removed button was clicked: %v", err)
	}
	done = later(func() (Invocation, error) {
		return w.Click(deadline(t), DemoOperator, DemoOps, ts, "confirm", ClickOptions{Stale: &before})
	})
	c.ack(t, c.next(t).EnvelopeID, nil)
	if inv := done(t); !inv.Acked {
		t.Errorf("stale: %+v", inv)
	}
}

func TestEnterpriseGridPayload(t *testing.T) {
	w, c := joined(t, func(c *Config) { c.EnterpriseID = "E0SIM" })
	ts := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "x", "blocks", buttons).text("ts")
	done := later(func() (Invocation, error) {
		return w.Click(deadline(t), DemoOperator, DemoOps, ts, "cancel", ClickOptions{})
	})
	f := c.next(t)
	p := answer{body: f.Payload}
	if _, told := f.Payload["user"].(map[string]any)["team_id"]; told || f.Payload["team"] != nil || p.text("enterprise", "id") != "E0SIM" {
		t.Errorf("%s", mustJSON(f.Payload))
	}
	c.ack(t, f.EnvelopeID, nil)
	done(t)
}

func TestResponseURL(t *testing.T) {
	clock := newClock()
	w, c := joined(t, func(c *Config) { c.Now = clock.now })
	ts := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "ready?", "blocks", buttons).text("ts")
	done := later(func() (Invocation, error) {
		return w.Click(deadline(t), DemoOperator, DemoOps, ts, "cancel", ClickOptions{})
	})
	c.ack(t, c.next(t).EnvelopeID, nil)
	target := done(t).ResponseURL
	post := func(body string) answer { return do(t, request(t, target, "application/json", "", body)) }

	if a := post(`{"text":"only you","replace_original":false,"delete_original":false,"metadata":{"event_type":"","event_payload":null}}`); a.status != 200 || len(w.Ephemerals(DemoOperator, DemoOps)) != 1 {
		t.Errorf("%d %v", a.status, a.body)
	}
	post(`{"text":"all","response_type":"in_channel"}`)
	if got := w.Messages(DemoOps); len(got) != 2 || got[1].Text != "all" || got[1].Via != "response_url" {
		t.Errorf("%+v", got)
	}
	if a := post(`{"text":"x","blocks":[{"type":"nonsense"}]}`); a.code() != "invalid_blocks" || a.status != 400 {
		t.Errorf("%d %v", a.status, a.body)
	}
	post(`{"text":"replaced","replace_original":true}`)
	if m, _ := w.Snapshot().Message(DemoOps, ts); m.Text != "replaced" || m.Edits != 1 {
		t.Errorf("%+v", m)
	}
	post(`{"delete_original":true}`)
	if m, _ := w.Snapshot().Message(DemoOps, ts); !m.Deleted {
		t.Errorf("%+v", m)
	}
	post(`{"text":"fifth"}`)
	if a := post(`{"text":"sixth"}`); a.status != 404 || a.code() != "used_url" {
		t.Errorf("%d %v", a.status, a.body)
	}
	done = later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoRandom, "/ecs", "") })
	c.ack(t, c.next(t).EnvelopeID, nil)
	target = done(t).ResponseURL
	clock.advance(30 * time.Minute)
	if a := post(`{"text":"just in time"}`); a.status != 200 || len(w.Ephemerals(DemoOperator, DemoRandom)) != 1 {
		t.Errorf("in a channel without the bot: %d %v", a.status, a.body)
	}
	clock.advance(time.Second)
	if a := post(`{"text":"late"}`); a.status != 404 || a.code() != "expired_url" {
		t.Errorf("%d %v", a.status, a.body)
	}
}

const modal = `{"type":"modal","callback_id":"form","title":{"type":"plain_text","text":"Form"},"submit":{"type":"plain_text","text":"Go"},
	"close":{"type":"plain_text","text":"Back"},"private_metadata":"secret","notify_on_close":true,"blocks":[
	{"type":"input","block_id":"why","label":{"type":"plain_text","text":"Why"},"element":{"type":"plain_text_input","action_id":"text","min_length":3,"max_length":5}},
	{"type":"input","block_id":"note","optional":true,"label":{"type":"plain_text","text":"Note"},"element":{"type":"plain_text_input","action_id":"text"}},
	{"type":"section","block_id":"pick","text":{"type":"mrkdwn","text":"Cluster"},"accessory":{"type":"external_select","action_id":"cluster","min_query_length":2}}]}`

// opened has a person get the modal in answer to a command.
func opened(t *testing.T, w *Workspace, c *client) View {
	t.Helper()
	done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
	c.ack(t, c.next(t).EnvelopeID, nil)
	inv := done(t)
	if a := apiJSON(t, w, "views.open", map[string]any{"trigger_id": inv.TriggerID, "view": json.RawMessage(modal)}); !a.ok() {
		t.Fatalf("%v", a.body)
	}
	if a := api(t, w, "views.open", "trigger_id", inv.TriggerID, "view", modal); a.code() != "exchanged_trigger_id" {
		t.Errorf("a trigger opened twice: %v", a.body)
	}
	return w.Views(DemoOperator)[0]
}

func TestModal(t *testing.T) {
	w, c := joined(t, nil)
	v := opened(t, w, c)
	ctx := deadline(t)
	place := Place{View: v.ID}
	if _, err := w.Suggest(ctx, DemoOperator, place, "pick", "cluster", "p"); !errors.Is(err, ErrTooShort) {
		t.Errorf("%v", err)
	}
	asked := later(func() ([]Option, error) { return w.Suggest(ctx, DemoOperator, place, "pick", "cluster", "pr") })
	f := c.next(t)
	if f.Payload["type"] != "block_suggestion" || f.Payload["value"] != "pr" || f.Payload["trigger_id"] != nil {
		t.Errorf("%s", mustJSON(f))
	}
	c.ack(t, f.EnvelopeID, json.RawMessage(`{"options":[{"text":{"type":"plain_text","text":"Prod"},"value":"p1"}]}`))
	if o := asked(t); len(o) != 1 || o[0].Text != "Prod" {
		t.Errorf("%+v", o)
	}
	if _, err := w.SetValue(ctx, DemoOperator, v.ID, "pick", "cluster", "p2"); !errors.Is(err, ErrNoOption) {
		t.Errorf("what was never offered was chosen: %v", err)
	}
	chose := later(func() (Invocation, error) { return w.SetValue(ctx, DemoOperator, v.ID, "pick", "cluster", "p1") })
	f = c.next(t)
	if f.Payload["type"] != "block_actions" || f.Payload["view"] == nil || f.Payload["response_url"] != nil {
		t.Errorf("%s", mustJSON(f))
	}
	c.ack(t, f.EnvelopeID, nil)
	chose(t)

	r, err := w.Submit(ctx, DemoOperator, v.ID)
	if err != nil || r.EnvelopeID != "" || r.Errors["why"] == "" || r.Errors["note"] != "" {
		t.Errorf("the client must find the required field empty: %+v %v", r, err)
	}
	fill(t, w, v.ID, "why", "ab")
	if r, err = w.Submit(ctx, DemoOperator, v.ID); err != nil || r.Errors["why"] == "" {
		t.Errorf("too short: %+v %v", r, err)
	}
	fill(t, w, v.ID, "why", "abc")
	if shown := w.RenderView(w.Views(DemoOperator)[0]); !strings.Contains(shown, "Why: [abc]") || !strings.Contains(shown, "[Prod ▾]") || !strings.Contains(shown, "[Go]") {
		t.Errorf("%s", shown)
	}
	submitAll(t, w, c, v)
}

func fill(t *testing.T, w *Workspace, view, block, text string) {
	t.Helper()
	if inv, err := w.SetValue(deadline(t), DemoOperator, view, block, "text", text); err != nil || inv.EnvelopeID != "" {
		t.Fatalf("%+v %v", inv, err)
	}
}

// submitAll goes through the answers to a submission.
func submitAll(t *testing.T, w *Workspace, c *client, v View) {
	t.Helper()
	submit := func(id, payload string) ViewResponse {
		done := later(func() (ViewResponse, error) { return w.Submit(deadline(t), DemoOperator, id) })
		f := c.next(t)
		if s := string(mustJSON(f.Payload["view"])); f.Payload["type"] != "view_submission" || !f.Accepts || !strings.Contains(s, `"value":"abc"`) || !strings.Contains(s, `"private_metadata":"secret"`) {
			t.Errorf("%s", mustJSON(f))
		}
		c.ack(t, f.EnvelopeID, json.RawMessage(payload))
		return done(t)
	}
	if r := submit(v.ID, `{"response_action":"errors","errors":{"why":"not good"}}`); r.Errors["why"] != "not good" || r.Closed {
		t.Errorf("%+v", r)
	}
	if shown := w.RenderView(w.Views(DemoOperator)[0]); !strings.Contains(shown, "✗ not good") {
		t.Errorf("%s", shown)
	}
	if r := submit(v.ID, `{"response_action":"errors","errors":{"nowhere":"x"}}`); r.Error == "" {
		t.Errorf("errors for no block: %+v", r)
	}
	if r := submit(v.ID, `{"response_action":"dance"}`); r.Error == "" || r.Closed {
		t.Errorf("%+v", r)
	}
	if r := submit(v.ID, `{"response_action":"push","view":`+modal+`}`); r.View == nil || r.View.PreviousID != v.ID || r.Closed {
		t.Fatalf("%+v", r)
	}
	if _, err := w.Submit(deadline(t), DemoOperator, v.ID); !errors.Is(err, ErrNoView) {
		t.Errorf("a view behind another was submitted: %v", err)
	}
	front := w.Views(DemoOperator)[1]
	closed := later(func() (Invocation, error) { return w.CloseView(deadline(t), DemoOperator, front.ID) })
	f := c.next(t)
	if f.Payload["type"] != "view_closed" {
		t.Errorf("%s", mustJSON(f))
	}
	c.ack(t, f.EnvelopeID, nil)
	closed(t)
	if r := submit(v.ID, `{"response_action":"update","view":`+strings.Replace(modal, `"Form"`, `"Second"`, 1)+`}`); r.View == nil || r.View.Title != "Second" || r.View.Updates != 1 {
		t.Errorf("%+v", r)
	}
	if r := submit(v.ID, `{}`); !r.Closed || len(w.Views(DemoOperator)) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestViewRules(t *testing.T) {
	clock := newClock()
	w, c := joined(t, func(c *Config) { c.Now = clock.now })
	v := opened(t, w, c)
	if a := api(t, w, "views.update", "view_id", v.ID, "hash", "old", "view", modal); a.code() != "hash_conflict" {
		t.Errorf("%v", a.body)
	}
	fill(t, w, v.ID, "why", "abc")
	renamed := strings.Replace(modal, `"block_id":"note"`, `"block_id":"note2"`, 1)
	if a := api(t, w, "views.update", "view_id", v.ID, "hash", v.Hash, "view", renamed); !a.ok() {
		t.Errorf("%v", a.body)
	}
	if now := w.Views(DemoOperator)[0]; now.State["why"]["text"]["value"] != "abc" || now.State["note"] != nil || now.Hash == v.Hash {
		t.Errorf("what was typed must stay where block and action are the same: %+v", now.State)
	}
	if a := api(t, w, "views.update", "view_id", "V0", "view", modal); a.code() != "not_found" {
		t.Errorf("%v", a.body)
	}
	done := later(func() (Invocation, error) { return w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", "") })
	c.ack(t, c.next(t).EnvelopeID, nil)
	trigger := done(t).TriggerID
	if a := api(t, w, "views.push", "trigger_id", trigger, "view", modal); a.code() != "invalid_trigger_id" {
		t.Errorf("push outside of a modal: %v", a.body)
	}
	tests := map[string]struct{ view, at string }{
		"title":            {strings.Replace(modal, `"Form"`, `"`+x(25)+`"`, 1), "/view/title/text"},
		"submit":           {strings.Replace(modal, `"Go"`, `"`+x(25)+`"`, 1), "/view/submit/text"},
		"close":            {strings.Replace(modal, `"Back"`, `"`+x(25)+`"`, 1), "/view/close/text"},
		"private_metadata": {strings.Replace(modal, `"secret"`, `"`+x(3001)+`"`, 1), "/view/private_metadata"},
		"callback_id":      {strings.Replace(modal, `"form"`, `"`+x(256)+`"`, 1), "/view/callback_id"},
		"blocks":           {`{"type":"modal","title":` + plain(1) + `,"blocks":[` + rep(101, `{"type":"divider"}`) + `]}`, "/view/blocks"},
		"inputs, no submit": {`{"type":"modal","title":` + plain(1) + `,"blocks":[{"type":"input","label":` + plain(1) +
			`,"element":{"type":"plain_text_input"}}]}`, "/view]"},
		"markdown": {`{"type":"modal","title":` + plain(1) + `,"blocks":[{"type":"markdown","text":"x"}]}`, "/view/blocks/0"},
	}
	for name, tt := range tests {
		a := api(t, w, "views.open", "trigger_id", trigger, "view", tt.view)
		if a.code() != "invalid_arguments" || !strings.Contains(a.messages(), tt.at) {
			t.Errorf("%s: %v", name, a.body)
		}
	}
	clock.advance(3*time.Second + time.Millisecond)
	if a := api(t, w, "views.open", "trigger_id", trigger, "view", modal); a.code() != "expired_trigger_id" {
		t.Errorf("%v", a.body)
	}
	if a := api(t, w, "views.open", "trigger_id", "never", "view", modal); a.code() != "invalid_trigger_id" {
		t.Errorf("%v", a.body)
	}
}

func TestSuggestNeedsUsableOptions(t *testing.T) {
	w, c := joined(t, nil)
	v := opened(t, w, c)
	for _, payload := range []string{`{}`, `{"options":[{"text":{"type":"plain_text","text":"x"},"value":"` + x(151) + `"}]}`, `[]`} {
		done := make(chan error, 1)
		go func() {
			_, err := w.Suggest(deadline(t), DemoOperator, Place{View: v.ID}, "", "cluster", "prod")
			done <- err
		}()
		c.ack(t, c.next(t).EnvelopeID, json.RawMessage(payload))
		if err := <-done; !errors.Is(err, ErrSuggest) {
			t.Errorf("%s: %v", payload, err)
		}
	}
	asked := later(func() ([]Option, error) {
		return w.Suggest(deadline(t), DemoOperator, Place{View: v.ID}, "", "cluster", "prod")
	})
	c.ack(t, c.next(t).EnvelopeID, json.RawMessage(`{"options":[]}`))
	if o := asked(t); len(o) != 0 {
		t.Errorf("%+v", o)
	}
}
