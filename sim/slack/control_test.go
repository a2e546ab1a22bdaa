package slack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func sim(t *testing.T, w *Workspace, route, body string) answer {
	t.Helper()
	return do(t, request(t, "http://"+w.Addr()+"/sim/"+route, "application/json", "", body))
}

func TestControlInterface(t *testing.T) {
	w, c := joined(t, nil)
	ts := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "ready?", "blocks", buttons).text("ts")
	run := func(route, body string) (frame, answer) {
		done := make(chan answer, 1)
		go func() { done <- sim(t, w, route, body) }()
		f := c.next(t)
		c.ack(t, f.EnvelopeID, nil)
		return f, <-done
	}
	f, a := run("say", `{"user":"U0OPERATOR","channel":"C0OPS","command":"/ecs","text":"list"}`)
	if a.status != 200 || a.text("result", "envelope_id") != f.EnvelopeID || f.Payload["text"] != "list" {
		t.Errorf("%+v", a)
	}
	if f, a = run("click", `{"user":"U0APPROVER","channel":"C0OPS","ts":"`+ts+`","action_id":"cancel"}`); a.status != 200 || f.Payload["type"] != "block_actions" {
		t.Errorf("%+v", a)
	}
	if f, a = run("break", `{"what":"redeliver","envelope_id":"`+f.EnvelopeID+`"}`); a.status != 200 || f.Payload["type"] != "block_actions" {
		t.Errorf("%+v", a)
	}
	for body, want := range map[string]int{
		`{"what":"fail","method":"auth.test","error":"fatal_error"}`: 200,
		`{"what":"nonsense"}`:                     409,
		`{"what":"fail","surplus":1}`:             400,
		`{"what":"archive","channel":"C0RANDOM"}`: 200,
	} {
		if a := sim(t, w, "break", body); a.status != want {
			t.Errorf("%s: %d, want %d: %v", body, a.status, want, a.body)
		}
	}
	if a := api(t, w, "auth.test"); a.code() != "fatal_error" {
		t.Errorf("%v", a.body)
	}
	if a := sim(t, w, "click", `{"user":"U0APPROVER","channel":"C0OPS","ts":"`+ts+`","action_id":"none"}`); a.status != 409 || !strings.Contains(a.text("error"), "no such element") {
		t.Errorf("%+v", a)
	}
	state := string(mustJSON(get(t, w, "state").body))
	for _, want := range []string{`"rendered":"ready?\n[ ▾]\n[*Yes*] [!No!]"`, `"C0OPS"`, `"sockets":[{`} {
		if !strings.Contains(state, want) {
			t.Errorf("state lacks %s: %s", want, state)
		}
	}
	all, _ := get(t, w, "log").body["entries"].([]any)
	rest, _ := get(t, w, "log?after=3").body["entries"].([]any)
	if len(all) == 0 || len(rest) < len(all)-3 || rest[0].(map[string]any)["seq"] != float64(4) {
		t.Errorf("%d entries, %d after 3", len(all), len(rest))
	}
}

func get(t *testing.T, w *Workspace, route string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.Addr()+"/sim/"+route, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func TestControlRefusesWebPages(t *testing.T) {
	w := start(t, nil)
	req := request(t, "http://"+w.Addr()+"/sim/break", "application/json", "", `{"what":"heal"}`)
	req.Host = "evil.example"
	if a := do(t, req); a.status != http.StatusForbidden {
		t.Errorf("another host name: %d", a.status)
	}
	if a := do(t, request(t, "http://"+w.Addr()+"/sim/break", "text/plain", "", `{"what":"heal"}`)); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("a form-like POST: %d", a.status)
	}
}

func TestRender(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Channels = append(c.Channels, Channel{ID: "G0SECRET", Name: "secret", IsPrivate: true})
	})
	tests := map[string]string{
		"hi <@U0OPERATOR> in <#C0OPS>, <!subteam^S0ONCALL>": "hi @olga in #ops, @oncall",
		"<@U0NOBODY> <#G0SECRET> <!subteam^S9>":             "<?@U0NOBODY?> <?#G0SECRET?> <?!subteam^S9?>",
		"<https://e.com|here> <https://e.com> &lt;b&gt;":    "here (https://e.com) https://e.com <b>",
		"&amp;lt; is &lt;":                          "&lt; is <",
		"<!channel> <!here>":                        "@channel(!) @here(!)",
		"<!date^1700000000^{date_num} {time}|then>": "2023-11-14 22:13",
	}
	for in, want := range tests {
		if got := w.Render(Message{Text: in}); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	blocks := `[{"type":"header","text":{"type":"plain_text","text":"<@U0OPERATOR>"}},
		{"type":"section","fields":[{"type":"mrkdwn","text":"*Cluster*\nprod"}]},
		{"type":"context","elements":[{"type":"mrkdwn","text":"by <@U0OPERATOR>"}]},{"type":"divider"},
		{"type":"plan","title":"Steps","tasks":[{"type":"task_card","task_id":"1","title":"Drain","status":"complete"}]},
		{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_number","value":2}]]}]`
	want := "# <@U0OPERATOR>\n  *Cluster*: prod\n· by @olga\n────────\n▤ Steps\n  ● Drain\n| a | 2 |"
	if got := w.Render(Message{Blocks: json.RawMessage(blocks)}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
