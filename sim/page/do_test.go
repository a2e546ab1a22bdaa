package page_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"ecsbot/sim/page"
)

func TestActsThatMakeNoSense(t *testing.T) {
	url := serve(t, nil)
	for name, body := range map[string]string{
		"not JSON":            `do it`,
		"unknown act":         `{"do":"dance"}`,
		"no act":              `{}`,
		"unknown field":       `{"do":"reset","really":true}`,
		"pace out of the row": `{"do":"pace","pace":7}`,
		"no pace":             `{"do":"pace"}`,
		"backwards":           `{"do":"advance","seconds":-1}`,
		"ten years":           `{"do":"advance","seconds":315360000}`,
		"no such fault":       `{"do":"fault","fault":"flood"}`,
		"no such story":       `{"do":"story","story":"cinderella"}`,
		"auto, or what":       `{"do":"story-auto"}`,
		"nothing to say":      `{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"  "}`,
		"no blocks":           `{"do":"check"}`,
		"too long":            `{"do":"say","text":"` + strings.Repeat("a", 2<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if status, out := do(t, url, body); status != http.StatusBadRequest || out.OK || out.Error == "" {
				t.Errorf("status %d, %+v", status, out)
			}
		})
	}
}

func TestActsThatPeopleSeeFail(t *testing.T) {
	url := serve(t, nil)
	for name, tt := range map[string]struct{ body, want string }{
		"nobody":              {`{"do":"say","user":"U0NOBODY","channel":"C0OPS","text":"hello"}`, "no such person"},
		"not in the channel":  {`{"do":"say","user":"U0STRANGER","channel":"C0OPS","text":"hello"}`, "not in the channel"},
		"unknown command":     {`{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"/dance"}`, "no such slash command"},
		"command in a thread": {`{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"/ecs help","thread_ts":"1.0"}`, "not supported in threads"},
		"bot not connected":   {`{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"/ecs help"}`, `/ecs failed with the error "dispatch_failed"`},
		"no such message":     {`{"do":"click","user":"U0OPERATOR","channel":"C0OPS","ts":"1.0","block_id":"b","action_id":"a"}`, "no such message"},
		"no such view":        {`{"do":"submit","user":"U0OPERATOR","view":"V1"}`, "no such view"},
		"no view to fill":     {`{"do":"set","user":"U0OPERATOR","view":"V1","block_id":"b","action_id":"a","values":["x"]}`, "no such view"},
		"no view to close":    {`{"do":"close","user":"U0OPERATOR","view":"V1"}`, "no such view"},
		"nothing to suggest":  {`{"do":"suggest","user":"U0OPERATOR","view":"V1","block_id":"b","action_id":"a","query":"x"}`, "no such view"},
		"no story":            {`{"do":"story-next"}`, "no story"},
		"no card to delete":   {`{"do":"fault","fault":"delete-card"}`, "no card"},
		"no second replica":   {`{"do":"fault","fault":"second","on":true}`, "PostgreSQL"},
		"nothing to break":    {`{"do":"fault","fault":"database","on":true}`, "hold on the database"},
		"it runs":             {`{"do":"fault","fault":"start"}`, "it runs"},
		"a real bot token":    {`{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"xoxb-123456789012-abcdefABCDEF"}`, "looks like a real token"},
		"a real access key":   {`{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"try AKIAIOSFODNN7EXAMPLE"}`, "looks like a real token"},
		"a token in a field":  {`{"do":"set","user":"U0OPERATOR","view":"V1","block_id":"b","action_id":"a","values":["xapp-1-A0123456789-1"]}`, "looks like a real token"},
		"what Slack refuses":  {`{"do":"check","blocks":[{"type":"section"}]}`, "invalid_blocks"},
		"too many blocks":     {`{"do":"check","blocks":[` + strings.Repeat(`{"type":"divider"},`, 50) + `{"type":"divider"}]}`, "no more than 50"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := do(t, url, tt.body)
			if status != http.StatusOK || out.OK || !strings.Contains(out.Error, tt.want) {
				t.Errorf("status %d, %+v, want %q", status, out, tt.want)
			}
		})
	}
	if _, out := do(t, url, `{"do":"check","blocks":[{"type":"divider"}]}`); !out.OK {
		t.Errorf("good blocks: %+v", out)
	}
}

// TestLive: everything at first, in order; then only what is new.
func TestLive(t *testing.T) {
	url := serve(t, nil)
	s := live(t, url)
	var names []string
	for _, e := range s.until("ready", "") {
		names = append(names, e.name)
	}
	if got, want := strings.Join(names, " "), "hello clock bot faults messages views account timeline story ready"; got != want {
		t.Fatalf("at first: %s\nwant: %s", got, want)
	}
	for n, text := range []string{"one", "two", "three"} {
		if _, out := do(t, url, `{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"number `+text+`"}`); !out.OK {
			t.Fatalf("%d: %+v", n, out)
		}
		got := s.until("messages", "number "+text)
		var messages []struct{ Text, User, Channel, TS string }
		if err := json.Unmarshal([]byte(got[len(got)-1].data), &messages); err != nil {
			t.Fatal(err)
		}
		if len(messages) != 1 || messages[0].User != "U0OPERATOR" || messages[0].Channel != "C0OPS" || messages[0].TS == "" {
			t.Errorf("for one message came %+v", messages)
		}
		for _, e := range got {
			if e.name == "account" || e.name == "hello" || e.name == "views" {
				t.Errorf("a message made the page send %s", e.name)
			}
		}
		s.until("timeline", "person post")
	}
	again := live(t, url).until("ready", "")
	if !strings.Contains(again[4].data, "number one") || !strings.Contains(again[4].data, "number three") {
		t.Errorf("a second page gets %s", again[4].data)
	}
}

func TestHello(t *testing.T) {
	url := serve(t, nil)
	var h page.Hello
	if err := json.Unmarshal([]byte(live(t, url).next().data), &h); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{}
	for _, u := range h.Users {
		roles[u.Name] = u.Role
	}
	for name, want := range map[string]string{"olga": "operator", "ana": "approver", "gus": "guest", "sam": "stranger", "lea": "left", "ecs-bot": "bot"} {
		if roles[name] != want {
			t.Errorf("%s plays %q, want %q", name, roles[name], want)
		}
	}
	if len(h.Subcommands) != 3 || h.Subcommands[0] != (page.Subcommand{Name: "one", Hint: "[x]"}) || h.Commands[0].Command != "/ecs" {
		t.Errorf("commands %+v, subcommands %+v", h.Commands, h.Subcommands)
	}
	if len(h.Stories) != 6 || len(h.Faults) < 15 || len(h.Paces) != 4 || h.Run != 1 {
		t.Errorf("run %d, %d stories, %d faults, paces %v", h.Run, len(h.Stories), len(h.Faults), h.Paces)
	}
}

func TestAccount(t *testing.T) {
	url := serve(t, nil)
	events := live(t, url).until("account", "")
	var a page.Account
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Instances) != 9 || len(a.TargetGroups) != 2 || len(a.Services) != 8 || len(a.Groups) != 1 {
		t.Fatalf("%d instances, %d target groups, %d services, %d groups", len(a.Instances), len(a.TargetGroups), len(a.Services), len(a.Groups))
	}
	i := a.Instances[0]
	if i.EC2ID != "i-0a1b2c3d4e5f60001" || i.Cluster != "prod" || i.Name != "prod-1" || i.Type != "m6i.2xlarge" || len(i.ID) != 32 ||
		i.CPU != (page.Share{Total: 8192, Used: 1536}) || i.Memory != (page.Share{Total: 31640, Used: 3072}) {
		t.Errorf("the first instance: %+v", i)
	}
	healthy := 0
	for _, task := range a.Tasks {
		if task.Health == "healthy" {
			healthy++
		}
		if task.Cluster == "" || !strings.Contains(task.Family, ":") || task.CPU == 0 || task.Memory == 0 {
			t.Errorf("task %+v", task)
		}
	}
	if healthy < 8 {
		t.Errorf("%d tasks are healthy behind a load balancer", healthy)
	}
	for _, g := range a.TargetGroups {
		if len(g.Targets) < 4 || g.Name == "" {
			t.Errorf("target group %+v", g)
		}
	}
}

func TestTime(t *testing.T) {
	url := serve(t, nil)
	s := live(t, url)
	s.until("ready", "")
	do(t, url, `{"do":"pace","pace":0}`)
	before := clockOf(t, s.until("clock", `"pace":0`))
	do(t, url, `{"do":"advance","seconds":3600}`)
	after := clockOf(t, s.until("clock", ""))
	if got := after.Now.Sub(before.Now); got.Seconds() != 3600 {
		t.Errorf("paused and advanced by an hour, the clock moved by %s", got)
	}
	for _, pace := range []string{"1", "10", "60"} {
		do(t, url, `{"do":"pace","pace":`+pace+`}`)
		s.until("clock", `"pace":`+pace+`}`)
	}
}

func clockOf(t *testing.T, events []event) page.Clock {
	t.Helper()
	var c page.Clock
	if err := json.Unmarshal([]byte(events[len(events)-1].data), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReset: a new run, and everything anew on the same connection.
func TestReset(t *testing.T) {
	url := serve(t, nil)
	s := live(t, url)
	s.until("ready", "")
	do(t, url, `{"do":"say","user":"U0OPERATOR","channel":"C0OPS","text":"before"}`)
	s.until("messages", "before")
	do(t, url, `{"do":"fault","fault":"latency","on":true}`)
	s.until("faults", `{"latency":true}`)
	if _, out := do(t, url, `{"do":"reset"}`); !out.OK {
		t.Fatalf("reset: %+v", out)
	}
	events := s.until("ready", "")
	for _, e := range events {
		switch {
		case e.name == "hello" && !strings.Contains(e.data, `"run":2`),
			e.name == "messages" && strings.Contains(e.data, "before"):
			t.Errorf("after the reset: %s", e.data)
		}
	}
	if last := events[len(events)-10:]; last[0].name != "hello" || last[3].data != "{}" {
		t.Errorf("after the reset came %v", last)
	}
}

func TestKillAndStart(t *testing.T) {
	url := serve(t, nil)
	s := live(t, url)
	s.until("bot", `"state":"starting"`)
	do(t, url, `{"do":"fault","fault":"kill"}`)
	s.until("bot", `"state":"dead"`)
	if _, out := do(t, url, `{"do":"fault","fault":"kill"}`); out.OK {
		t.Error("a dead bot was killed")
	}
	do(t, url, `{"do":"fault","fault":"start"}`)
	s.until("bot", `"state":"starting"`)
}
