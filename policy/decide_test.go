package policy

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ecsbot/ecsops"
)

const (
	homeCluster  = ecsops.ClusterARN("arn:aws:ecs:eu-north-1:111122223333:cluster/prod")
	otherCluster = ecsops.ClusterARN("arn:aws:ecs:eu-north-1:111122223333:cluster/secret")
	farCluster   = ecsops.ClusterARN("arn:aws:ecs:us-east-1:111122223333:cluster/far")
)

func member1() Standing { return Standing{HomeTeam: true} }

func testRules(approvers string) Rules {
	r := Rules{
		Operators: []string{"UOP", "UBOTH", "SOPS"},
		Approvers: []string{"UAP", "UBOTH"},
		Clusters:  []string{string(homeCluster), string(farCluster)},
		Channels:  []string{"COPS"},
		Regions:   []string{"eu-north-1"},
	}
	if approvers == "empty" {
		r.Approvers = nil
	}
	return r
}

func people() map[string]Person {
	p := func(id string, s Standing, groups ...string) Person {
		return Person{UserID: id, TeamID: "T1", Facts: ecsops.Known(s), Groups: ecsops.Known(groups)}
	}
	with := func(edit func(*Standing)) Standing {
		s := member1()
		edit(&s)
		return s
	}
	out := map[string]Person{
		"op": p("UOP", member1()), "opgroup": p("UGRP", member1(), "SOPS"), "ap": p("UAP", member1()), "both": p("UBOTH", member1()),
		"nobody":   p("UNOBODY", member1()),
		"guest":    p("UBOTH", with(func(s *Standing) { s.Restricted = true })),
		"ultra":    p("UBOTH", with(func(s *Standing) { s.UltraRestricted = true })),
		"left":     p("UBOTH", with(func(s *Standing) { s.Deleted = true })),
		"bot":      p("UBOTH", with(func(s *Standing) { s.Bot = true })),
		"stranger": p("UBOTH", with(func(s *Standing) { s.Stranger = true })),
		"foreign":  p("UBOTH", Standing{}),
		"noid":     p("", member1(), "SOPS"),
	}
	faceless := p("UBOTH", member1())
	faceless.Facts = ecsops.Fact[Standing]{}
	groupless := p("UGRP", member1())
	groupless.Groups = ecsops.Fact[[]string]{}
	noteam := p("UBOTH", member1())
	noteam.TeamID = ""
	out["faceless"], out["groupless"], out["noteam"] = faceless, groupless, noteam
	out["term_op"] = Person{UserID: "UOP", Terminal: true}
	out["term_ap"] = Person{UserID: "UAP", Terminal: true}
	out["term_nobody"] = Person{UserID: "UNOBODY", Terminal: true}
	out["term_unmapped"] = Person{Terminal: true}
	return out
}

func channels() map[string]Channel {
	return map[string]Channel{
		"listed":   {ID: "COPS", Facts: ecsops.Known(Place{Member: true})},
		"unlisted": {ID: "CELSE", Facts: ecsops.Known(Place{Member: true})},
		"shared":   {ID: "COPS", Facts: ecsops.Known(Place{Member: true, ExtShared: true})},
		"archived": {ID: "COPS", Facts: ecsops.Known(Place{Member: true, Archived: true})},
		"unknown":  {ID: "COPS"},
		"terminal": {Terminal: true},
	}
}

func clusters() map[string]ecsops.ClusterARN {
	return map[string]ecsops.ClusterARN{"none": "", "listed": homeCluster, "unlisted": otherCluster, "region": farCluster}
}

func plans() map[string]*ecsops.Plan {
	plan := func(v ecsops.Severity, edit func(*ecsops.Plan)) *ecsops.Plan {
		p := ecsops.Plan{
			Path: ecsops.PathDrain, Verdict: v, Intent: ecsops.Intent{Purpose: ecsops.Retire},
			Steps:    []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepDeregister}},
			Findings: []ecsops.Finding{{Rule: ecsops.RuleBilling, Severity: ecsops.Green}, {Rule: ecsops.RuleGroupOwned, Severity: v}},
			Snapshot: ecsops.Snapshot{EC2: ecsops.Known(ecsops.EC2{State: "running"})},
		}
		if edit != nil {
			edit(&p)
		}
		return &p
	}
	ghost := func(state string) func(*ecsops.Plan) {
		return func(p *ecsops.Plan) {
			p.Path = ecsops.PathGhost
			p.Steps = []ecsops.Step{{Kind: ecsops.StepForce}}
			p.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: state})
		}
	}
	return map[string]*ecsops.Plan{
		"none":  nil,
		"green": plan(ecsops.Green, nil),
		"amber": plan(ecsops.Amber, nil),
		"red":   plan(ecsops.Red, func(p *ecsops.Plan) { p.Verdict = ecsops.Green }), // a red finding counts whatever the sum says
		"odd":   plan("purple", nil),
		"force": plan(ecsops.Amber, func(p *ecsops.Plan) { p.Intent.Force = true }),
		"stopped": plan(ecsops.Amber, func(p *ecsops.Plan) {
			p.Path, p.Steps = ecsops.PathHostStopped, []ecsops.Step{{Kind: ecsops.StepForce}}
		}),
		"ghost":      plan(ecsops.Red, ghost("terminated")),
		"forceghost": plan(ecsops.Amber, func(p *ecsops.Plan) { ghost("not-found")(p); p.Intent.Force = true }),
		"unproven":   plan(ecsops.Amber, ghost("stopped")),
		"reuse":      plan(ecsops.Amber, func(p *ecsops.Plan) { p.Intent.Purpose = ecsops.Reuse }),
		"reuseforce": plan(ecsops.Amber, func(p *ecsops.Plan) { p.Intent.Purpose, p.Intent.Force = ecsops.Reuse, true }),
		"reusesend": plan(ecsops.Amber, func(p *ecsops.Plan) {
			p.Intent.Purpose, p.Steps = ecsops.Reuse, []ecsops.Step{{Kind: ecsops.StepForce}}
		}),
		"managed": plan(ecsops.Red, func(p *ecsops.Plan) {
			p.Path, p.Steps = ecsops.PathManaged, []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepForce}}
		}),
		"barred": plan(ecsops.Amber, func(p *ecsops.Plan) { p.Findings[0].Bars = true }),
	}
}

func approvals() map[string][]string {
	return map[string][]string{"none": nil, "requester": {"UOP"}, "ap": {"UAP"}}
}

func actionsUnderTest() []string {
	return []string{"read", "propose", "confirm", "approve", "deny", "stop", "wait", "force", "cancel", "sign_off", "look_host", "clean", "execute", "stop_tasks", "bogus"}
}

// world is every fixture, built once.
type world struct {
	people    map[string]Person
	channels  map[string]Channel
	clusters  map[string]ecsops.ClusterARN
	plans     map[string]*ecsops.Plan
	approvals map[string][]string
}

func newWorld() world {
	return world{people(), channels(), clusters(), plans(), approvals()}
}

func request(action, actor, channel, cluster, plan, approved string) Request {
	return newWorld().request(action, actor, channel, cluster, plan, approved)
}

func (w world) request(action, actor, channel, cluster, plan, approved string) Request {
	r := Request{
		Action: Action(action), Person: w.people[actor], Channel: w.channels[channel], Cluster: w.clusters[cluster],
		Requester: "UOP", Approvals: w.approvals[approved],
	}
	if p := w.plans[plan]; p != nil {
		q := *p
		q.Snapshot.Target.Cluster = w.clusters[cluster]
		r.Plan = &q
	}
	return r
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

type truth [][]string

func readTruth(t *testing.T) truth {
	t.Helper()
	b, err := os.ReadFile("testdata/truth.csv")
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(string(b)))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// answer is the first row that fits, and its number.
func (tt truth) answer(cell []string) (string, int) {
	for i, row := range tt {
		fits := true
		for c, v := range cell {
			fits = fits && (row[c] == "*" || slices.Contains(strings.Split(row[c], "|"), v))
		}
		if fits {
			return row[len(row)-1], i
		}
	}
	return "", -1
}

func eachCell(w world, visit func(cell []string)) {
	persons, places, where, what, yes := keys(w.people), keys(w.channels), keys(w.clusters), keys(w.plans), keys(w.approvals)
	for _, action := range actionsUnderTest() {
		for _, actor := range persons {
			for _, channel := range places {
				for _, cluster := range where {
					for _, plan := range what {
						for _, approvers := range []string{"set", "empty"} {
							for _, approved := range yes {
								visit([]string{action, actor, channel, cluster, plan, approvers, approved})
							}
						}
					}
				}
			}
		}
	}
}

func TestTruthTable(t *testing.T) {
	table := readTruth(t)
	used := make([]int, len(table))
	cells, wrong := 0, 0
	effects := map[Effect]int{}
	w := newWorld()
	rules := map[string]Rules{"set": testRules("set"), "empty": testRules("empty")}
	eachCell(w, func(cell []string) {
		cells++
		want, row := table.answer(cell)
		if row < 0 {
			t.Fatalf("no row for %v", cell)
		}
		used[row]++
		got := Decide(rules[cell[5]], w.request(cell[0], cell[1], cell[2], cell[3], cell[4], cell[6]))
		effects[got.Effect]++
		if string(got.Effect) != want && wrong < 20 {
			wrong++
			t.Errorf("%v: got %s %v, want %s (row %d)", cell, got.Effect, got.Reasons, want, row+2)
		}
		if (got.Effect == Refuse) != (len(got.Reasons) > 0 && got.Effect != Require) {
			t.Errorf("%v: effect %s with reasons %v", cell, got.Effect, got.Reasons)
		}
	})
	for i, n := range used {
		if n == 0 {
			t.Errorf("row %d of the truth table fits nothing", i+2)
		}
	}
	t.Logf("%d cells: %v", cells, effects)
}

// Blanking any fact about the person, the channel, the cluster or the approvals
// never widens what is allowed.
func TestMissingNeverWidens(t *testing.T) {
	rank := map[Effect]int{Refuse: 0, Require: 1, Allow: 2}
	blanks := map[string]func(*Request){
		"user":       func(r *Request) { r.Person.UserID = "" },
		"team":       func(r *Request) { r.Person.TeamID = "" },
		"enterprise": func(r *Request) { r.Person.EnterpriseID = "" },
		"facts":      func(r *Request) { r.Person.Facts = ecsops.Fact[Standing]{} },
		"groups":     func(r *Request) { r.Person.Groups = ecsops.Fact[[]string]{} },
		"no groups":  func(r *Request) { r.Person.Groups = ecsops.Known[[]string](nil) },
		"channel":    func(r *Request) { r.Channel = Channel{} },
		"channel id": func(r *Request) { r.Channel.ID = "" },
		"place":      func(r *Request) { r.Channel.Facts = ecsops.Fact[Place]{} },
		"approvals": func(r *Request) {
			r.Approvals = slices.DeleteFunc(slices.Clone(r.Approvals), func(id string) bool { return id != r.Person.UserID })
		},
		"machine": func(r *Request) {
			if r.Plan != nil {
				r.Plan.Snapshot.EC2 = ecsops.Fact[ecsops.EC2]{}
			}
		},
	}
	checked := 0
	w := newWorld()
	for _, dull := range []string{"amber", "odd", "stopped", "unproven", "forceghost"} { // as another plan, for this question
		delete(w.plans, dull)
	}
	delete(w.approvals, "requester")
	delete(w.channels, "archived")
	delete(w.clusters, "region")
	rules := testRules("set")
	eachCell(w, func(cell []string) {
		if cell[5] == "empty" {
			return
		}
		before := Decide(rules, w.request(cell[0], cell[1], cell[2], cell[3], cell[4], cell[6]))
		for name, blank := range blanks {
			r := w.request(cell[0], cell[1], cell[2], cell[3], cell[4], cell[6])
			blank(&r)
			after := Decide(rules, r)
			checked++
			if rank[after.Effect] > rank[before.Effect] {
				t.Errorf("%v without %s: %s became %s", cell, name, before.Effect, after.Effect)
			}
		}
	})
	t.Logf("%d comparisons", checked)
}

// Blanking the configuration never widens either; "*" is the only way to mean all.
func TestEmptyRulesRefuse(t *testing.T) {
	full := testRules("set")
	for name, edit := range map[string]func(*Rules){
		"operators": func(r *Rules) { r.Operators = nil },
		"star operators": func(r *Rules) {
			r.Operators = []string{"*", ""}
		},
		"clusters": func(r *Rules) { r.Clusters = nil },
		"channels": func(r *Rules) { r.Channels = nil },
		"regions":  func(r *Rules) { r.Regions = []string{"eu-west-1"} },
	} {
		rules := full
		edit(&rules)
		if v := Decide(rules, request("confirm", "op", "listed", "listed", "green", "none")); v.Effect != Refuse {
			t.Errorf("without %s: %v", name, v)
		}
	}
	star := full
	star.Clusters, star.Channels = []string{"*"}, []string{"*"}
	if v := Decide(star, request("confirm", "op", "unlisted", "unlisted", "green", "none")); v.Effect != Allow {
		t.Errorf("with * for clusters and channels: %v", v)
	}
	star.Regions = nil
	if v := Decide(star, request("confirm", "op", "unlisted", "unlisted", "green", "none")); v.Effect != Refuse {
		t.Errorf("* for clusters names no Region: %v", v)
	}
}

func TestReasons(t *testing.T) {
	cells := []struct {
		cell string
		want []Reason
	}{
		{"read/nobody/listed/none/none/none", []Reason{ReasonNotOperator}},
		{"approve/op/listed/listed/red/none", []Reason{ReasonNotApprover, ReasonSelfApproval}},
		{"confirm/groupless/listed/listed/green/none", []Reason{ReasonGroupsUnknown}},
		{"confirm/foreign/shared/unlisted/barred/none", []Reason{ReasonOtherWorkspace, ReasonChannelShared, ReasonClusterNotListed, ReasonBarred}},
		{"confirm/stranger/listed/listed/green/none", []Reason{ReasonStranger}},
		{"confirm/guest/listed/listed/green/none", []Reason{ReasonGuest}},
		{"confirm/left/listed/listed/green/none", []Reason{ReasonDeactivated}},
		{"confirm/bot/listed/listed/green/none", []Reason{ReasonBot}},
		{"confirm/faceless/unknown/region/none/none", []Reason{ReasonPersonUnknown, ReasonChannelUnknown, ReasonRegionNotListed, ReasonPlanUnknown}},
		{"confirm/op/archived/listed/green/none", []Reason{ReasonChannelArchived}},
		{"confirm/op/unlisted/listed/green/none", []Reason{ReasonChannelNotListed}},
		{"stop/term_unmapped/terminal/none/none/none", []Reason{ReasonUnmapped, ReasonGroupsUnknown}},
		{"approve/ap/listed/listed/red/ap", []Reason{ReasonAlreadyApproved}},
		{"bogus/op/listed/listed/green/none", []Reason{ReasonUnknownAction}},
		{"confirm/op/listed/listed/red/none", []Reason{ReasonNeedsApproval}},
	}
	for _, c := range cells {
		p := strings.Split(c.cell, "/")
		v := Decide(testRules("set"), request(p[0], p[1], p[2], p[3], p[4], p[5]))
		if !slices.Equal(v.Reasons, c.want) {
			t.Errorf("%s: %v, want %v", c.cell, v.Reasons, c.want)
		}
	}
	v := Decide(testRules("empty"), request("propose", "op", "listed", "listed", "force", "none"))
	if v.Effect != Refuse || !slices.Equal(v.Reasons, []Reason{ReasonNoApprovers}) {
		t.Errorf("force with empty APPROVERS: %v", v)
	}
	alone := testRules("set")
	alone.Approvers = []string{"UOP"}
	v = Decide(alone, request("propose", "op", "listed", "listed", "red", "none"))
	if v.Effect != Refuse || !slices.Equal(v.Reasons, []Reason{ReasonNoApprovers}) {
		t.Errorf("the requester as the only approver: %v", v)
	}
}

func TestNeverTheRequester(t *testing.T) {
	r := request("approve", "both", "listed", "listed", "red", "none")
	if v := Decide(testRules("set"), r); v.Effect != Allow {
		t.Fatalf("another approver: %v", v)
	}
	for _, requester := range []string{"UBOTH", ""} {
		r.Requester = requester
		if v := Decide(testRules("set"), r); v.Effect != Refuse || !slices.Contains(v.Reasons, ReasonSelfApproval) {
			t.Errorf("requester %q approves: %v", requester, v)
		}
	}
}

func TestNeeds(t *testing.T) {
	want := map[string]string{
		"green": "[]", "amber": "[]", "ghost": "[]", "barred": "[]", "red": "[second_person]", "odd": "[second_person]",
		"stopped": "[second_person]", "unproven": "[second_person]", "reuse": "[]", "reuseforce": "[typed_id second_person]", "reusesend": "[second_person]", "managed": "[typed_id second_person]",
		"force": "[typed_id second_person]", "forceghost": "[typed_id second_person]",
	}
	for name, p := range plans() {
		if p == nil {
			continue
		}
		if got := fmt.Sprint(Needs(*p)); got != want[name] {
			t.Errorf("%s needs %s, want %s", name, got, want[name])
		}
	}
}

func FuzzDecide(f *testing.F) {
	f.Add("confirm", "UOP", "T1", "COPS", "UOP", true, false, false)
	f.Fuzz(func(t *testing.T, action, user, team, channel, requester string, home, deleted, restricted bool) {
		r := Request{
			Action: Action(action), Requester: requester,
			Person:  Person{UserID: user, TeamID: team, Facts: ecsops.Known(Standing{HomeTeam: home, Deleted: deleted, Restricted: restricted})},
			Channel: Channel{ID: channel, Facts: ecsops.Known(Place{})}, Cluster: homeCluster,
		}
		v := Decide(testRules("set"), r)
		listed := slices.Contains([]string{"UOP", "UBOTH", "UAP"}, user)
		if v.Effect != Refuse && (!home || deleted || restricted || !listed || team == "") {
			t.Errorf("%+v: %v", r, v)
		}
	})
}

// TestListsWithoutGroups: what a group in a list would hide.
func TestListsWithoutGroups(t *testing.T) {
	rules := testRules("set")
	rules.Operators = []string{"UOP"}
	if v := Decide(rules, request("read", "term_nobody", "terminal", "none", "none", "none")); v.Effect != Allow {
		t.Errorf("whoever may run the program at a terminal reads what it reads: %v", v)
	}
	if v := Decide(rules, request("read", "nobody", "listed", "none", "none", "none")); !slices.Equal(v.Reasons, []Reason{ReasonNotOperator}) {
		t.Errorf("a stranger in a channel: %v", v)
	}
}

// TestApproversByGroup: membership that could not be read approves nothing, and cancels and stops nothing.
func TestApproversByGroup(t *testing.T) {
	rules := testRules("set")
	rules.Operators, rules.Approvers = []string{"UOP"}, []string{"SAPP"}
	for _, action := range []string{"approve", "deny", "stop", "cancel"} {
		r := request(action, "groupless", "listed", "listed", "red", "none")
		if v := Decide(rules, r); v.Effect != Refuse || !slices.Equal(v.Reasons, []Reason{ReasonGroupsUnknown}) {
			t.Errorf("%s by somebody whose groups were not read: %v", action, v)
		}
		r.Person.Groups = ecsops.Known([]string{"SAPP"})
		if v := Decide(rules, r); v.Effect != Allow {
			t.Errorf("%s by a member: %v", action, v)
		}
		r.Person.Groups = ecsops.Known([]string{"SELSE"})
		if v := Decide(rules, r); v.Effect != Refuse {
			t.Errorf("%s by a member of another group: %v", action, v)
		}
	}
}

// TestNamesOnly: "*" and blanks name nobody.
func TestNamesOnly(t *testing.T) {
	rules := testRules("set")
	rules.Approvers = []string{"*", ""}
	if v := Decide(rules, request("confirm", "op", "listed", "listed", "red", "none")); !slices.Contains(v.Reasons, ReasonNoApprovers) {
		t.Errorf("* as the only approver: %v", v)
	}
	for _, list := range [][]string{{""}, {"*"}, nil} {
		if in, unread := member(list, Person{}); in || unread {
			t.Errorf("%q holds whoever has no id: %t, groups unread %t", list, in, unread)
		}
	}
}

// TestRegionsOfClusters: without REGIONS the Regions of the named clusters are meant.
func TestRegionsOfClusters(t *testing.T) {
	rules := testRules("set")
	rules.Regions = nil
	for _, cluster := range []string{"listed", "region"} {
		if v := Decide(rules, request("confirm", "op", "listed", cluster, "green", "none")); v.Effect != Allow {
			t.Errorf("%s: %v", cluster, v)
		}
	}
	rules.Clusters = []string{"*", string(homeCluster)}
	if v := Decide(rules, request("confirm", "op", "listed", "region", "green", "none")); !slices.Equal(v.Reasons, []Reason{ReasonRegionNotListed}) {
		t.Errorf("a Region that no named cluster is in: %v", v)
	}
}

// TestTerminalIsNoChannel: what must be decided before others is not decided at a terminal, whatever is said of its channel.
func TestTerminalIsNoChannel(t *testing.T) {
	r := request("confirm", "op", "listed", "listed", "green", "none")
	r.Channel.Terminal = true
	if v := Decide(testRules("set"), r); !slices.Equal(v.Reasons, []Reason{ReasonChannelUnknown}) {
		t.Errorf("%v", v)
	}
}

// TestBarredPlans: what no approval makes right, by whatever the plan says it.
func TestBarredPlans(t *testing.T) {
	for why, edit := range map[string]func(*ecsops.Plan){
		"a move":                      func(p *ecsops.Plan) { p.Intent.Purpose = ecsops.Move },
		"a finding that bars":         func(p *ecsops.Plan) { p.Findings = []ecsops.Finding{{Rule: ecsops.RuleTermination, Bars: true}} },
		"R10, though it does not bar": func(p *ecsops.Plan) { p.Findings = []ecsops.Finding{{Rule: ecsops.RuleMove}} },
		"R11, though it does not bar": func(p *ecsops.Plan) { p.Findings = []ecsops.Finding{{Rule: ecsops.RuleOwnHost}} },
	} {
		for _, action := range []string{"propose", "confirm", "approve", "force", "stop_tasks", "execute"} {
			r := request(action, "both", "listed", "listed", "green", "none")
			edit(r.Plan)
			if v := Decide(testRules("set"), r); v.Effect != Refuse || !slices.Contains(v.Reasons, ReasonBarred) {
				t.Errorf("%s, %s: %v", why, action, v)
			}
		}
	}
	ghost := *plans()["ghost"]
	if !Cleanable(ghost) {
		t.Error("a proven ghost is not cleanable")
	}
	ghost.Findings = []ecsops.Finding{{Rule: ecsops.RuleOwnHost, Bars: true}}
	if Cleanable(ghost) {
		t.Error("a ghost that is barred is cleanable")
	}
}

// TestOnlyTheIDIsLacking: a plan that another person approved wants no approval, and is not said to.
func TestOnlyTheIDIsLacking(t *testing.T) {
	v := Decide(testRules("set"), request("confirm", "op", "listed", "listed", "force", "ap"))
	if v.Effect != Require || !slices.Equal(v.Requirements, []Requirement{TypedID}) || len(v.Reasons) > 0 {
		t.Errorf("%+v", v)
	}
}
