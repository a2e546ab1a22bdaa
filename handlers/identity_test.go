package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// entry is one way in: what someone who may do everything sends there.
type entry struct {
	kind    string
	make    func(w *world, user string) payload
	anyRoom bool // asks nothing about the channel
}

func entries() map[string]entry {
	out := map[string]entry{}
	for _, text := range []string{"deregister " + testEC2, "deregister " + testEC2 + " --dry-run", "deregister", "list prod", "ghosts", "ghosts prod", "plan " + testEC2, "plan", "status", "status op", "stop op", "help"} {
		e := entry{kind: envCommand, make: func(_ *world, user string) payload { return slash(user, text) }}
		e.anyRoom = text == "stop op"
		out["/ecs "+text] = e
	}
	for v := range verbActions() {
		e := entry{kind: envInteractive, make: func(_ *world, user string) payload { return click(user, v, "op-"+string(v)) }}
		e.anyRoom = v == workflow.Stop
		out["button "+string(v)] = e
	}
	for v := range noticeActions() {
		out["button "+string(v)] = entry{kind: envInteractive, make: func(w *world, user string) payload {
			w.edit = gone
			return click(user, v, "op-"+string(v))
		}}
	}
	out["modal force"] = entry{kind: envInteractive, make: func(w *world, user string) payload {
		w.must(w.r.orphans.put(w.t.Context(), "op-force/"+user, nil))
		modal := blocks.ForceModal(w.ops["op"], w.ops["op"].Plan, "op-force")
		return submit(user, modal, typedState(testEC2))
	}}
	out["modal tasks"] = entry{kind: envInteractive, make: func(w *world, user string) payload {
		return submit(user, blocks.StopTasksModal(w.ops["op"], "op-confirm"), nil)
	}}
	out["modal pick"] = entry{kind: envInteractive, make: func(w *world, user string) payload {
		p := pick{ID: "P1", User: user, Channel: testChannel, Clusters: []ecsops.ClusterARN{prod}, Chosen: prod}
		w.must(w.r.picks.put(w.t.Context(), "P1", p))
		return submit(user, blocks.PickModal(p.shown(blocks.Picked{})), pickState(p, target(prod, 1)))
	}}
	out["choice"] = entry{kind: envInteractive, make: func(w *world, user string) payload {
		w.must(w.r.choices.put(w.t.Context(), "C1", choice{User: user, Found: []ecsops.Listed{listed(prod, 1)}}))
		p := click(user, "choose", "")
		p["actions"] = []payload{{"action_id": "choose", "block_id": "choose:C1", "type": "static_select", "selected_option": payload{"value": blocks.ChooseValue(target(prod, 1))}}}
		return p
	}}
	for _, id := range []string{blocks.ActionGhostClean + ":0", blocks.ActionGhostsAll, blocks.ActionGhostsMore} {
		out["button "+id] = entry{kind: envInteractive, make: func(w *world, user string) payload {
			w.haunt(2)
			w.must(w.r.sweeps.put(w.t.Context(), "S1", swept{User: user, List: blocks.GhostList{ID: "S1", Sweep: w.sweep, Clean: true}}))
			return ghostClick(user, id, "S1/0")
		}}
	}
	for _, v := range []workflow.Verb{workflow.Confirm, workflow.Cancel, workflow.Stop} {
		e := entry{kind: envInteractive, make: func(w *world, user string) payload {
			w.haunt(2)
			w.card("batch", func(op *workflow.Operation) {
				op.Target, op.Plan, op.Requester.UserID = ecsops.Target{}, ecsops.Plan{}, "UELSE"
				for _, g := range w.sweep.Found {
					op.Rows = append(op.Rows, workflow.Row{Target: g.Target, State: workflow.RowWaiting})
				}
			})
			return click(user, v, "batch-"+string(v))
		}}
		e.anyRoom = v == workflow.Stop
		out["batch button "+string(v)] = e
	}
	return out
}

func typedState(id string) payload {
	return payload{"typed:0": payload{blocks.FieldTyped: payload{"type": "plain_text_input", "value": id}}}
}

func pickState(p pick, t ecsops.Target) payload {
	rev := fmt.Sprint(p.Revision)
	return payload{
		"pick_cluster:" + rev:  payload{blocks.ActionPickCluster: payload{"type": "external_select", "selected_option": payload{"value": blocks.ClusterValue(t.Cluster)}}},
		"pick_instance:" + rev: payload{blocks.ActionPickInstance: payload{"type": "external_select", "selected_option": payload{"value": t.InstanceID()}}},
	}
}

// run sends one entry's payload, changed by edit, in a fresh world.
func (e entry) run(t *testing.T, user string, prepare func(*world), edit func(payload)) *world {
	t.Helper()
	w := newWorld(t)
	w.r.Rules.Approvers = append(w.r.Rules.Approvers, "UOP")
	w.r.People.rules = w.r.Rules
	w.card("op", func(op *workflow.Operation) { op.Requester.UserID = "UELSE" })
	p := e.make(w, user)
	if prepare != nil {
		prepare(w)
	}
	if edit != nil {
		edit(p)
	}
	w.send(e.kind, p)
	w.settle()
	return w
}

// did lists what an envelope achieved beside being answered.
func (w *world) did() []string {
	var out []string
	if len(w.proposed) > 0 {
		out = append(out, "proposed")
	}
	for _, d := range w.later {
		out = append(out, "afterwards "+string(d.Verb))
	}
	if len(w.batches) > 0 {
		out = append(out, "proposed a batch")
	}
	for _, d := range w.decided {
		if d.Verdict.Effect != policy.Refuse {
			out = append(out, "decided "+string(d.Verb))
		}
	}
	if len(w.inspected)+len(w.resolved)+len(w.events) > 0 {
		for _, e := range w.events {
			if e != "put" && e != "ack" && e != "views.open" {
				out = append(out, e)
			}
		}
		if len(w.inspected)+len(w.resolved) > 0 {
			out = append(out, "read AWS")
		}
	}
	for _, m := range w.updated {
		if m.CallbackID == blocks.CallbackForce || m.CallbackID == blocks.CallbackPick || m.CallbackID == blocks.CallbackStopTasks {
			out = append(out, "modal "+m.CallbackID)
		}
	}
	for _, s := range w.said { // op's card, the list and the plan name the instance
		if len(s.text) > 0 && containsAny(s.text, "eu-north-1a", "after a yes", "searched") {
			out = append(out, "told")
		}
	}
	return out
}

func (w *world) refusals() int {
	n := 0
	for _, ev := range w.recorded {
		if ev.Type == workflow.EvRefused {
			n++
		}
	}
	for _, d := range w.decided {
		if d.Verdict.Effect == policy.Refuse { // the engine records it
			n++
		}
	}
	return n
}

type fixture struct {
	world   func(*world)
	payload func(payload)
	room    bool // about the channel: stop does not ask
}

func userFixture(edit func(*slack.User)) fixture {
	return fixture{world: func(w *world) { edit(w.users["UOP"]) }}
}

func roomFixture(edit func(*slack.Channel)) fixture {
	return fixture{room: true, world: func(w *world) { edit(w.places[testChannel]) }}
}

// identities are people and payloads that must be refused on every entry point.
func identities() map[string]fixture {
	away := func(w *world) { w.users["UOP"].TeamID = "T0OTHER" }
	set := func(path string, v any) func(payload) {
		return func(p payload) { setEverywhere(p, path, v) }
	}
	return map[string]fixture{
		"Connect stranger":                      {world: away, payload: set("user.team_id", "T0OTHER")},
		"Connect stranger, envelope looks home": {world: away},
		"Connect stranger flagged":              userFixture(func(u *slack.User) { u.IsStranger = true }),
		"stranger's envelope, home user":        {payload: set("user.team_id", "T0OTHER")},
		"guest":                                 userFixture(func(u *slack.User) { u.IsRestricted = true }),
		"single-channel guest":                  userFixture(func(u *slack.User) { u.IsRestricted, u.IsUltraRestricted = true, true }),
		"only ultra":                            userFixture(func(u *slack.User) { u.IsUltraRestricted = true }),
		"deactivated":                           userFixture(func(u *slack.User) { u.Deleted = true }),
		"bot":                                   userFixture(func(u *slack.User) { u.IsBot = true }),
		"app user":                              userFixture(func(u *slack.User) { u.IsAppUser = true }),
		"workflow":                              userFixture(func(u *slack.User) { u.IsWorkflowBot = true }),
		"another team by users.info":            userFixture(func(u *slack.User) { u.TeamID = "T0OTHER" }),
		"no team by users.info":                 userFixture(func(u *slack.User) { u.TeamID = "" }),
		"another person by users.info":          userFixture(func(u *slack.User) { u.ID = "UAP" }),
		"no person by users.info":               userFixture(func(u *slack.User) { u.ID = "" }),
		"another enterprise's user":             userFixture(func(u *slack.User) { u.TeamID = "T0OTHER"; u.Enterprise.EnterpriseID = "E0OTHER" }),
		"Grid: team null":                       {payload: set("team", nil)},
		"Grid: team null, no user.team_id": {payload: func(p payload) {
			set("team", nil)(p)
			dropEverywhere(p, "user.team_id")
			p["enterprise"] = payload{"id": "E0"}
			p["enterprise_id"] = "E0"
		}},
		"another team":                        {payload: set("team.id", "T0OTHER")},
		"empty team":                          {payload: set("team.id", "")},
		"no team":                             {payload: func(p payload) { dropEverywhere(p, "team") }},
		"no user team":                        {payload: func(p payload) { dropEverywhere(p, "user.team_id") }},
		"another app":                         {payload: set("api_app_id", "A0OTHER")},
		"no app":                              {payload: func(p payload) { dropEverywhere(p, "api_app_id") }},
		"empty app":                           {payload: set("api_app_id", "")},
		"no user":                             {payload: func(p payload) { dropEverywhere(p, "user.id") }},
		"unknown user":                        {payload: set("user.id", "UGHOST")},
		"slackbot":                            {payload: set("user.id", "USLACKBOT")},
		"on no list":                          {payload: set("user.id", "UNOBODY")},
		"user_not_found":                      {world: func(w *world) { w.userErr["UOP"] = slackErr("user_not_found") }},
		"user_not_visible":                    {world: func(w *world) { w.userErr["UOP"] = slackErr("user_not_visible") }},
		"missing_scope":                       {world: func(w *world) { w.userErr["UOP"] = slackErr("missing_scope") }},
		"users.info: 500":                     {world: func(w *world) { w.userErr["UOP"] = errors.New("slack server error: 500") }},
		"users.info: timed out":               {world: func(w *world) { w.userErr["UOP"] = context.DeadlineExceeded }},
		"users.info: rate limited":            {world: func(w *world) { w.userErr["UOP"] = &slack.RateLimitedError{} }},
		"by group, groups not readable":       {payload: set("user.id", "UGRP"), world: func(w *world) { w.groupErr = errors.New("503") }},
		"by group, group gone":                {payload: set("user.id", "UGRP"), world: func(w *world) { w.groupErr = slackErr("no_such_subteam") }},
		"by group, no longer in it":           {payload: set("user.id", "UGRP"), world: func(w *world) { w.groups["SOPS"] = nil }},
		"shared channel":                      roomFixture(func(c *slack.Channel) { c.IsExtShared = true }),
		"about to be shared":                  roomFixture(func(c *slack.Channel) { c.IsPendingExtShared = true }),
		"shared, not within the organisation": roomFixture(func(c *slack.Channel) { c.IsShared = true }),
		"archived channel":                    roomFixture(func(c *slack.Channel) { c.IsArchived = true }),
		"another channel's facts":             roomFixture(func(c *slack.Channel) { c.ID = "C0OTHER" }),
		"channel not found":                   {room: true, world: func(w *world) { delete(w.places, testChannel) }},
		"conversations.info: 500":             {room: true, world: func(w *world) { w.placeErr = errors.New("500") }},
	}
}

// setEverywhere sets a field where interactions have it, and where commands do.
func setEverywhere(p payload, path string, v any) {
	if _, command := p["command"]; command {
		flat := map[string]string{"user.id": "user_id", "user.team_id": "team_id", "team.id": "team_id", "team": "team_id", "api_app_id": "api_app_id"}[path]
		p[flat] = v
		return
	}
	p.set(path, v)
}

func dropEverywhere(p payload, path string) {
	if _, command := p["command"]; command {
		flat := map[string]string{"user.id": "user_id", "user.team_id": "team_id", "team": "team_id", "api_app_id": "api_app_id"}[path]
		delete(p, flat)
		return
	}
	p.drop(path)
}

// The entry points do what they should for someone who may: else the refusals
// below would prove nothing.
func TestEntryPointsWork(t *testing.T) {
	for name, e := range entries() {
		w := e.run(t, "UOP", nil, nil)
		if len(w.did()) == 0 && name != "/ecs help" && name != "/ecs status" {
			t.Errorf("%s: nothing happened; said %+v, recorded %+v", name, w.said, w.recorded)
		}
		if w.refusals() > 0 {
			t.Errorf("%s was refused: %+v %+v", name, w.recorded, w.decided)
		}
	}
}

func TestStrangersStayOutEverywhere(t *testing.T) {
	cells := 0
	for who, f := range identities() {
		for name, e := range entries() {
			if f.room && e.anyRoom {
				continue
			}
			user := "UOP"
			w := e.run(t, user, f.world, f.payload)
			cells++
			if did := w.did(); len(did) > 0 {
				t.Errorf("%s at %s: %v", who, name, did)
			}
			if w.refusals() == 0 && (name != "/ecs help" || who != "on no list") && !byGroupHelp(name, who) {
				t.Errorf("%s at %s: not recorded; said %+v", who, name, w.said)
			}
			if len(w.said) == 0 && who != "no user" {
				t.Errorf("%s at %s: silence", who, name)
			}
		}
	}
	t.Logf("%d cells", cells)
}

// byGroupHelp: help of a member of the workspace whose group cannot be read, or
// who is in none, is the short one.
func byGroupHelp(entry, who string) bool {
	return entry == "/ecs help" && len(who) > 8 && who[:8] == "by group"
}

// Taking any field out of a payload never lets anybody do more.
func TestDeletingFieldsNeverWidens(t *testing.T) {
	type variant struct {
		name    string
		prepare func(*world)
		edit    func(payload)
	}
	variants := []variant{{"home", nil, nil}}
	for who, f := range identities() {
		variants = append(variants, variant{who, f.world, f.payload})
	}
	cells := 0
	for name, e := range entries() {
		for _, v := range variants {
			before := e.run(t, "UOP", v.prepare, v.edit).did()
			if len(before) > 0 && v.name != "home" {
				continue // stop in a shared channel
			}
			sample := e.make(newWorldWithCard(t), "UOP")
			for _, path := range paths(sample, "") {
				if v.name != "home" && len(before) == 0 && !identityField(path) {
					continue
				}
				w := e.run(t, "UOP", v.prepare, func(p payload) {
					if v.edit != nil {
						v.edit(p)
					}
					p.drop(path)
				})
				cells++
				if did := w.did(); len(did) > len(before) {
					t.Errorf("%s, %s without %s: %v became %v", name, v.name, path, before, did)
				}
			}
		}
	}
	t.Logf("%d deletions", cells)
}

func newWorldWithCard(t *testing.T) *world {
	w := newWorld(t)
	w.card("op", nil)
	return w
}

func identityField(path string) bool {
	return containsAny(path, "team", "user", "app_id", "enterprise", "channel", "container", "message")
}

func paths(p payload, prefix string) []string {
	var out []string
	for k, v := range p {
		out = append(out, prefix+k)
		if m, ok := v.(payload); ok && k != "view" {
			out = append(out, paths(m, prefix+k+".")...)
		}
	}
	return out
}

// Enterprise Grid: the organisation is the boundary, team may be null.
func TestGrid(t *testing.T) {
	grid := func(w *world) {
		w.r.Home.Enterprise = "E0"
		w.r.People.home.Enterprise = "E0"
	}
	for name, c := range map[string]struct {
		edit  func(payload)
		user  func(*slack.User)
		wants bool
	}{
		"as Grid sends it": {func(p payload) { p["team"] = nil; p.drop("user.team_id"); p["enterprise"] = payload{"id": "E0"} }, nil, true},
		"with team":        {func(p payload) { p["enterprise"] = payload{"id": "E0"} }, nil, true},
		"another workspace of the organisation": {func(p payload) { p["team"] = nil; p["enterprise"] = payload{"id": "E0"} },
			func(u *slack.User) { u.TeamID = "T0SISTER"; u.Enterprise.EnterpriseID = "E0" }, true},
		"another organisation": {func(p payload) { p["enterprise"] = payload{"id": "E1"} }, nil, false},
		"no enterprise":        {func(p payload) { p.drop("enterprise") }, nil, false},
		"users.info elsewhere": {func(p payload) { p["enterprise"] = payload{"id": "E0"} },
			func(u *slack.User) { u.TeamID = "T0OTHER"; u.Enterprise.EnterpriseID = "E1" }, false},
	} {
		e := entries()["button deny"]
		w := e.run(t, "UOP", func(w *world) {
			grid(w)
			if c.user != nil {
				c.user(w.users["UOP"])
			}
		}, c.edit)
		if got := len(w.did()) > 0; got != c.wants {
			t.Errorf("%s: decided %v, want %v (%+v)", name, got, c.wants, w.decided)
		}
	}
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// The record names the clicker, by ids, and never a display name.
func TestTrueActor(t *testing.T) {
	w := newWorld(t)
	w.card("op", nil)
	p := click("UAP", workflow.Deny, "op-deny")
	p.set("user.name", "olga").set("user.username", "olga").set("message.user", "UOP")
	w.interact(p)
	if len(w.decided) != 1 {
		t.Fatalf("%+v", w.said)
	}
	want := workflow.Actor{UserID: "UAP", TeamID: testTeam, Envelope: "E1"}
	if w.decided[0].Actor != want {
		t.Errorf("%+v, want %+v", w.decided[0].Actor, want)
	}
	if b, _ := json.Marshal(w.decided); strings.Contains(string(b), "olga") {
		t.Errorf("a name was recorded: %s", b)
	}
}
