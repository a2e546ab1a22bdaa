package handlers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// Every command and every bad input is answered, and does what it should and no more.
func TestCommands(t *testing.T) {
	ghost := func(w *world) {
		w.edit = func(s *ecsops.Snapshot) {
			s.Instance = ecsops.Known(ecsops.Instance{Status: "INACTIVE", EC2: s.Target.EC2, RegisteredAt: s.Target.RegisteredAt})
		}
	}
	for name, c := range map[string]struct {
		user, text string
		setup      func(*world)
		proposed   int
		refused    policy.Reason // recorded
		inspected  int
		says       []string
	}{
		"help":                  {text: "help", says: []string{"deregister"}},
		"empty is help":         {text: "", says: []string{"deregister"}},
		"deregister":            {text: "deregister " + testEC2, proposed: 1, inspected: 1, says: []string{testEC2}},
		"by group":              {user: "UGRP", text: "deregister " + testEC2, proposed: 1, inspected: 1},
		"with cluster":          {text: "deregister " + testEC2 + " prod", proposed: 1, inspected: 1},
		"with cluster ARN":      {text: "deregister " + testEC2 + " " + string(prod), proposed: 1, inspected: 1},
		"smart quotes":          {text: "deregister “" + strings.ToUpper(testEC2) + "” —reason “worn out”", proposed: 1, inspected: 1},
		"dry run":               {text: "deregister " + testEC2 + " --dry-run", inspected: 1, says: []string{testEC2}},
		"plan":                  {text: "plan " + testEC2, inspected: 1, says: []string{"Dry run", testEC2}},
		"plan, not a member":    {text: "plan " + testEC2, setup: func(w *world) { w.place(testChannel, func(*slack.Channel) {}) }, inspected: 1, says: []string{testEC2}},
		"plan by an approver":   {user: "UAP", text: "plan " + testEC2, inspected: 1},
		"nobody's plan":         {user: "UNOBODY", text: "plan " + testEC2, refused: policy.ReasonNotOperator},
		"plan, unlisted":        {text: "plan i-0aaaaaaaaaaaaaaa4 secret", setup: func(w *world) { w.listed[secret] = []ecsops.Listed{listed(secret, 4)} }, inspected: 1, refused: policy.ReasonClusterNotListed},
		"plan of nothing":       {text: "plan banana", says: []string{"banana", "EC2 id"}},
		"plan of a held target": {text: "plan " + testEC2, setup: func(w *world) { op := w.card("op1", nil); w.holder = &op }, inspected: 1},
		"approver may look":     {user: "UAP", text: "deregister " + testEC2 + " --dry-run", inspected: 1},
		"approver may not ask":  {user: "UAP", text: "deregister " + testEC2, refused: policy.ReasonNotOperator},
		"nobody":                {user: "UNOBODY", text: "deregister " + testEC2, refused: policy.ReasonNotOperator},
		"nobody's dry run":      {user: "UNOBODY", text: "deregister " + testEC2 + " --dry-run", refused: policy.ReasonNotOperator},
		"nobody's mistake":      {user: "UNOBODY", text: "drain", refused: policy.ReasonNotOperator},
		"unlisted cluster":      {text: "deregister i-0aaaaaaaaaaaaaaa4 secret", setup: func(w *world) { w.listed[secret] = []ecsops.Listed{listed(secret, 4)} }, inspected: 1, refused: policy.ReasonClusterNotListed}, // a fleet that reads too much: nothing of it is shown
		"list":                  {text: "list prod", says: []string{testEC2, "web-2"}},
		"list, which":           {text: "list", says: []string{"Which cluster", "staging"}},
		"list, unknown":         {text: "list pord", says: []string{"pord", "prod"}},
		"list, unlisted":        {text: "list secret", refused: policy.ReasonClusterNotListed},
		"list, AccessDenied":    {text: "list prod", setup: func(w *world) { w.listErr = errors.New("AccessDeniedException") }},
		"clusters, denied":      {text: "list prod", setup: func(w *world) { w.clusterErr = errors.New("AccessDeniedException") }},
		"unknown cluster":       {text: "deregister " + testEC2 + " pord", says: []string{"pord", "prod"}},
		"no such instance":      {text: "deregister i-0bbbbbbbbbbbbbbbb", says: []string{"i-0bbbbbbbbbbbbbbbb", "staging"}},
		"no instance id":        {text: "deregister banana", says: []string{"banana", "EC2 id"}},
		"hostile target":        {text: "deregister <!channel>", says: []string{"EC2 id"}},
		"two clusters":          {text: "deregister staging/" + testEC2 + " prod", says: []string{"another cluster"}},
		"two Regions":           {text: "deregister " + string(target(prod, 1).Instance) + " --region us-east-1", says: []string{"another Region"}},
		"mistyped command":      {text: "deregster " + testEC2, says: []string{"deregister"}},
		"mistyped option":       {text: "deregister " + testEC2 + " --frce", says: []string{"--force"}},
		"open quote":            {text: `deregister "` + testEC2, says: []string{"closing"}},
		"4,000 characters":      {text: "deregister " + strings.Repeat("x", 4000), says: []string{"more than I read"}},
		"Resolve fails":         {text: "deregister " + testEC2, setup: func(w *world) { w.resolveErr = errors.New("AccessDeniedException: arn:aws:iam::1:role/secret") }},
		"Inspect fails":         {text: "deregister " + testEC2, setup: func(w *world) { w.inspectErr = errors.New("timeout") }, inspected: 1},
		"already gone":          {text: "deregister " + testEC2, setup: ghost, inspected: 1, says: []string{testEC2}},
		"move is barred":        {text: "deregister " + testEC2 + " --intent move", inspected: 1, refused: policy.ReasonBarred},
		"own host is barred":    {text: "deregister " + testEC2, setup: func(w *world) { w.edit = func(s *ecsops.Snapshot) { s.Self = ecsops.Known(s.Target.Instance) } }, inspected: 1, refused: policy.ReasonBarred},
		"force, no approvers":   {text: "deregister " + testEC2 + " --force", setup: func(w *world) { w.r.Rules.Approvers = nil }, inspected: 1, refused: policy.ReasonNoApprovers},
		"force":                 {text: "deregister " + testEC2 + " --force", proposed: 1, inspected: 1},
		"not a member":          {text: "deregister " + testEC2, setup: func(w *world) { w.place(testChannel, func(*slack.Channel) {}) }, says: []string{"invite"}},
		"not a member, reading": {text: "list prod", setup: func(w *world) { w.place(testChannel, func(*slack.Channel) {}) }, says: []string{testEC2}},
		"private, not a member": {text: "deregister " + testEC2, setup: func(w *world) { delete(w.places, testChannel) }, refused: policy.ReasonChannelUnknown, says: []string{"invite"}},
		"shared channel": {text: "deregister " + testEC2, setup: func(w *world) {
			w.place(testChannel, func(c *slack.Channel) { c.IsMember, c.IsExtShared = true, true })
		}, refused: policy.ReasonChannelShared},
		"archived channel": {text: "list prod", setup: func(w *world) {
			w.place(testChannel, func(c *slack.Channel) { c.IsMember, c.IsArchived = true, true })
		}, refused: policy.ReasonChannelArchived},
		"unlisted channel": {text: "list prod", setup: func(w *world) { w.r.Rules.Channels = []string{"COTHER"} }, refused: policy.ReasonChannelNotListed},
		"status, none":     {text: "status"},
		"status of one":    {text: "status OP1", setup: func(w *world) { w.card("op1", nil) }, says: []string{testEC2}},
		"status, unknown":  {text: "status op2", setup: func(w *world) { w.card("op1", nil) }, says: []string{"op1"}},
		"status, unlisted": {text: "status op1", setup: func(w *world) {
			w.card("op1", func(op *workflow.Operation) { op.Target = target(secret, 4) })
		}, refused: policy.ReasonClusterNotListed},
		"stop, unknown":      {text: "stop op2", setup: func(w *world) { w.card("op1", nil) }, says: []string{"op1"}},
		"stop, nobody":       {user: "UNOBODY", text: "stop op1", setup: func(w *world) { w.card("op1", nil) }, refused: policy.ReasonNotOperator},
		"stop without an id": {text: "stop", says: []string{"Which operation"}},
		"held by another": {text: "deregister " + testEC2, setup: func(w *world) {
			op := w.card("op1", func(o *workflow.Operation) { o.State = workflow.Draining })
			w.holder = &op
		}, inspected: 1, says: []string{"op1"}},
		"held, but a dry run": {text: "deregister " + testEC2 + " --dry-run", setup: func(w *world) { op := w.card("op1", nil); w.holder = &op }, inspected: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.setup != nil {
				c.setup(w)
			}
			user := c.user
			if user == "" {
				user = "UOP"
			}
			w.command(user, c.text)
			if len(w.proposed) != c.proposed || len(w.inspected) != c.inspected {
				t.Errorf("proposed %d, inspected %d; want %d, %d", len(w.proposed), len(w.inspected), c.proposed, c.inspected)
			}
			if len(w.said) == 0 {
				t.Error("silence")
			}
			if len(c.says) > 0 {
				w.wantHeard(c.says...)
			}
			w.wantRefused(c.refused)
			if w.heard("AccessDenied") || w.heard("role/secret") {
				t.Errorf("AWS's own text was shown: %+v", w.said)
			}
			if !w.done["E1"] {
				t.Error("not marked handled")
			}
		})
	}
}

func (w *world) wantRefused(reason policy.Reason) {
	w.t.Helper()
	var reasons []policy.Reason
	for _, ev := range w.recorded {
		if ev.Type == workflow.EvRefused {
			reasons = append(reasons, ev.Reasons...)
		}
	}
	switch {
	case reason == "" && len(w.recorded) > 0:
		w.t.Errorf("recorded %+v", w.recorded)
	case reason != "" && !slices.Contains(reasons, reason):
		w.t.Errorf("recorded %v, want %s", reasons, reason)
	}
}

func TestLookingComesFirst(t *testing.T) {
	w := newWorld(t)
	w.command("UOP", "deregister "+testEC2)
	if len(w.said) == 0 || w.said[0].way != "url" || !strings.Contains(w.said[0].text, testEC2) {
		t.Errorf("first answer: %+v", w.said)
	}
}

// A large cluster takes seconds to read: the person is told how many, and nothing about a cluster that they may not see.
func TestALargeClusterTakesAWhile(t *testing.T) {
	for takes, told := range map[time.Duration]bool{0: false, 2 * time.Second: false, 6200 * time.Millisecond: true} {
		w := newWorld(t)
		w.takes = takes
		w.command("UOP", "deregister "+testEC2)
		if w.heard("takes about 6 s") != told || len(w.proposed) != 1 {
			t.Errorf("%s: %d proposed, %+v", takes, len(w.proposed), w.said)
		}
	}
}

// Who invites the bot, as it asked, and types the command again, is not told a second time to invite it.
func TestInvitedAMomentAgo(t *testing.T) {
	w := newWorld(t)
	w.place(testChannel, func(c *slack.Channel) { c.IsMember = false })
	w.command("UOP", "deregister "+testEC2)
	if len(w.proposed) != 0 || !w.heard("/invite") {
		t.Fatalf("without being a member: %d proposed, %+v", len(w.proposed), w.said)
	}
	w.place(testChannel, func(c *slack.Channel) { c.IsMember = true })
	w.command("UOP", "deregister "+testEC2)
	if len(w.proposed) != 1 {
		t.Errorf("after the invitation: %+v", w.said)
	}
}

func TestIntent(t *testing.T) {
	inGroup := func(s *ecsops.Snapshot) {
		s.Group = ecsops.Known(ecsops.Group{Name: "web", Min: 1, Max: 9, Desired: 3})
	}
	for text, c := range map[string]struct {
		edit func(*ecsops.Snapshot)
		want ecsops.Intent
	}{
		"":                      {nil, ecsops.Intent{Deadline: ecsops.DefaultDeadline}},
		"--deadline 45m":        {nil, ecsops.Intent{Deadline: 45 * time.Minute}},
		"--terminate":           {nil, ecsops.Intent{Deadline: ecsops.DefaultDeadline, Terminate: ecsops.Terminate}},
		"--terminate ":          {inGroup, ecsops.Intent{Deadline: ecsops.DefaultDeadline, Terminate: ecsops.Replace}},
		"--terminate=shrink":    {inGroup, ecsops.Intent{Deadline: ecsops.DefaultDeadline, Terminate: ecsops.Shrink}},
		"--terminate=ec2":       {nil, ecsops.Intent{Deadline: ecsops.DefaultDeadline, Terminate: ecsops.Terminate}},
		`--reason "worn out"`:   {nil, ecsops.Intent{Deadline: ecsops.DefaultDeadline, Reason: "worn out"}},
		"--force --deadline 1h": {nil, ecsops.Intent{Deadline: time.Hour, Force: true}},
	} {
		w := newWorld(t)
		w.edit = c.edit
		w.command("UOP", "deregister "+testEC2+" "+text)
		c.want.Purpose = ecsops.Retire
		if len(w.proposed) != 1 {
			t.Errorf("%q: not proposed: %+v", text, w.said)
			continue
		}
		if got := w.proposed[0].Plan.Intent; got.Purpose != c.want.Purpose || got.Force != c.want.Force || got.Terminate != c.want.Terminate ||
			got.Deadline != c.want.Deadline || got.Reason != c.want.Reason {
			t.Errorf("%q: %+v, want %+v", text, got, c.want)
		}
	}
}

func TestSeveralRegistrationsAreChosen(t *testing.T) {
	w := newWorld(t)
	twin := listed(prod, 1)
	twin.Target.Instance = "arn:aws:ecs:eu-north-1:111122223333:container-instance/prod/ffffffffffffffffffffffffffffffff"
	w.listed[prod] = append(w.listed[prod], twin)
	w.command("UOP", "deregister "+testEC2+" --deadline 1h")
	if len(w.inspected) != 0 || len(w.proposed) != 0 {
		t.Fatal("one of two registrations was taken")
	}
	id := w.keptID("choice")
	choose := func(user, block, value string) payload {
		p := click(user, "choose", "")
		p["container"] = payload{"type": "message", "message_ts": "2.0", "channel_id": testChannel, "is_ephemeral": true}
		p["actions"] = []payload{{"action_id": "choose", "block_id": block, "type": "static_select", "selected_option": payload{"value": value}}}
		return p
	}
	w.interact(choose("UOP", "choose:unknown", "x"))
	w.interact(choose("UOP", "choose:"+id, "made up"))
	w.interact(choose("UGRP", "choose:"+id, chooseValue(twin)))
	if len(w.proposed) != 0 {
		t.Fatalf("chosen from nowhere, or by another: %+v", w.proposed)
	}
	w.interact(choose("UOP", "choose:"+id, chooseValue(twin)))
	if len(w.proposed) != 1 || w.proposed[0].Plan.Snapshot.Target.Instance != twin.Target.Instance || w.proposed[0].Plan.Intent.Deadline != time.Hour {
		t.Errorf("proposed %+v", w.proposed)
	}
}

// What runs is listed however much came after it, and whoever's the rest is.
func TestStatusShowsWhatRuns(t *testing.T) {
	w := newWorld(t)
	at := func(id string, c ecsops.ClusterARN, s workflow.State, age time.Duration) {
		w.card(id, func(op *workflow.Operation) {
			op.State, op.CreatedAt, op.Target.Cluster = s, w.clock.now.Add(-age), c
		})
	}
	at("drain", prod, workflow.Draining, 3*time.Hour)
	at("mine", prod, workflow.Done, 2*time.Hour)
	for i := range 25 {
		at(fmt.Sprintf("member%02d", i), prod, workflow.Done, time.Hour+time.Duration(i)*time.Second)
		at(fmt.Sprintf("theirs%02d", i), secret, workflow.Draining, time.Minute)
	}
	w.command("UOP", "status")
	if !w.heard("`drain`", "member00", "20 operations") || w.heard("theirs") || w.heard("mine") {
		t.Errorf("%+v", w.said)
	}
}

func TestStopHoldsEverywhere(t *testing.T) {
	for name, setup := range map[string]func(*world){
		"":                    func(*world) {},
		"channel unreadable":  func(w *world) { w.placeErr = errors.New("Slack is down for channels") },
		"channel unlisted":    func(w *world) { w.r.Rules.Channels = nil },
		"clusters cut short":  func(w *world) { w.r.Rules.Clusters = nil },
		"by an approver too":  func(w *world) { w.r.Rules.Operators = []string{"UELSE"}; w.r.Rules.Approvers = []string{"UOP"} },
		"AWS does not answer": func(w *world) { w.clusterErr, w.inspectErr = errors.New("x"), errors.New("x") },
	} {
		w := newWorld(t)
		w.card("op1", func(op *workflow.Operation) { op.State = workflow.Draining })
		setup(w)
		w.command("UOP", "stop op1")
		if len(w.decided) != 1 || w.decided[0].Verb != workflow.Stop || w.decided[0].Verdict.Effect != policy.Allow || w.decided[0].Revision != 0 {
			t.Errorf("%s: %+v; said %+v", name, w.decided, w.said)
		}
	}
}

func TestStatusShowsWhatMayBeSeen(t *testing.T) {
	w := newWorld(t)
	w.card("mine", nil)
	w.card("theirs", func(op *workflow.Operation) { op.Target = target(secret, 4) })
	w.command("UOP", "status")
	if !w.heard("mine") || w.heard("theirs") {
		t.Errorf("%+v", w.said)
	}
}

func TestHelpIsFiltered(t *testing.T) {
	heard := map[string]string{}
	for _, user := range []string{"UOP", "UAP", "UNOBODY"} {
		w := newWorld(t)
		w.command(user, "help")
		if len(w.said) != 1 || len(w.recorded) != 0 {
			t.Fatalf("%s: %+v %+v", user, w.said, w.recorded)
		}
		heard[user] = w.said[0].text
	}
	if heard["UOP"] == heard["UAP"] || heard["UAP"] == heard["UNOBODY"] {
		t.Error("help is the same for everybody")
	}
	if strings.Contains(heard["UNOBODY"], "/ecs stop") || strings.Contains(heard["UAP"], "/ecs deregister i-") {
		t.Errorf("help shows what may not be run: %v", heard)
	}
	w := newWorld(t)
	w.users["UGUEST"] = homeUser("UGUEST")
	w.users["UGUEST"].IsRestricted = true
	w.command("UGUEST", "help")
	w.wantRefused(policy.ReasonGuest)
}

func chooseValue(l ecsops.Listed) string { return blocks.ChooseValue(l.Target) }
