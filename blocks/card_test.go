package blocks

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

func TestCardVerbs(t *testing.T) {
	all := cards()
	atGone := running(amberPlan(), workflow.Deregistering)
	atGone.GoneAt = epoch
	terminating := running(redPlan(), workflow.Terminating)
	terminating.GoneAt = epoch
	ordered := terminating
	ordered.OrderedTermination = epoch
	forceUnconfirmed := forceProposed()
	forceUnconfirmed.ProposalConfirmed = nil
	forceAwaits := proposed(forcePlan())
	forceAwaits.State = workflow.AwaitingApproval
	nothingToForce := amberPlan()
	nothingToForce.Fates = nothingToForce.Fates[:2]
	for why, c := range map[string]struct {
		op   workflow.Operation
		want string
	}{
		"undecided, a task that a drain waits for": {all["proposed"], "confirm retire_replace retire_shrink cancel force"},
		"undecided, nothing that force would do":   {proposed(nothingToForce), "confirm retire_replace retire_shrink cancel"},
		"undecided, the group is at its minimum":   {proposed(minimalPlan()), "confirm retire_replace cancel force"},
		"undecided, no group":                      {proposed(lonePlan()), "confirm cancel force"},
		"ends a Managed Instance: danger last":     {all["proposed_managed"], "cancel confirm"},
		"to be reused: no end, no force":           {all["proposed_reuse"], "confirm cancel"},
		"undecided force: the dangerous one last":  {all["proposed_force"], "cancel confirm"},
		"ghost: one confirm":                       {all["proposed_ghost"], "confirm cancel"},
		"barred: nobody lifts it":                  {all["barred"], ""},
		"awaiting approval":                        {all["awaiting_approval"], "approve deny cancel"},
		"awaiting approval of a force":             {forceAwaits, "cancel deny approve"},
		"running":                                  {all["draining"], "stop"},
		"at the deadline":                          {all["deadline"], "wait stop_tasks stop force"},
		"held, most of the time left":              {all["held_percents"], "stop"},
		"held by a standalone task, half is over":  {all["held_standalone"], "wait stop_tasks stop"},
		"held by a stopped machine":                {all["held_host"], "stop force"},
		"drift asks again":                         {all["drift"], "confirm stop"},
		"a forced revision, unconfirmed":           {forceUnconfirmed, "stop confirm"},
		"a forced revision awaits approval":        {all["force_awaits"], "stop deny approve"},
		"undoing: nothing to undo":                 {all["undoing"], ""},
		"deregistered: no undo":                    {atGone, ""},
		"terminating, not yet ordered":             {terminating, "stop"},
		"termination ordered":                      {ordered, ""},
		"verifying":                                {all["verifying"], ""},
		"done":                                     {all["done"], ""},
		"its termination was refused":              {all["not_terminated"], ""},
	} {
		var got []string
		for _, v := range CardVerbs(c.op) {
			got = append(got, string(v))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", why, strings.Join(got, " "), c.want)
		}
	}
}

// What nothing can be undone of any more is not offered to be undone, and what nobody may
// decide on has no yes.
func TestStopSaysWhatItStillUndoes(t *testing.T) {
	label := func(op workflow.Operation) string {
		return button(op, workflow.Stop, "t").Text.Text
	}
	all := cards()
	out := running(redPlan(), workflow.Terminating)
	out.GoneAt = epoch
	inGroup := running(redPlan(), workflow.Terminating)
	joined := all["draining"]
	joined.WasStatus = "DRAINING"
	for why, c := range map[string]struct {
		op   workflow.Operation
		want string
	}{
		"its own drain":                         {all["draining"], "Stop and undo"},
		"a drain that somebody else began":      {joined, "Stop, and leave it DRAINING"},
		"through its group: it is registered":   {inGroup, "Stop and undo"},
		"out of ECS, its machine not yet ended": {out, "Keep the machine running"},
		"only a machine":                        {running(machinePlan(), workflow.Terminating), "Keep the machine running"},
	} {
		if got := label(c.op); got != c.want {
			t.Errorf("%s: %q, want %q", why, got, c.want)
		}
	}
	gone := amberPlan()
	gone.Path, gone.Steps, gone.Fates = ecsops.PathGone, nil, nil
	out.Proposal, out.Block = &gone, &workflow.Block{Reason: workflow.BlockedDrift, Since: epoch, AskedUntil: epoch.Add(15 * time.Minute)}
	if got := CardVerbs(out); len(got) != 1 || got[0] != workflow.Stop {
		t.Errorf("nothing is left to decide, and it offers %v", got)
	}
}

// buttons decodes a message's buttons as Slack would get them.
func buttons(t *testing.T, m Message) []map[string]any {
	t.Helper()
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	var bs []struct {
		Type     string           `json:"type"`
		Elements []map[string]any `json:"elements"`
	}
	if err := json.Unmarshal(raw, &bs); err != nil {
		t.Fatal(err)
	}
	for _, b := range bs {
		if b.Type == "actions" {
			return b.Elements
		}
	}
	return nil
}

func TestButtonsCarryTheirTokens(t *testing.T) {
	for name, op := range cards() {
		got := buttons(t, Card(op, tokens(op), drawing()))
		if len(got) != len(CardVerbs(op)) {
			t.Errorf("%s: %d buttons, %d verbs", name, len(got), len(CardVerbs(op)))
		}
		for i, b := range got {
			verb := CardVerbs(op)[i]
			if b["action_id"] != string(verb) || b["value"] != tokens(op)[verb] {
				t.Errorf("%s: button %v does not carry the token of %s", name, b, verb)
			}
			if !strings.Contains(b["accessibility_label"].(string), string(op.Target.EC2)) {
				t.Errorf("%s: the label of %s does not name the instance: %v", name, verb, b["accessibility_label"])
			}
			if b["style"] == "danger" && i != len(got)-1 {
				t.Errorf("%s: the dangerous button is not the last", name)
			}
		}
		if got := buttons(t, Card(op, nil, drawing())); got != nil {
			t.Errorf("%s: buttons without tokens: %v", name, got)
		}
	}
}

// Where it acts is on every card and in its text; so is the word for its state.
func TestCardsSayWhere(t *testing.T) {
	for name, m := range messages() {
		if !strings.HasPrefix(name, "Card_") && name != "AuditRoot" && name != "DryRun" && name != "ApproverAsk" {
			continue
		}
		raw, err := plainJSON(m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"i-0a1b2c3d4e5f60001", "123456789012", "eu-central-1", "prod"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(string(raw), want) {
				t.Errorf("%s: %q is missing in text or blocks", name, want)
			}
		}
	}
}

// Of orphans nobody says that they were stopped.
func TestOrphansAreNotCalledStopped(t *testing.T) {
	op := ended(forcePlan(), workflow.Done, "orphans_left")
	m := Card(op, nil, drawing())
	raw, err := plainJSON(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{m.Text, string(raw)} {
		if !strings.Contains(text, "ECS will show STOPPED; the containers of 4 tasks keep running on i-0a1b2c3d4e5f60001") {
			t.Errorf("the orphans are not spoken of: %s", text)
		}
		if rest := strings.ReplaceAll(text, "until you stop them", ""); strings.Contains(rest, " stopped") {
			t.Errorf("something is called stopped: %s", text)
		}
	}
}

func TestLongListsAreCutWithACountAndAWay(t *testing.T) {
	p := amberPlan()
	for range 400 {
		p.Fates = append(p.Fates, ecsops.TaskFate{Task: batchTask(), Fate: ecsops.FateWaits})
	}
	m := Card(proposed(p), nil, drawing())
	raw, err := plainJSON(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), " more: see `/ecs status 7KQ2M`") || !strings.Contains(string(raw), "(401)") {
		t.Errorf("no count, or no way to the rest: %s", raw)
	}
	named := 0
	for _, page := range Details(proposed(p), drawing())[1:] {
		pageJSON, err := plainJSON(page.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		named += strings.Count(string(pageJSON), "nightly-report:11")
	}
	if named < 401 {
		t.Errorf("the details name %d of 401 tasks", named)
	}
}

func TestStepMarks(t *testing.T) {
	marks := func(op workflow.Operation) string {
		var out []string
		for i := range op.Plan.Steps {
			out = append(out, string(statusOf(op, i).mark()))
		}
		return strings.Join(out, "")
	}
	all := cards()
	before := all["draining"]
	before.DrainedAt = time.Time{}
	given := all["not_terminated"] // nobody answered the question before the termination
	given.Cause = "drift_silence"
	for why, c := range map[string]struct {
		op   workflow.Operation
		want string
	}{
		"the drain is ordered": {before, "●○○○"}, "it drains": {all["draining"], "✓●○○"}, "it looks": {all["verifying"], "✓✓✓●"},
		"done": {all["done"], "✓✓✓✓"}, "not all seen": {all["unverified"], "✓✓✓✓?"}, "undone": {all["stopped"], "↩○○○"}, "its termination was refused": {all["not_terminated"], "✓✓✓✗?"},
		"nor was it ordered": {given, "✓✓✓○?"},
	} {
		if got := marks(c.op); got != c.want {
			t.Errorf("%s: got %s, want %s", why, got, c.want)
		}
	}
}

func TestModalsBeforeADecision(t *testing.T) {
	if !AsksForTasks(proposed(amberPlan())) || AsksForTasks(proposed(forcePlan())) || AsksForTasks(proposed(ghostPlan())) {
		t.Error("AsksForTasks must hold for waiting standalone tasks, and only for those")
	}
	op := proposed(amberPlan())
	if AsksForTypedID(op) || !AsksForTypedID(proposed(forcePlan())) {
		t.Error("AsksForTypedID must hold for a forced plan, and only for that")
	}
	op.Needs = []policy.Requirement{policy.TypedID}
	if !AsksForTypedID(op) {
		t.Error("AsksForTypedID must follow the requirement")
	}
	if CardRevision(op) != 1 || CardRevision(forceProposed()) != 2 {
		t.Error("the buttons of a shown proposal belong to its revision")
	}
}

// state is what Slack sends back for a view.
func state(blocks map[string]map[string]slack.BlockAction) slack.View {
	return slack.View{State: &slack.ViewState{Values: blocks}}
}

func chosen(v string) slack.BlockAction {
	return slack.BlockAction{SelectedOption: slack.OptionBlockObject{Value: v}}
}

func TestReadPick(t *testing.T) {
	v := state(map[string]map[string]slack.BlockAction{
		"pick_cluster:3":  {ActionPickCluster: chosen("c1")},
		"pick_instance:3": {ActionPickInstance: chosen("8f2e")},
		"terminate:3":     {FieldTerminate: chosen("shrink")},
		"purpose:3":       {FieldPurpose: chosen("reuse")},
		"deadline:3":      {FieldDeadline: chosen("2h0m0s")},
		"reason:3":        {FieldReason: {Value: "why"}},
		"dry_run:3":       {FieldDryRun: {SelectedOptions: []slack.OptionBlockObject{{Value: "dry_run"}}}},
	})
	want := Picked{Cluster: "c1", Instance: "8f2e", Reason: "why", Deadline: 2 * time.Hour, Terminate: ecsops.Shrink, Purpose: ecsops.Reuse, DryRun: true}
	if diff := cmp.Diff(want, ReadPick(v)); diff != "" {
		t.Error(diff)
	}
	if got := FieldBlock(v, FieldReason); got != "reason:3" {
		t.Errorf("FieldBlock = %q", got)
	}
	forged := state(map[string]map[string]slack.BlockAction{
		"a": {ActionPickInstance: chosen(ValueReading)}, "b": {FieldDeadline: chosen("9000h")}, "c": {FieldTerminate: chosen("everything")}, "d": {FieldPurpose: chosen("end_machine")},
	})
	if diff := cmp.Diff(Picked{}, ReadPick(forged)); diff != "" {
		t.Errorf("what was not offered must not be read: %s", diff)
	}
	if diff := cmp.Diff(Picked{}, ReadPick(slack.View{})); diff != "" {
		t.Error(diff)
	}
}

func TestReadTasksFromEveryGroupOfBoxes(t *testing.T) {
	v := state(map[string]map[string]slack.BlockAction{
		"tasks:0": {"tasks:0": {SelectedOptions: []slack.OptionBlockObject{{Value: "b"}, {Value: "a"}}}},
		"tasks:1": {"tasks:1": {SelectedOptions: []slack.OptionBlockObject{{Value: "c"}, {Value: "a"}}}},
		"typed:1": {FieldTyped: {Value: "i-1"}},
	})
	if got := ReadTasks(v); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("ReadTasks = %v", got)
	}
	if ReadTyped(v) != "i-1" || ReadTasks(slack.View{}) != nil {
		t.Error("ReadTyped or an empty view")
	}
}

func TestSuggestions(t *testing.T) {
	all := listed(300)
	for i := range all {
		all[i].Name = strings.Repeat("名", 200)
	}
	s := InstanceOptions(all, "")
	raw, err := json.Marshal(s)
	if err != nil || len(raw) > 20_000 || len(s.Options) < 20 {
		t.Errorf("%d bytes, %d options, %v", len(raw), len(s.Options), err)
	}
	if got := InstanceOptions(listed(12), "I-0A1B2C3D4E5F60021 m6i"); len(got.Options) != 1 || got.Options[0].Value != listed(12)[2].Target.InstanceID() {
		t.Errorf("the query finds %d", len(got.Options))
	}
	none, err := json.Marshal(ClusterOptions(nil, "x"))
	if err != nil || string(none) != `{"options":[]}` {
		t.Errorf("no match is %s, %v", none, err)
	}
	long := ecsops.MakeClusterARN("123456789012", "eu-central-1", strings.Repeat("c", 255))
	if got := ClusterOptions([]ecsops.ClusterARN{long}, "ccc"); len(got.Options) != 1 || got.Options[0].Value != ClusterValue(long) {
		t.Error("a cluster with a long name must be offered")
	}
	if len(StillReading().Options) != 1 {
		t.Error("StillReading says so in one option")
	}
}

func TestAuditRunDrawsAtMostMaxRun(t *testing.T) {
	var run []SeqEvent
	for i := range MaxRun + 3 {
		run = append(run, SeqEvent{Seq: int64(i), Event: workflow.Event{Type: workflow.EvCheckpoint, Detail: strings.Repeat("x<&\n", 5000), Actor: person(operator)}})
	}
	m := AuditRun(run)
	if err := Check(m); err != nil {
		t.Error(err)
	}
	if len(m.Blocks) != MaxRun || !strings.Contains(m.Text, "[#000011]") || strings.Contains(m.Text, "[#000012]") {
		t.Errorf("%d blocks: %s", len(m.Blocks), m.Text)
	}
}
