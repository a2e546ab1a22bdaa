package slack

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	w := start(t, nil)
	form := "application/x-www-form-urlencoded"
	tests := map[string]struct{ why, method, bearer, kind, body, want string }{
		"none":          {"no token at all", "auth.test", "", form, "", "not_authed"},
		"bearer":        {"bolt sends it so", "auth.test", DemoBotToken, form, "", ""},
		"form":          {"slack-go sends it so", "auth.test", "", form, "token=" + DemoBotToken, ""},
		"json body":     {"a token in JSON does not authenticate", "auth.test", "", "application/json; charset=utf-8", `{"token":"` + DemoBotToken + `"}`, "not_authed"},
		"real looking":  {"may be a real one", "auth.test", "xoxb-1111-2222-abcdef", form, "", "invalid_auth"},
		"unknown sim":   {"never given", "auth.test", "xoxb-sim-other", form, "", "invalid_auth"},
		"bot for app":   {"needs connections:write", "apps.connections.open", DemoBotToken, form, "", "not_allowed_token_type"},
		"app for bot":   {"an app token posts nothing", "chat.postMessage", DemoAppToken, form, "", "not_allowed_token_type"},
		"no method":     {"unknown", "chat.shout", DemoBotToken, form, "", "unknown_method"},
		"broken json":   {"not JSON", "auth.test", DemoBotToken, "application/json; charset=utf-8", "{", "invalid_json"},
		"json to users": {"reads take forms", "users.info", DemoBotToken, "application/json; charset=utf-8", `{"user":"U0BOT"}`, "invalid_arguments"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := do(t, request(t, w.URL()+tt.method, tt.kind, tt.bearer, tt.body))
			if a.code() != tt.want || a.ok() != (tt.want == "") {
				t.Errorf("%s: %v, want %q", tt.why, a.body, tt.want)
			}
		})
	}
	for _, e := range w.Log() {
		if strings.Contains(string(mustJSON(e)), DemoBotToken) || strings.Contains(string(mustJSON(e)), "xoxb-1111") {
			t.Errorf("a token is in the log: %+v", e)
		}
	}
	told := false
	for _, e := range w.Log() {
		told = told || e.Kind == KindFault && e.Outcome == "invalid_auth" && strings.Contains(e.Detail, "real")
	}
	if !told {
		t.Error("the log does not say why the real-looking token was refused")
	}
	w.RevokeToken(DemoBotToken, "token_revoked")
	if a := api(t, w, "auth.test"); a.code() != "token_revoked" {
		t.Errorf("revoked: %v", a.body)
	}
	w.RevokeToken(DemoBotToken, "")
	if a := api(t, w, "auth.test"); !a.ok() || a.text("user_id") != DemoBot || a.text("team_id") != DemoTeam {
		t.Errorf("restored: %v", a.body)
	}
}

func TestRealTokensRefusedInConfig(t *testing.T) {
	cfg := Demo()
	cfg.BotToken = "xoxb-123-456-real"
	if _, err := New(cfg); err == nil || strings.Contains(err.Error(), cfg.BotToken) {
		t.Errorf("err = %v; it must refuse without repeating the token", err)
	}
	cfg = Demo()
	for why, text := range map[string]string{
		"no manifest, no scopes": "",
		"not YAML":               "a: [",
		"an unknown key":         "display_information: {name: x}\nsecrets: {}\n",
		"a long name":            "display_information: {name: " + strings.Repeat("x", 36) + "}\n",
		"a command without /":    "display_information: {name: x}\nfeatures: {slash_commands: [{command: ecs}]}\n",
	} {
		cfg.Manifest = []byte(text)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", why)
		}
	}
	w, err := New(Demo())
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{":0", "0.0.0.0:0", "localhost:0"} {
		if err := w.Start(addr); err == nil {
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestPostMessageErrors(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Channels = append(c.Channels, Channel{ID: "C0OLD", Name: "old", IsArchived: true, Members: []string{DemoBot}},
			Channel{ID: "G0SECRET", Name: "secret", IsPrivate: true, Members: []string{DemoOperator}})
	})
	ephemeral := api(t, w, "chat.postEphemeral", "channel", DemoOps, "user", DemoOperator, "text", "psst").text("message_ts")
	parent := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "parent").text("ts")
	replyTS := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "reply", "thread_ts", parent).text("ts")
	theirs, err := w.Post(DemoApprover, DemoOps, "", "mine")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		want, method string
		args         []string
	}{
		{"channel_not_found", "chat.postMessage", []string{"channel", "C0NOPE", "text", "x"}},
		{"channel_not_found", "chat.postMessage", []string{"channel", "G0SECRET", "text", "x"}},
		{"channel_not_found", "chat.postMessage", []string{"channel", "U0NOBODY", "text", "x"}},
		{"not_in_channel", "chat.postMessage", []string{"channel", DemoRandom, "text", "x"}},
		{"is_archived", "chat.postMessage", []string{"channel", "C0OLD", "text", "x"}},
		{"no_text", "chat.postMessage", []string{"channel", DemoOps}},
		{"no_text", "chat.postMessage", []string{"channel", DemoOps, "text", "", "blocks", "[]"}},
		{"thread_not_found", "chat.postMessage", []string{"channel", DemoOps, "text", "x", "thread_ts", "1.000001"}},
		{"thread_not_found", "chat.postMessage", []string{"channel", DemoOps, "text", "x", "thread_ts", ephemeral}},
		{"cannot_reply_to_message", "chat.postMessage", []string{"channel", DemoOps, "text", "x", "thread_ts", replyTS}},
		{"invalid_blocks_format", "chat.postMessage", []string{"channel", DemoOps, "blocks", "{"}},
		{"invalid_metadata_format", "chat.postMessage", []string{"channel", DemoOps, "text", "x", "metadata", `{"event_type":"a"}`}},
		{"missing_scope", "chat.postMessage", []string{"channel", DemoOps, "text", "x", "username", "Root"}},
		{"user_not_in_channel", "chat.postEphemeral", []string{"channel", DemoAudit, "user", DemoGuest, "text", "x"}},
		{"user_not_found", "chat.postEphemeral", []string{"channel", DemoAudit, "user", "U0X", "text", "x"}},
		{"message_not_found", "chat.update", []string{"channel", DemoOps, "ts", "1.000001", "text", "x"}},
		{"cant_update_message", "chat.update", []string{"channel", DemoOps, "ts", theirs.TS, "text", "x"}},
		{"cant_delete_message", "chat.delete", []string{"channel", DemoOps, "ts", theirs.TS}},
		{"message_not_found", "chat.update", []string{"channel", DemoOps, "ts", ephemeral, "text", "x"}},
		{"message_not_found", "chat.delete", []string{"channel", DemoOps, "ts", ephemeral}},
		{"message_not_found", "chat.getPermalink", []string{"channel", DemoOps, "message_ts", ephemeral}},
		{"msg_too_long", "chat.update", []string{"channel", DemoOps, "ts", parent, "text", strings.Repeat("x", 4001)}},
		{"channel_not_found", "conversations.info", []string{"channel", "G0SECRET"}},
		{"user_not_found", "users.info", []string{"user", "U0X"}},
		{"no_such_subteam", "usergroups.users.list", []string{"usergroup", "S0X"}},
		{"missing_scope", "conversations.list", []string{"types", "im"}},
		{"invalid_cursor", "users.list", []string{"cursor", "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.want, func(t *testing.T) {
			if a := api(t, w, tt.method, tt.args...); a.code() != tt.want {
				t.Errorf("%v: %v, want %s", tt.args, a.body, tt.want)
			}
		})
	}
	w.ArchiveChannel(DemoOps)
	if a := api(t, w, "chat.update", "channel", DemoOps, "ts", parent, "text", "x"); a.code() != "is_inactive" {
		t.Errorf("archived: %v", a.body)
	}
}

func TestMessageLife(t *testing.T) {
	w := start(t, nil)
	post := apiJSON(t, w, "chat.postMessage", map[string]any{"channel": DemoOps, "text": "one",
		"blocks":   []any{map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "*one*"}}},
		"metadata": map[string]any{"event_type": "sim", "event_payload": map[string]any{"n": 1}}})
	ts := post.text("ts")
	if !post.ok() || post.text("message", "ts") != ts {
		t.Fatalf("%v", post.body)
	}
	api(t, w, "chat.postMessage", "channel", DemoOps, "text", "a reply", "thread_ts", ts)
	if a := api(t, w, "chat.update", "channel", DemoOps, "ts", ts, "blocks", `[{"type":"divider"}]`); !a.ok() || a.text("warning") != "missing_text_in_message" {
		t.Fatalf("%v", a.body)
	}
	m := w.Messages(DemoOps)[0]
	if m.Edits != 1 || m.Edited || m.Text != "one" || !strings.Contains(string(m.Blocks), "divider") || len(m.Metadata) == 0 || !strings.Contains(string(m.Versions[0].Blocks), "*one*") {
		t.Errorf("after blocks alone: %+v", m)
	}
	api(t, w, "chat.update", "channel", DemoOps, "ts", ts, "text", "two")
	if m = w.Messages(DemoOps)[0]; m.Edits != 2 || !m.Edited || m.Blocks != nil || w.Render(m) != "two (edited)" {
		t.Errorf("text without blocks must remove them: %+v", m)
	}
	if got := w.Thread(DemoOps, ts); len(got) != 2 || got[1].Text != "a reply" {
		t.Errorf("thread %+v", got)
	}
	if a := api(t, w, "chat.getPermalink", "channel", DemoOps, "message_ts", ts); !strings.HasPrefix(a.text("permalink"), "https://sim.slack.com/archives/C0OPS/p") {
		t.Errorf("%v", a.body)
	}
	api(t, w, "chat.delete", "channel", DemoOps, "ts", ts)
	if n, all := len(w.Messages(DemoOps)), w.History(DemoOps); n != 1 || len(all) != 2 || !all[0].Deleted {
		t.Errorf("%d messages left, history %+v", n, all)
	}
	long := api(t, w, "chat.postMessage", "channel", DemoOps, "text", strings.Repeat("é", 40_001))
	if long.text("warning") != "message_truncated" || len([]rune(long.text("message", "text"))) != 40_000 {
		t.Errorf("warning %q", long.text("warning"))
	}
	dm := api(t, w, "chat.postMessage", "channel", DemoOperator, "text", "direct")
	if got := w.DMs(DemoOperator); len(got) != 1 || dm.text("channel") != got[0].Channel {
		t.Errorf("DMs %+v", got)
	}
	open := api(t, w, "conversations.open", "users", DemoOperator)
	if ch, _ := open.body["channel"].(map[string]any); ch["id"] != dm.text("channel") {
		t.Errorf("%v", open.body)
	}
}

func TestScopes(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Manifest = []byte("display_information: {name: x}\noauth_config: {scopes: {bot: [commands]}}\n")
	})
	a := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "x")
	if a.code() != "missing_scope" || a.text("needed") != "chat:write" || a.text("provided") != "commands" {
		t.Errorf("%v", a.body)
	}
	b := do(t, request(t, w.URL()+"apps.connections.open", "application/x-www-form-urlencoded", DemoAppToken, ""))
	if b.ok() {
		t.Errorf("Socket Mode is off in the manifest: %v", b.body)
	}
	if _, err := w.Command(deadline(t), DemoOperator, DemoOps, "/ecs", ""); err == nil {
		t.Error("a command that the manifest does not have was sent")
	}
}

func TestDirectory(t *testing.T) {
	w := start(t, func(c *Config) { c.PageSize = 3 })
	guest := api(t, w, "users.info", "user", DemoGuest).body["user"].(map[string]any)
	if guest["is_ultra_restricted"] != true || guest["team_id"] != DemoTeam {
		t.Errorf("guest %v", guest)
	}
	stranger := api(t, w, "users.info", "user", DemoStranger).body["user"].(map[string]any)
	if stranger["is_stranger"] != true || stranger["team_id"] != DemoOtherTeam {
		t.Errorf("stranger %v", stranger)
	}
	gone := api(t, w, "users.info", "user", DemoLeaver).body["user"].(map[string]any)
	if _, told := gone["is_restricted"]; gone["deleted"] != true || told {
		t.Errorf("deactivated %v", gone)
	}
	shared := api(t, w, "conversations.info", "channel", DemoShared).body["channel"].(map[string]any)
	if shared["is_ext_shared"] != true || shared["is_member"] != true {
		t.Errorf("shared %v", shared)
	}
	seen, cursor := 0, ""
	for pages := 0; ; pages++ {
		a := api(t, w, "users.list", "limit", "200", "cursor", cursor)
		members := a.body["members"].([]any)
		seen += len(members)
		if len(members) > 3 || pages > 5 {
			t.Fatalf("page %d has %d", pages, len(members))
		}
		if cursor = a.text("response_metadata", "next_cursor"); cursor == "" {
			break
		}
	}
	if seen != len(w.Users()) {
		t.Errorf("%d of %d users came", seen, len(w.Users()))
	}
	if a := api(t, w, "usergroups.users.list", "usergroup", DemoOnCall); a.body["users"].([]any)[0] != DemoOperator2 {
		t.Errorf("%v", a.body)
	}
	w.EditUser(DemoOperator, func(u *User) { u.Deleted = true })
	if a := api(t, w, "users.info", "user", DemoOperator); a.body["user"].(map[string]any)["deleted"] != true {
		t.Errorf("%v", a.body)
	}
}

func TestFaults(t *testing.T) {
	w := start(t, nil)
	w.FailNext("users.info", "internal_error", 2)
	for _, want := range []string{"internal_error", "internal_error", ""} {
		if a := api(t, w, "users.info", "user", DemoOperator); a.code() != want {
			t.Errorf("%v, want %q", a.body, want)
		}
	}
	w.RateLimitNext("chat.postMessage", 1500*time.Millisecond, 1)
	a := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "x")
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "2" || len(w.Messages(DemoOps)) != 0 {
		t.Errorf("%d %v %v", a.status, a.header, a.body)
	}
	w.CutAfterEffect("chat.postMessage", 1)
	req := request(t, w.URL()+"chat.postMessage", "application/x-www-form-urlencoded", DemoBotToken, "channel="+DemoOps+"&text=posted")
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("an answer came")
	}
	if got := w.Messages(DemoOps); len(got) != 1 || got[0].Text != "posted" {
		t.Errorf("the effect is missing: %+v", got)
	}
	w.RemoveBot(DemoOps)
	if a := api(t, w, "chat.postMessage", "channel", DemoOps, "text", "x"); a.code() != "not_in_channel" {
		t.Errorf("%v", a.body)
	}
	w.InviteBot(DemoOps)
	w.DeleteMessage(DemoOps, w.Messages(DemoOps)[0].TS)
	if len(w.Messages(DemoOps)) != 0 {
		t.Error("still there")
	}
	w.LoseEphemerals(1)
	for want := range 2 {
		a := api(t, w, "chat.postEphemeral", "channel", DemoOps, "user", DemoOperator, "text", "psst")
		if got := len(w.Ephemerals(DemoOperator, DemoOps)); !a.ok() || got != want {
			t.Errorf("%v, %d seen, want %d", a.body, got, want)
		}
	}
	w.DelayMethod("auth.test", 20*time.Millisecond)
	from := time.Now()
	if a := api(t, w, "auth.test"); !a.ok() || time.Since(from) < 20*time.Millisecond {
		t.Errorf("%v after %v", a.body, time.Since(from))
	}
	w.Heal()
}

func TestRateLimits(t *testing.T) {
	clock := newClock()
	w := start(t, func(c *Config) { c.EnforceRateLimits = true; c.Now = clock.now })
	post := func(ch string) answer { return api(t, w, "chat.postMessage", "channel", ch, "text", "x") }
	for i := range postBurst {
		if a := post(DemoOps); !a.ok() {
			t.Fatalf("%d: %v", i, a.body)
		}
	}
	if a := post(DemoOps); a.code() != "ratelimited" || a.header.Get("Retry-After") != "1" {
		t.Errorf("%v %v", a.body, a.header)
	}
	if a := post(DemoAudit); !a.ok() {
		t.Errorf("another channel: %v", a.body)
	}
	clock.advance(time.Second)
	if a := post(DemoOps); !a.ok() {
		t.Errorf("a second later: %v", a.body)
	}
	w2 := start(t, func(c *Config) { c.EnforceRateLimits = true; c.Now = clock.now })
	socketURL(t, w2)
	b := do(t, request(t, w2.URL()+"apps.connections.open", "application/x-www-form-urlencoded", DemoAppToken, ""))
	if b.status != http.StatusTooManyRequests || b.header.Get("Retry-After") != "60" {
		t.Errorf("%d %v", b.status, b.header)
	}
}
