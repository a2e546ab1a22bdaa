package handlers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// haunt gives cluster prod n ghosts, and makes inspections say so.
func (w *world) haunt(n int) {
	w.sweep = ecsops.Ghosts{Searched: []ecsops.ClusterARN{prod, staging}}
	for i := range n {
		w.sweep.Found = append(w.sweep.Found, ecsops.Ghost{Listed: ecsops.Listed{Target: target(prod, i+1), Status: "ACTIVE", Running: i},
			Kind: ecsops.GhostProven, Proof: ecsops.MachineProof{State: "terminated", RequestID: "req-1"}})
	}
	w.edit = haunted
}

func haunted(s *ecsops.Snapshot) {
	i, _ := s.Instance.Get()
	i.AgentConnected = false
	s.Instance, s.EC2 = ecsops.Known(i), ecsops.Known(ecsops.EC2{State: "terminated"})
}

func ghostClick(user, action, value string) payload {
	p := click(user, workflow.Verb(action), value)
	p["container"] = payload{"type": "message", "message_ts": "2.0", "channel_id": testChannel, "is_ephemeral": true}
	return p
}

// listedID is the opaque name of the newest list.
func (w *world) listedID() string {
	w.t.Helper()
	return w.keptID("ghosts")
}

func TestGhostsCommand(t *testing.T) {
	for name, c := range map[string]struct {
		user, text string
		setup      func(*world)
		refused    policy.Reason
		says       []string
		silent     string // nobody is told
		sweeps     int
	}{
		"all clusters":   {text: "ghosts", setup: func(w *world) { w.haunt(2) }, says: []string{"2 ghosts found", testEC2, "terminated", "req-1", "ghosts_clean_all"}, sweeps: 1},
		"in one":         {text: "ghosts staging", setup: func(w *world) { w.haunt(2) }, says: []string{"No ghosts"}, silent: testEC2, sweeps: 1},
		"none":           {text: "ghosts", says: []string{"No ghosts"}, sweeps: 1},
		"unknown":        {text: "ghosts pord", says: []string{"pord", "prod"}},
		"unlisted":       {text: "ghosts secret", refused: policy.ReasonClusterNotListed},
		"by an approver": {user: "UAP", text: "ghosts", setup: func(w *world) { w.haunt(2) }, says: []string{"2 ghosts found"}, silent: "ghost_clean", sweeps: 1},
		"nobody":         {user: "UNOBODY", text: "ghosts", refused: policy.ReasonNotOperator},
		"not proven": {text: "ghosts", setup: func(w *world) {
			w.haunt(1)
			w.sweep.Found[0].Kind = ecsops.GhostUnproven
			w.sweep.Found[0].Why = &ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"}
		}, says: []string{"without proof", "ec2:DescribeInstances", "UnauthorizedOperation"}, silent: "ghost_clean", sweeps: 1},
		"unread cluster": {text: "ghosts", setup: func(w *world) {
			w.sweep.Unreadable = []ecsops.Unknown{{Fact: "instances of staging", Call: "ecs:ListContainerInstances", Reason: "timed out"}}
		}, says: []string{"Not read", "instances of staging"}, sweeps: 1},
		"unlisted clusters stay unread": {text: "ghosts", setup: func(w *world) {
			w.sweep.Found = []ecsops.Ghost{{Listed: ecsops.Listed{Target: target(secret, 4)}, Kind: ecsops.GhostProven}}
		}, says: []string{"No ghosts", "2 clusters searched"}, silent: "secret", sweeps: 1},
		"AWS does not answer":  {text: "ghosts", setup: func(w *world) { w.sweepErr = errors.New("timeout") }, sweeps: 1},
		"clusters unreadable":  {text: "ghosts", setup: func(w *world) { w.clusterErr = errors.New("AccessDeniedException") }},
		"one word too many":    {text: "ghosts prod staging", says: []string{"one word too many"}},
		"an option of another": {text: "ghosts --force", says: []string{"--force"}},
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
			if len(w.said) == 0 {
				t.Error("silence")
			}
			if len(c.says) > 0 {
				w.wantHeard(c.says...)
			}
			if c.silent != "" && w.heard(c.silent) {
				t.Errorf("%q was said: %+v", c.silent, w.said)
			}
			w.wantRefused(c.refused)
			if got := strings.Count(strings.Join(w.events, " "), "sweep"); got != c.sweeps {
				t.Errorf("%d sweeps, want %d", got, c.sweeps)
			}
			if len(w.proposed)+len(w.batches)+len(w.inspected) > 0 {
				t.Error("a list did more than list")
			}
		})
	}
}

func TestCleanOneGhost(t *testing.T) {
	for name, c := range map[string]struct {
		user     string
		setup    func(*world)
		proposed int
		refused  policy.Reason
		says     []string
	}{
		"proven":         {proposed: 1},
		"by an approver": {user: "UAP", refused: policy.ReasonNotOperator},
		"it came back":   {setup: func(w *world) { w.edit = nil }, refused: policy.ReasonNotGhost, says: []string{"Nothing to decide", testEC2}},
		"the agent is up": {setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) { s.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"}) }
		}, refused: policy.ReasonNotGhost},
		"no proof now": {setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) {
				haunted(s)
				s.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"})
			}
		}, refused: policy.ReasonNotGhost, says: []string{"ec2:DescribeInstances", "UnauthorizedOperation"}},
		"gone already": {setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) {
				s.Instance = ecsops.Known(ecsops.Instance{Status: "INACTIVE", EC2: s.Target.EC2})
			}
		}, says: []string{"Nothing to decide"}},
		"held by another": {setup: func(w *world) {
			op := w.card("op1", func(o *workflow.Operation) { o.State = workflow.Deregistering })
			w.holder = &op
		}, says: []string{"op1"}},
		"not a member":    {setup: func(w *world) { w.place(testChannel, func(*slack.Channel) {}) }, says: []string{"invite"}},
		"unlisted by now": {setup: func(w *world) { w.r.Rules.Clusters = []string{string(staging)} }, refused: policy.ReasonClusterNotListed},
		"Inspect fails":   {setup: func(w *world) { w.inspectErr = errors.New("timeout") }, says: []string{"went wrong", "nothing was done"}},
		"no approvers":    {setup: func(w *world) { w.r.Rules.Approvers = nil }, proposed: 1},
		"the bot's own": {setup: func(w *world) {
			w.edit = func(s *ecsops.Snapshot) { haunted(s); s.Self = ecsops.Known(s.Target.Instance) }
		}, refused: policy.ReasonNotGhost},
		"a channel shared": {setup: func(w *world) {
			w.place(testChannel, func(c *slack.Channel) { c.IsMember, c.IsExtShared = true, true })
		}, refused: policy.ReasonChannelShared},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.haunt(2)
			user := c.user
			if user == "" {
				user = "UOP"
			}
			w.command(user, "ghosts")
			if c.setup != nil {
				c.setup(w)
			}
			w.interact(ghostClick(user, "ghost_clean:0", w.listedID()+"/0"))
			if len(w.proposed) != c.proposed || len(w.batches) > 0 {
				t.Fatalf("proposed %d, %d batches; said %+v", len(w.proposed), len(w.batches), w.said)
			}
			if c.proposed == 1 && (w.proposed[0].Plan.Path != ecsops.PathGhost || w.proposed[0].Verdict.Effect != policy.Allow || w.proposed[0].Plan.Snapshot.Target != target(prod, 1)) {
				t.Errorf("proposed %+v", w.proposed[0])
			}
			if len(c.says) > 0 {
				w.wantHeard(c.says...)
			}
			w.wantRefused(c.refused)
		})
	}
}

func TestCleanAllGhosts(t *testing.T) {
	for name, c := range map[string]struct {
		setup   func(*world)
		batch   int // ghosts in it; 0 = none
		refused policy.Reason
		says    []string
	}{
		"all proven": {batch: 3},
		"one came back": {setup: func(w *world) { w.sweep.Found[1].Kind = ecsops.GhostDisconnected }, batch: 2,
			says: []string{"Left out", "i-0aaaaaaaaaaaaaaa2"}},
		"one is registered anew": {setup: func(w *world) {
			w.sweep.Found[1].Target.RegisteredAt = w.sweep.Found[1].Target.RegisteredAt.Add(time.Hour)
		}, batch: 2, says: []string{"Left out", "i-0aaaaaaaaaaaaaaa2"}},
		"more appeared": {setup: func(w *world) { w.haunt(6) }, batch: 3},
		"none is left":  {setup: func(w *world) { w.sweep.Found = nil }, says: []string{"Left out", testEC2}},
		"cannot be read again": {setup: func(w *world) {
			w.sweep.Found = nil
			w.sweep.Unreadable = []ecsops.Unknown{{Fact: "instances of prod", Call: "ecs:ListContainerInstances", Reason: "AccessDeniedException"}}
		}, says: []string{"Left out", "ecs:ListContainerInstances"}},
		"the sweep fails": {setup: func(w *world) { w.sweepErr = errors.New("timeout") }, says: []string{"went wrong", "nothing was done"}},
		"unlisted by now": {setup: func(w *world) { w.r.Rules.Clusters = []string{string(staging)} }, refused: policy.ReasonClusterNotListed},
		"no operator":     {setup: func(w *world) { w.r.Rules.Operators = []string{"UELSE"} }, refused: policy.ReasonNotOperator},
		"not a member":    {setup: func(w *world) { w.place(testChannel, func(*slack.Channel) {}) }, says: []string{"invite"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.haunt(3)
			w.command("UOP", "ghosts")
			if c.setup != nil {
				c.setup(w)
			}
			w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
			got := 0
			for _, b := range w.batches {
				got += len(b.Ghosts)
				if b.Actor.UserID != "UOP" || b.Origin.Channel != testChannel || b.Verdict.Effect != policy.Allow {
					t.Errorf("proposed %+v", b)
				}
			}
			if got != c.batch || len(w.batches) > 1 || len(w.proposed) > 0 {
				t.Errorf("%d ghosts in %d batches, want %d; said %+v", got, len(w.batches), c.batch, w.said)
			}
			if len(c.says) > 0 {
				w.wantHeard(c.says...)
			}
			w.wantRefused(c.refused)
		})
	}
}

// A batch is no longer than one decision can be; the rest is another one's.
func TestBatchIsBounded(t *testing.T) {
	w := newWorld(t)
	w.haunt(0)
	for i := range workflow.MaxBatch + 7 {
		g := ecsops.Ghost{Listed: ecsops.Listed{Target: target(prod, 1)}, Kind: ecsops.GhostProven}
		g.Target.Instance = ecsops.InstanceARN(fmt.Sprintf("%s%d", g.Target.Instance, i))
		w.sweep.Found = append(w.sweep.Found, g)
	}
	w.command("UOP", "ghosts")
	w.wantHeard("Clean up the first 50")
	w.interact(ghostClick("UOP", blocks.ActionGhostsAll, w.listedID()+"/0"))
	if len(w.batches) != 1 || len(w.batches[0].Ghosts) != workflow.MaxBatch {
		t.Errorf("%d batches", len(w.batches))
	}
}

// Buttons of a list are its person's alone, and choose among what was shown.
func TestGhostButtonsFromNowhere(t *testing.T) {
	for name, c := range map[string]struct {
		user, action, value string
		refused             bool
		says                string
	}{
		"of another person":   {"UGRP", "ghost_clean:0", "ID/0", true, "none of mine"},
		"all, of another":     {"UGRP", blocks.ActionGhostsAll, "ID/0", true, "none of mine"},
		"the rest, another":   {"UGRP", blocks.ActionGhostsMore, "ID/1", true, "none of mine"},
		"a ghost too far":     {"UOP", "ghost_clean:9", "ID/9", true, "none of mine"},
		"negative":            {"UOP", "ghost_clean:0", "ID/-1", true, "none of mine"},
		"one that is none":    {"UOP", "ghost_clean:1", "ID/1", true, "none of mine"},
		"no number":           {"UOP", "ghost_clean:0", "ID", false, "no longer known"},
		"a list from nowhere": {"UOP", blocks.ActionGhostsAll, "made-up/0", false, "no longer known"},
		"no value":            {"UOP", blocks.ActionGhostsAll, "", false, "no longer known"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.haunt(2)
			w.sweep.Found[1].Kind = ecsops.GhostDisconnected
			w.command("UOP", "ghosts")
			w.interact(ghostClick(c.user, c.action, strings.Replace(c.value, "ID", w.listedID(), 1)))
			if len(w.proposed)+len(w.batches) > 0 {
				t.Errorf("proposed %+v %+v", w.proposed, w.batches)
			}
			w.wantHeard(c.says)
			if (w.refusals() > 0) != c.refused {
				t.Errorf("recorded %+v", w.recorded)
			}
		})
	}
}

func TestMoreGhosts(t *testing.T) {
	w := newWorld(t)
	w.haunt(30)
	for i := range w.sweep.Found {
		w.sweep.Found[i].Target.EC2 = ecsops.EC2ID(fmt.Sprintf("i-0bbbbbbbbbbbbb%03d", i))
	}
	w.command("UOP", "ghosts")
	if w.heard("i-0bbbbbbbbbbbbb029") {
		t.Fatal("all on one page")
	}
	w.interact(ghostClick("UOP", blocks.ActionGhostsMore, w.listedID()+"/25"))
	w.wantHeard("i-0bbbbbbbbbbbbb029")
}

// A click that is taken up again after a crash proposes no second batch.
func TestBatchIsProposedOnce(t *testing.T) {
	w := newWorld(t)
	w.haunt(2)
	w.command("UOP", "ghosts")
	id := w.listedID()
	w.doneErr = errors.New("the process dies")
	w.interact(ghostClick("UOP", blocks.ActionGhostsAll, id+"/0"))
	w.doneErr = nil
	if err := w.r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if len(w.batches) != 1 {
		t.Errorf("%d batches", len(w.batches))
	}
}

// A yes to a batch is judged for every cluster of it.
func TestBatchIsJudgedByCluster(t *testing.T) {
	for name, c := range map[string]struct {
		user   string
		where  ecsops.ClusterARN
		verb   workflow.Verb
		effect policy.Effect
	}{
		"listed":                {"UOP", staging, workflow.Confirm, policy.Allow},
		"one is not listed":     {"UOP", secret, workflow.Confirm, policy.Refuse},
		"stop holds everywhere": {"UOP", secret, workflow.Stop, policy.Allow},
		"no operator":           {"UAP", staging, workflow.Confirm, policy.Refuse},
		"an approver may stop":  {"UAP", staging, workflow.Stop, policy.Allow},
		"nobody":                {"UNOBODY", staging, workflow.Stop, policy.Refuse},
		"cancel":                {"UOP", secret, workflow.Cancel, policy.Allow},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.card("batch", func(op *workflow.Operation) {
				op.Target, op.Plan = ecsops.Target{}, ecsops.Plan{}
				op.Rows = []workflow.Row{{Target: target(prod, 1), State: workflow.RowWaiting}, {Target: target(c.where, 2), State: workflow.RowWaiting}}
			})
			w.interact(click(c.user, c.verb, "batch-"+string(c.verb)))
			if len(w.decided) != 1 || w.decided[0].Verdict.Effect != c.effect {
				t.Errorf("decided %+v", w.decided)
			}
			if len(w.opened) > 0 {
				t.Error("a batch opens no modal")
			}
		})
	}
}

func TestStatusOfABatch(t *testing.T) {
	w := newWorld(t)
	batch := func(id string, c ecsops.ClusterARN) {
		w.card(id, func(op *workflow.Operation) {
			op.Target, op.Plan = ecsops.Target{}, ecsops.Plan{}
			op.Rows = []workflow.Row{{Target: target(prod, 1), State: workflow.RowWaiting}, {Target: target(c, 4), State: workflow.RowWaiting}}
		})
	}
	batch("mine", staging)
	batch("theirs", secret)
	w.command("UOP", "status")
	if !w.heard("mine", "2 ghosts") || w.heard("theirs") {
		t.Errorf("%+v", w.said)
	}
	w.command("UOP", "status mine")
	w.wantHeard("Clean up 2 ghosts", testEC2)
	w.command("UOP", "status theirs")
	w.wantRefused(policy.ReasonClusterNotListed)
}
