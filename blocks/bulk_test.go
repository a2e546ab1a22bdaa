package blocks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

func leaving(n int, state workflow.State) workflow.Operation {
	joint := []ecsops.Finding{{Rule: ecsops.RuleRoom, Severity: ecsops.Green, Rooms: []ecsops.Room{{Service: "web", Verdict: ecsops.RoomFits, Copies: n}}, Count: 1},
		{Rule: ecsops.RuleRoomUnsure, Severity: ecsops.Amber, Rooms: []ecsops.Room{{Service: "api", Verdict: ecsops.RoomUnknown, Why: ecsops.UnsureTight, Copies: 3}}, Count: 1}}
	cluster := ecsops.MakeClusterARN("123456789012", "eu-central-1", "prod")
	op := workflow.Operation{ID: "8BVLK", Version: 1, State: state, Revision: 1, Requester: person(operator), CreatedAt: epoch, ExpiresAt: epoch.Add(15 * time.Minute),
		Target: ecsops.Target{Account: "123456789012", Region: "eu-central-1", Cluster: cluster},
		Plan: ecsops.Plan{Path: ecsops.PathDrain, Verdict: ecsops.Amber, Intent: ecsops.Intent{Purpose: ecsops.Retire, Reason: "patch"}, Findings: joint, Digest: "77aa0c2a7be91d4c",
			Steps: []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepDeregister}}, Snapshot: ecsops.Snapshot{ReadAt: epoch}},
		Bulk: &workflow.Bulk{Limit: workflow.Limit{Percent: 10}, Most: 3, Registered: 30, Joint: joint}}
	for i := range n {
		l := &workflow.Leave{AZ: "eu-central-1" + string(rune('a'+i%3)), Wave: 1 + i/3, Path: ecsops.PathDrain, Verdict: ecsops.Green, Tasks: i % 4, Left: i % 4, Total: i % 4}
		if i%5 == 1 {
			l.Verdict, l.Brief = ecsops.Amber, []workflow.Brief{{Rule: ecsops.RuleStandaloneTask, Severity: ecsops.Amber, Count: 2, Names: []string{"nightly:3"}}}
		}
		op.Rows = append(op.Rows, workflow.Row{Target: ecsops.Target{Account: "123456789012", Region: "eu-central-1", Cluster: cluster,
			EC2: ecsops.EC2ID(fmt.Sprintf("i-0a1b2c3d4e5f6%04d", i+1)), Instance: ecsops.InstanceARN(fmt.Sprintf("arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/%032d", i))},
			Tasks: l.Tasks, Op: fmt.Sprintf("m%07d", i), State: workflow.RowWaiting, Leave: l})
	}
	if state != workflow.Proposed {
		op.Confirmed = &workflow.Approval{Actor: person(operator), Revision: 1}
	}
	return op
}

func redBulk(state workflow.State) workflow.Operation {
	op := leaving(4, state)
	op.Plan.Verdict, op.Needs = ecsops.Red, []policy.Requirement{policy.SecondPerson}
	op.Rows[2].Leave.Verdict = ecsops.Red
	op.Rows[2].Leave.Brief = []workflow.Brief{{Rule: ecsops.RuleProtectedTask, Severity: ecsops.Red, Count: 1, Names: []string{"encoder:2"}}}
	op.Bulk.Away = []ecsops.EC2ID{"i-0a1b2c3d4e5f69999"}
	op.Bulk.Filter = "attribute:stack == blue"
	op.Bulk.Left = []workflow.LeftOut{{Target: op.Rows[0].Target, Cause: string(ecsops.PathGhost)}, {Target: op.Rows[1].Target, Cause: "barred", Rule: ecsops.RuleOwnHost}}
	return op
}

// surprisedBulk has a row in every state, and waits for a person.
func surprisedBulk() workflow.Operation {
	op := leaving(6, workflow.Releasing)
	op.Rows[0].State, op.Rows[0].Now = workflow.RowDone, workflow.Done
	op.Rows[1].State, op.Rows[1].Now, op.Rows[1].Cause = workflow.RowSkipped, workflow.Stopped, "deadline_undone"
	op.Rows[2].State, op.Rows[2].Now, op.Rows[2].Cause = workflow.RowUnverified, workflow.Unverified, "not_all_verified"
	op.Rows[3].State, op.Rows[3].Now = workflow.RowRunning, workflow.Draining
	op.Rows[3].Leave.Left, op.Rows[3].Leave.Total = 1, 3
	op.Rows[4].Missing = &ecsops.Unknown{Fact: "instance", Call: "ecs:DescribeContainerInstances", Reason: "ServerException"}
	op.Block = &workflow.Block{Reason: workflow.BlockedSurprise, Since: epoch, Detail: string(op.Rows[1].Target.EC2), AskedUntil: epoch.Add(15 * time.Minute)}
	return op
}

// leftBehind are members that were reminded of, one that is back, and one that ECS forgot tasks on.
func leftBehind(n int) []Left {
	var out []Left
	for i, r := range leaving(n, workflow.Done).Rows {
		f := workflow.FollowUp{Op: r.Op, Target: r.Target, Began: epoch, Machine: ecsops.Known(ecsops.EC2{State: "running"}),
			Watches: []workflow.Watch{{Concern: workflow.Machine, Step: 1}, {Concern: workflow.Return}},
			Notices: []workflow.Notice{{N: 1, At: epoch.Add(time.Hour), Type: workflow.EvReminded, Concerns: []workflow.Concern{workflow.Machine}, After: time.Hour, Machine: "running"}}}
		l := Left{FollowUp: f, Token: "tok." + r.Op}
		switch i {
		case 1:
			l.FollowUp.Again = []ecsops.Reregistration{{Instance: r.Target.Instance, Cluster: r.Target.Cluster, Status: "ACTIVE", Connected: true}}
			l.Token = ""
		case 2:
			l.FollowUp.Orphans = []ecsops.TaskRef{webTask()}
			l.FollowUp.Watches = append(l.FollowUp.Watches, workflow.Watch{Concern: workflow.Orphans})
		}
		out = append(out, l)
	}
	return out
}

func addBulks(out map[string]Message) {
	running := leaving(6, workflow.Releasing)
	running.Rows[0].State, running.Rows[1].State, running.Rows[1].Now = workflow.RowDone, workflow.RowRunning, workflow.Draining
	running.Bulk.Short = &workflow.Short{Away: 3, Most: 3, Since: epoch}
	ended := surprisedBulk()
	ended.State, ended.Cause, ended.Block = workflow.Unverified, "bulk_partly", nil
	for i := range ended.Rows[3:] {
		ended.Rows[3+i].State, ended.Rows[3+i].Cause, ended.Rows[3+i].Missing = workflow.RowSkipped, "batch_silence", nil
	}
	for name, op := range map[string]workflow.Operation{"proposed": leaving(6, workflow.Proposed), "red": redBulk(workflow.AwaitingApproval), "hundred": leaving(100, workflow.Proposed),
		"running": running, "surprise": surprisedBulk(), "ended": ended} {
		out["Card_bulk_"+name] = Card(op, tokens(op), drawing())
	}
	ends := leaving(4, workflow.Proposed)
	for i, how := range []ecsops.Termination{ecsops.Replace, ecsops.Replace, ecsops.Terminate, ecsops.Shrink} {
		ends.Rows[i].Leave.Intent.Terminate = how
	}
	out["LeftBehind"] = LeftBehind(ended, leftBehind(3))
	out["LeftBehind_many"] = LeftBehind(ended, leftBehind(40))
	out["LeftBehind_none"] = LeftBehind(ended, nil)
	out["Card_bulk_terminate"] = Card(ends, tokens(ends), drawing())
	dry := redBulk(workflow.Proposed)
	dry.ID = ""
	out["BulkDryRun"] = BulkDryRun(dry)[0]
	out["AuditRoot_bulk"] = AuditRoot(redBulk(workflow.Proposed))
	out["ApproverAsk_bulk"] = ApproverAsk(redBulk(workflow.AwaitingApproval), drawing())
	out["Details_bulk"] = Details(surprisedBulk(), drawing())[1]
}

func flat(t *testing.T, m Message) string {
	t.Helper()
	raw, err := plainJSON(m.Blocks)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// A card of a hundred rows shows what matters first, counts the rest, and names the way to it;
// there each row is.
func TestHundredRows(t *testing.T) {
	op := leaving(100, workflow.Releasing)
	op.Rows[99].State, op.Rows[99].Cause = workflow.RowSkipped, "surprise"
	m := Card(op, tokens(op), drawing())
	text := flat(t, m)
	if !strings.Contains(text, string(op.Rows[99].Target.EC2)) || !strings.Contains(text, "and 60 rows more") || !strings.Contains(text, "/ecs status 8BVLK") {
		t.Errorf("the card: %s", text)
	}
	var all strings.Builder
	for _, d := range Details(op, drawing()) {
		all.WriteString(flat(t, d))
	}
	for _, r := range op.Rows {
		if !strings.Contains(all.String(), string(r.Target.EC2)) {
			t.Errorf("%s is nowhere in the details", r.Target.EC2)
		}
	}
	dry := op
	dry.ID = ""
	all.Reset()
	for _, d := range BulkDryRun(dry) {
		if err := Check(d); err != nil {
			t.Error(err)
		}
		if len(buttonsOf(d)) > 0 {
			t.Error("a dry run has buttons")
		}
		all.WriteString(flat(t, d))
	}
	for _, r := range op.Rows {
		if !strings.Contains(all.String(), string(r.Target.EC2)) {
			t.Errorf("%s is nowhere in the dry run", r.Target.EC2)
		}
	}
}

func TestBulkVerbs(t *testing.T) {
	stopped := surprisedBulk()
	by := person(operator)
	stopped.StopBy = &by
	for why, c := range map[string]struct {
		op   workflow.Operation
		want string
	}{
		"undecided": {leaving(2, workflow.Proposed), "[confirm cancel]"}, "approval": {redBulk(workflow.AwaitingApproval), "[approve deny cancel]"},
		"under way": {leaving(2, workflow.Releasing), "[stop]"}, "surprise": {surprisedBulk(), "[go_on stop]"},
		"stopped": {stopped, "[]"}, "ended": {leaving(2, workflow.Done), "[]"},
	} {
		if got := fmt.Sprint(CardVerbs(c.op)); got != c.want {
			t.Errorf("%s: %s, want %s", why, got, c.want)
		}
	}
}
