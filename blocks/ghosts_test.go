package blocks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/ecsops"
	"ecsbot/workflow"
)

// swept is a sweep with n ghosts and one of each other kind.
func swept(n int) ecsops.Ghosts {
	out := ecsops.Ghosts{Searched: []ecsops.ClusterARN{target().Cluster, ecsops.MakeClusterARN("123456789012", "eu-central-1", "staging")}, ReadAt: epoch}
	for i, l := range listed(n + 4) {
		l.AgentConnected, l.Running, l.Name = false, i%3, "prod-ecs"
		g := ecsops.Ghost{Listed: l, Kind: ecsops.GhostProven, Proof: ecsops.MachineProof{State: "terminated", Reason: "User initiated (2026-11-23 07:12:00 GMT)",
			Since: epoch.Add(-48 * time.Minute), RequestID: "b7f2a1c0-5d7e-4a53-9c11-000000000001", At: epoch}}
		switch i - n {
		case 0:
			g.Kind, g.Proof = ecsops.GhostUnproven, ecsops.MachineProof{}
			g.Why = &ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"}
		case 1:
			g.Kind, g.Proof = ecsops.GhostDisconnected, ecsops.MachineProof{State: "running", At: epoch, RequestID: "b7f2a1c0"}
		case 2:
			g.Kind, g.Proof = ecsops.GhostHostStopped, ecsops.MachineProof{State: "stopped", Since: epoch.Add(-3 * time.Hour), At: epoch}
		case 3:
			g.Kind, g.Proof = ecsops.GhostChanging, ecsops.MachineProof{State: "shutting-down", At: epoch}
		}
		out.Found = append(out.Found, g)
	}
	return out
}

func unreadPlaces() []ecsops.Unknown {
	return []ecsops.Unknown{{Fact: "instances of legacy (123456789012, eu-north-1)", Call: "ecs:ListContainerInstances", Reason: "AccessDeniedException"},
		{Fact: "clusters of 999999999999/eu-west-1", Call: "ecs:ListClusters", Reason: "timed out"}}
}

func batchOf(n int, state workflow.State) workflow.Operation {
	op := workflow.Operation{ID: "9GH0ST", Version: 1, State: state, Revision: 1, Requester: person(operator), CreatedAt: epoch, ExpiresAt: epoch.Add(15 * time.Minute),
		Plan: ecsops.Plan{Intent: ecsops.Intent{Purpose: ecsops.Retire}, Digest: "77aa0c2a7be91d4c"}}
	for i, g := range swept(n).Proven() {
		op.Rows = append(op.Rows, workflow.Row{Target: g.Target, Proof: g.Proof, Tasks: g.Running, Op: fmt.Sprintf("m%07d", i), State: workflow.RowWaiting})
	}
	if state != workflow.Proposed {
		op.Confirmed = &workflow.Approval{Actor: person(operator), Revision: 1}
	}
	return op
}

// halfway is a batch with a row in every state.
func halfway(state workflow.State) workflow.Operation {
	op := batchOf(8, state)
	for i, edit := range []func(*workflow.Row){
		func(r *workflow.Row) { r.State = workflow.RowDone },
		func(r *workflow.Row) { r.State, r.Cause, r.Detail = workflow.RowSkipped, "came_back", "running" },
		func(r *workflow.Row) { r.State, r.Cause = workflow.RowUnverified, "not_all_verified" },
		func(r *workflow.Row) { r.State, r.Cause, r.Detail = workflow.RowSkipped, "busy", "7KQ2M" },
		func(r *workflow.Row) {
			r.State, r.Now, r.Block = workflow.RowRunning, workflow.Deregistering, workflow.BlockedCredentials
		},
		func(r *workflow.Row) {
			r.Missing = &ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"}
		},
	} {
		edit(&op.Rows[i])
	}
	return op
}

func addGhosts(out map[string]Message) {
	sweep := swept(3)
	sweep.Unreadable = unreadPlaces()
	out["Ghosts"] = Ghosts(GhostList{ID: "sweep01", Sweep: sweep, Clean: true}, epoch)
	out["Ghosts_reader"] = Ghosts(GhostList{ID: "sweep01", Sweep: swept(1)}, epoch)
	out["Ghosts_none"] = Ghosts(GhostList{ID: "sweep01", Sweep: ecsops.Ghosts{Searched: sweep.Searched, ReadAt: epoch}, Clean: true}, epoch)
	out["Ghosts_unread"] = Ghosts(GhostList{ID: "sweep01", Sweep: ecsops.Ghosts{Searched: sweep.Searched, Unreadable: unreadPlaces(), ReadAt: epoch}, Clean: true}, epoch)
	out["Ghosts_page"] = Ghosts(GhostList{ID: "sweep01", Sweep: swept(120), Offset: 118, Clean: true}, epoch.Add(5*time.Minute))
	root := batchOf(3, workflow.Proposed)
	out["AuditRoot_batch"] = AuditRoot(root)
	stopped := batchOf(2, workflow.Stopped)
	by := person(approver)
	stopped.Cause, stopped.StopBy = "batch_stopped", &by
	for i := range stopped.Rows {
		stopped.Rows[i].State, stopped.Rows[i].Cause = workflow.RowSkipped, "batch_stopped"
	}
	done := halfway(workflow.Unverified)
	done.Cause = "batch_partly"
	for i := range done.Rows[4:] {
		done.Rows[4+i] = workflow.Row{Target: done.Rows[4+i].Target, Op: done.Rows[4+i].Op, State: workflow.RowDone}
	}
	for name, op := range map[string]workflow.Operation{"proposed": root, "full": batchOf(workflow.MaxBatch, workflow.Proposed), "releasing": halfway(workflow.Releasing), "stopped": stopped, "partly": done} {
		out["Card_batch_"+name] = Card(op, tokens(op), drawing())
	}
	member := proposed(ghostPlan())
	member.State, member.Batch = workflow.Deregistering, "9GH0ST"
	out["Card_member"] = Card(member, nil, drawing())
	out["Details_batch"] = Details(halfway(workflow.Releasing), drawing())[1]
}

func buttonsOf(m Message) map[string]string {
	out := map[string]string{}
	for _, b := range m.Blocks {
		switch x := b.(type) {
		case *slack.ActionBlock:
			for _, e := range x.Elements.ElementSet {
				out[e.(*slack.ButtonBlockElement).ActionID] = e.(*slack.ButtonBlockElement).Value
			}
		case *slack.SectionBlock:
			if x.Accessory != nil {
				out[x.Accessory.ButtonElement.ActionID] = x.Accessory.ButtonElement.Value
			}
		}
	}
	return out
}

// Only what is proven has a button, and only for who may use it.
func TestOnlyProofsHaveButtons(t *testing.T) {
	l := GhostList{ID: "sweep01", Sweep: swept(2), Clean: true}
	got := buttonsOf(Ghosts(l, epoch))
	if len(got) != 3 || got["ghost_clean:0"] != "sweep01/0" || got["ghost_clean:1"] != "sweep01/1" || got[ActionGhostsAll] == "" {
		t.Errorf("buttons %v", got)
	}
	for n := range 2 {
		if g, ok := l.GhostAt(n); !ok || g.Kind != ecsops.GhostProven {
			t.Errorf("button %d stands for %+v", n, g)
		}
	}
	if got := buttonsOf(Ghosts(GhostList{ID: "sweep01", Sweep: swept(2)}, epoch)); len(got) > 0 {
		t.Errorf("a reader may click %v", got)
	}
	if got := buttonsOf(Ghosts(GhostList{ID: "sweep01", Sweep: swept(0), Clean: true}, epoch)); len(got) > 0 {
		t.Errorf("nothing is proven, and there is %v", got)
	}
	if got := buttonsOf(Ghosts(GhostList{ID: "sweep01", Sweep: swept(1), Clean: true}, epoch)); got[ActionGhostsAll] != "" {
		t.Error("all of one")
	}
}

// Every ghost of a long list is on some page, once.
func TestGhostPages(t *testing.T) {
	sweep := swept(130)
	seen := map[string]int{}
	offset := "0"
	for range 40 {
		l := GhostList{ID: "sweep01", Sweep: sweep, Clean: true}
		_, _ = fmt.Sscan(offset, &l.Offset)
		m := Ghosts(l, epoch)
		if err := Check(m); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(textOf(m), "\n")
		for _, g := range sweep.Found {
			if strings.Contains(all, string(g.Target.EC2)) {
				seen[string(g.Target.EC2)]++
			}
		}
		value, more := buttonsOf(m)[ActionGhostsMore]
		if !more {
			break
		}
		_, offset, _ = strings.Cut(value, "/")
	}
	for _, g := range sweep.Found {
		if n := seen[string(g.Target.EC2)]; n != 1 {
			t.Errorf("%s is on %d pages", g.Target.EC2, n)
		}
	}
}

// A full batch has a row for each ghost, whatever state they are in.
func TestFullBatchShowsEveryRow(t *testing.T) {
	for _, state := range []workflow.State{workflow.Proposed, workflow.Releasing, workflow.Unverified} {
		op := batchOf(workflow.MaxBatch, state)
		for i := range op.Rows {
			if state != workflow.Proposed {
				op.Rows[i].State, op.Rows[i].Cause, op.Rows[i].Detail = workflow.RowSkipped, "came_back", "running"
			}
		}
		all := strings.Join(textOf(Card(op, tokens(op), drawing())), "\n")
		for _, r := range op.Rows {
			if strings.Count(all, string(r.Target.EC2)) != 1 {
				t.Fatalf("%s: %s has no row of its own:\n%s", state, r.Target.EC2, all)
			}
		}
	}
}

func TestBatchVerbs(t *testing.T) {
	running := batchOf(2, workflow.Releasing)
	stopped := batchOf(2, workflow.Releasing)
	by := person(operator)
	stopped.StopBy = &by
	allBegun := batchOf(1, workflow.Releasing)
	allBegun.Rows[0].State = workflow.RowRunning
	for name, c := range map[string]struct {
		op   workflow.Operation
		want string
	}{
		"proposed": {batchOf(2, workflow.Proposed), "[confirm cancel]"}, "running": {running, "[stop]"}, "stopped": {stopped, "[]"},
		"all begun": {allBegun, "[]"}, "ended": {batchOf(2, workflow.Done), "[]"}, "expired": {batchOf(2, workflow.Expired), "[]"},
	} {
		if got := fmt.Sprint(CardVerbs(c.op)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
