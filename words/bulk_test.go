package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

func bulkOf(states ...workflow.RowState) workflow.Operation {
	op := workflow.Operation{ID: "8BULK", Bulk: &workflow.Bulk{Limit: workflow.Limit{Percent: 5}, Most: 25, Registered: 500, Away: []ecsops.EC2ID{"i-0a1b2c3d4e5f60009"}}}
	for i, s := range states {
		op.Rows = append(op.Rows, workflow.Row{Target: ecsops.Target{EC2: "i-0a1b2c3d4e5f60001", Cluster: ecsops.MakeClusterARN("123456789012", "eu-central-1", "prod")}, State: s,
			Leave: &workflow.Leave{AZ: "a", Wave: i + 1, Tasks: 3, Left: 2, Total: 3}})
	}
	return op
}

func TestBulkSentences(t *testing.T) {
	target := bulkOf(workflow.RowWaiting).Rows[0].Target
	intent := ecsops.Intent{Terminate: ecsops.Replace}
	row := func(s workflow.RowState, edit func(*workflow.Row)) workflow.Row {
		r := bulkOf(s).Rows[0]
		edit(&r)
		return r
	}
	for why, c := range map[string]struct{ got, want string }{
		"a batch in a list": {Subject(bulkOf(workflow.RowWaiting, workflow.RowWaiting)), "2 instances"},
		"a row that drains": {Row(row(workflow.RowRunning, func(r *workflow.Row) { r.Now = workflow.Draining })), "draining, 2 of 3 tasks left"},
		"a row that begins": {Row(row(workflow.RowRunning, func(r *workflow.Row) { r.Leave.Left = 0 })), "beginning"},
		"a row that was undone": {Row(row(workflow.RowSkipped, func(r *workflow.Row) { r.Now, r.Cause = workflow.Stopped, "deadline_undone" })),
			"not deregistered: its drain took too long and was undone"},
		"a row with what blocks it": {Row(row(workflow.RowWaiting, func(r *workflow.Row) {
			r.Leave.Brief = []workflow.Brief{{Rule: ecsops.RuleProtectedTask, Severity: ecsops.Red, Count: 2, Names: []string{"encoder:3"}}, {Rule: ecsops.RuleGroupOwned}}
		})), "waiting: 3 tasks; 2 protected tasks: “encoder:3”"},
		"who asked for many": {EventPhrase(workflow.Event{Type: workflow.EvBatchProposed, Targets: []ecsops.Target{target, target}, Intent: &intent, Left: 1, Total: 2, Reason: "patch"}),
			"asked to deregister 2 instances in 2 waves of at most 1: i-0a1b2c3d4e5f60001 and i-0a1b2c3d4e5f60001, then: " + lowerFirst(Termination(ecsops.Replace)) + "; reason: “patch”"},
		"what became of one": {EventPhrase(workflow.Event{Type: workflow.EvReleased, Target: &target, Detail: "abc", Intent: &intent}),
			"began to take out i-0a1b2c3d4e5f60001 as operation “abc”"},
		"how its machine ends":         {LeavingBrief(workflow.Leave{Tasks: 1, Intent: intent}), "1 task; ends, and its group replaces it"},
		"a row that ended its machine": {Row(row(workflow.RowDone, func(r *workflow.Row) { r.Leave.Intent = intent })), "deregistered, terminated and verified"},
		"which wave":                   {WaveNow(bulkOf(workflow.RowDone, workflow.RowRunning, workflow.RowWaiting)), "Wave 2 of 3"},
		"no wave is left":              {WaveNow(bulkOf(workflow.RowDone)), ""},
		"what it waits for": {Shortage(workflow.Short{Away: 3, Most: 3, Since: time.Time{}}),
			"3 instances of the cluster are unavailable already, and at most 3 may be: the next begin when others are back."},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", why, c.got, c.want)
		}
	}
	order := BulkOrder(bulkOf(workflow.RowWaiting, workflow.RowWaiting))
	for _, want := range []string{"2 instances in 2 waves", "one Availability Zone at a time", "at most 25 unavailable at once (5 %) of 500 registered", "Unavailable now: i-0a1b2c3d4e5f60009"} {
		if !strings.Contains(order, want) {
			t.Errorf("the order does not say %q: %s", want, order)
		}
	}
}

// A limit that is used up already is said before anybody says yes.
func TestLimitUsedUp(t *testing.T) {
	op := bulkOf(workflow.RowWaiting)
	op.Bulk.Limit, op.Bulk.Most = workflow.Limit{}, 1
	if got := BulkOrder(op); !strings.Contains(got, "nothing begins before some of them are back") {
		t.Errorf("one of one is unavailable, and nobody is told: %s", got)
	}
}

// Whatever can be said of a member has words of its own.
func TestEveryBriefAndLeftOutHasWords(t *testing.T) {
	seen := map[string]string{}
	for _, v := range []string{"R2", "R3", "R4", "R5", "R6", "R9", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "T1", "T4", "T12", "T13"} {
		got := Brief(workflow.Brief{Rule: ecsops.Rule(v), Count: 2})
		if got == v || seen[got] != "" {
			t.Errorf("%s is said as %q, as %q is", v, got, seen[got])
		}
		seen[got] = v
	}
	for _, v := range []ecsops.Path{ecsops.PathGhost, ecsops.PathHostStopped, ecsops.PathDisconnected, ecsops.PathManaged, ecsops.PathExternal, ecsops.PathWait, ecsops.PathGone} {
		if got := LeftOut(workflow.LeftOut{Cause: string(v)}); strings.Contains(got, Quote(string(v))) {
			t.Errorf("left out for %s: %q", v, got)
		}
	}
	for _, cause := range []string{"batch_silence", "batch_unread", "surprise", "surprise_not_ours", "deadline_undone", "deadline_undone_not_ours", "bulk_done", "bulk_partly", "bulk_nothing", "bulk_stopped"} {
		if _, ok := causes()[cause]; !ok {
			t.Errorf("cause %q of a batch has no words", cause)
		}
	}
}
