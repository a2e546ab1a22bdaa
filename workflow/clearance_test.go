package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// TestExpected: which differences our own orders bring about, once they began.
func TestExpected(t *testing.T) {
	drained := Operation{WasStatus: "ACTIVE"}
	others := Operation{WasStatus: "DRAINING"} // somebody else's drain
	gone := Operation{WasStatus: "ACTIVE", GoneAt: time.Unix(1, 0)}
	force := Operation{Plan: ecsops.Plan{Steps: []ecsops.Step{{Kind: ecsops.StepForce}}}}
	for why, c := range map[string]struct {
		op     Operation
		change ecsops.Change
		want   bool
	}{
		"a service's tasks leave":                              {drained, ecsops.Change{What: "service", Name: "web", Before: "here=2", After: "here=1"}, true},
		"a protection ends with its task":                      {drained, ecsops.Change{What: "protected", Name: "t", Before: "protected"}, true},
		"a standalone task ended":                              {drained, ecsops.Change{What: "standalone", Name: "t", Before: "RUNNING"}, true},
		"a standalone task arrived: nobody decided on it":      {drained, ecsops.Change{What: "standalone", Name: "t", After: "RUNNING"}, false},
		"standalone tasks were not known: these may be new":    {drained, ecsops.Change{What: "standalone", Before: unknown, After: "RUNNING"}, false},
		"an alarming rule is over":                             {drained, ecsops.Change{What: "rule", Name: string(ecsops.RuleLastInstance), Before: "found"}, true},
		"an alarming rule came up":                             {drained, ecsops.Change{What: "rule", Name: string(ecsops.RuleLastInstance), After: "found"}, false},
		"another rule came up, as counts change":               {drained, ecsops.Change{What: "rule", Name: string(ecsops.RuleServiceBelowMin), After: "found"}, true},
		"DRAINING, as we ordered":                              {drained, ecsops.Change{What: "status", Before: "ACTIVE", After: "DRAINING"}, true},
		"ACTIVE again, which nobody of ours ordered":           {drained, ecsops.Change{What: "status", Before: "DRAINING", After: "ACTIVE"}, false},
		"DRAINING, where it was not ours to drain":             {others, ecsops.Change{What: "status", Before: "ACTIVE", After: "DRAINING"}, false},
		"the agent is back: a drain only gets better by it":    {drained, ecsops.Change{What: "agent", Before: "disconnected", After: "connected"}, true},
		"the agent is back: a force would orphan what it runs": {force, ecsops.Change{What: "agent", Before: "disconnected", After: "connected"}, false},
		"the agent is gone":                                    {drained, ecsops.Change{What: "agent", Before: "connected", After: "disconnected"}, false},
		"the group goes on terminating":                        {drained, ecsops.Change{What: "owner", Name: "lifecycle", Before: "Terminating:Wait", After: "Terminating:Proceed"}, true},
		"the group begins to terminate":                        {drained, ecsops.Change{What: "owner", Name: "lifecycle", Before: "InService", After: "Terminating:Wait"}, false},
		"the group terminates no more":                         {drained, ecsops.Change{What: "owner", Name: "lifecycle", Before: "Terminating:Wait", After: "InService"}, false},
		"another group, whatever it is called":                 {drained, ecsops.Change{What: "owner", Name: "group", Before: "Terminating:Wait", After: "Terminating:Wait-2"}, false},
		"the machine stops":                                    {drained, ecsops.Change{What: "ec2_state", Before: "running", After: "stopping"}, false},

		"deregistered: its status is no matter any more":   {gone, ecsops.Change{What: "status", Before: "DRAINING", After: "INACTIVE"}, true},
		"deregistered: nor are rules":                      {gone, ecsops.Change{What: "rule", Name: string(ecsops.RuleLastInstance), After: "found"}, true},
		"deregistered: the machine's id is":                {gone, ecsops.Change{What: "ec2_id", Before: "i-1", After: "i-2"}, false},
		"deregistered: the machine's state is":             {gone, ecsops.Change{What: "ec2_state", Before: "running", After: "stopping"}, false},
		"deregistered: its group is":                       {gone, ecsops.Change{What: "owner", Name: "group", Before: "a", After: "b"}, false},
		"deregistered: what its group does with it is not": {gone, ecsops.Change{What: "owner", Name: "lifecycle", Before: "InService", After: "Terminating:Wait"}, true},
	} {
		t.Run(why, func(t *testing.T) {
			if got := expected(c.op, c.change); got != c.want {
				t.Errorf("expected(%+v) = %t", c.change, got)
			}
		})
	}
}

// TestAlarmingRules: which rules ask anew when they come up after the decision.
func TestAlarmingRules(t *testing.T) {
	drained := Operation{WasStatus: "ACTIVE"}
	for rule, why := range map[ecsops.Rule]string{
		ecsops.RuleLastInstance:    "tasks have nowhere to go",
		ecsops.RuleManagedInstance: "the deregistration ends the machine",
		ecsops.RuleAgentLost:       "its tasks cannot be stopped",
		ecsops.RuleMove:            "an instance cannot be moved",
		ecsops.RuleOwnHost:         "the bot came to run there",
		ecsops.RuleTransition:      "nothing may be ordered",
		ecsops.RuleDuplicate:       "the machine is registered twice",
		ecsops.RuleGhost:           "the machine is gone",
		ecsops.RuleHostStopped:     "the machine was stopped",
		ecsops.RuleTermination:     "its end cannot be done as asked",
		ecsops.RuleIntent:          "what was asked cannot be done",
	} {
		if expected(drained, ecsops.Change{What: "rule", Name: string(rule), After: "found"}) {
			t.Errorf("%s: %s, and nobody is asked", rule, why)
		}
	}
}

// TestEased: what got better is on the record of a yes, until our own orders bring it about.
func TestEased(t *testing.T) {
	r := newRig(t, replica("a"), standalone("batch"))
	s, _ := r.world.Inspect(t.Context(), testTarget)
	shown := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire})
	r.world.tasks = r.world.tasks[:1]
	s, _ = r.world.Inspect(t.Context(), testTarget)
	now := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire})
	for why, c := range map[string]struct {
		op   Operation
		want bool
	}{
		"nothing was ordered":              {Operation{}, true},
		"something was ordered":            {Operation{Orders: 1}, false},
		"somebody else's drain was joined": {Operation{DrainedAt: time.Unix(1, 0)}, false},
	} {
		if got := eased(c.op, shown, now); (len(got) > 0) != c.want {
			t.Errorf("%s: %+v", why, got)
		}
	}
}

// TestDriftIsOnRecord: what stopped an operation stands in its record, with the plan that asks.
func TestDriftIsOnRecord(t *testing.T) {
	s := newScene(t, Deregistering, nil, ecsops.Intent{})
	s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain})
	s.r.world.tasks, s.r.world.peersLost, s.op.RefusedSince = nil, true, s.now
	op, events, _ := s.decide(t).Changed()
	if op.Proposal == nil || len(op.Changes) == 0 || !op.RefusedSince.IsZero() {
		t.Fatalf("proposal %v, changes %+v, refused since %s", op.Proposal != nil, op.Changes, op.RefusedSince)
	}
	ev := events[0]
	if ev.Type != EvRevised || ev.Revision != 2 || ev.Digest != op.Proposal.Digest || ev.Verdict != op.Proposal.Verdict || len(ev.Changes) != len(op.Changes) ||
		!slices.Equal(ev.Rules, rules(*op.Proposal)) || len(ev.Rules) == 0 {
		t.Errorf("recorded %+v", ev)
	}
}

// TestNewOrphans: only what nobody approved by name is new.
func TestNewOrphans(t *testing.T) {
	plan := func(tasks ...ecsops.Task) ecsops.Plan {
		s, _ := newRig(t, tasks...).world.Inspect(t.Context(), testTarget)
		return ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Force: true})
	}
	got := newOrphans(plan(replica("a")), plan(replica("a"), standalone("b")))
	want := []ecsops.Change{{What: "orphan", Name: "nightly:3", After: standalone("b").ARN}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got := newOrphans(plan(replica("a"), standalone("b")), plan(replica("a"))); got != nil {
		t.Errorf("one that ended: %+v", got)
	}
}

// TestNewlyUnread: a fact that was unknown when people decided is not waited for.
func TestNewlyUnread(t *testing.T) {
	read := func(blank ...string) ecsops.Snapshot {
		r := newRig(t, replica("a"))
		r.world.blank = blank
		s, _ := r.world.Inspect(t.Context(), testTarget)
		return s
	}
	for why, c := range map[string]struct {
		plan, fresh []string
		want        string
	}{
		"all was read, and is":                        {},
		"was read, and is not":                        {fresh: []string{"group"}, want: "group"},
		"was not read, and is not":                    {plan: []string{"group"}, fresh: []string{"group"}},
		"was not read, and is":                        {plan: []string{"group"}},
		"one that was not, and one that was":          {plan: []string{"group"}, fresh: []string{"group", "ec2"}, want: "ec2"},
		"the other way round: the order is no matter": {plan: []string{"ec2"}, fresh: []string{"ec2", "group"}, want: "group"},
	} {
		t.Run(why, func(t *testing.T) {
			got, yes := newlyUnread(read(c.plan...), read(c.fresh...))
			if got.Fact != c.want || yes != (c.want != "") {
				t.Errorf("newlyUnread = %+v, %t", got, yes)
			}
		})
	}
}

// TestGive: the same order is not given again before reads may show the last one's effect,
// or AWS has had its pause.
func TestGive(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	stop := func(task string) ecsops.Action { return ecsops.Action{Kind: ecsops.ActStopTask, Task: task} }
	for why, c := range map[string]struct {
		last   ecsops.Result // "" = nothing was ordered
		ago    time.Duration
		action ecsops.Action
		given  bool
	}{
		"nothing was ordered":                   {action: stop("a"), given: true},
		"accepted just now: reads lag":          {last: ecsops.OK, ago: settle - 1, action: stop("a")},
		"accepted, and reads should show it":    {last: ecsops.OK, ago: settle, action: stop("a"), given: true},
		"throttled just now":                    {last: ecsops.Throttled, ago: afterThrottle - 1, action: stop("a")},
		"throttled, and the pause is over":      {last: ecsops.Throttled, ago: afterThrottle, action: stop("a"), given: true},
		"refused just now":                      {last: ecsops.Refused, ago: afterRefusal - 1, action: stop("a")},
		"refused, and the pause is over":        {last: ecsops.Refused, ago: afterRefusal, action: stop("a"), given: true},
		"another task: its own order":           {last: ecsops.Refused, ago: 1, action: stop("b"), given: true},
		"another kind: its own order":           {last: ecsops.Refused, ago: 1, action: ecsops.Action{Kind: ecsops.ActUndrain, Task: "a"}, given: true},
		"not known: a look closed it, no pause": {last: ecsops.ResultUnknown, ago: 1, action: stop("a"), given: true},
	} {
		t.Run(why, func(t *testing.T) {
			op := Operation{State: StoppingTasks}
			if c.last != "" {
				op.Orders, op.Order = 1, &Order{N: 1, Action: stop("a"), At: now.Add(-c.ago), Outcome: &ecsops.Outcome{Result: c.last, At: now.Add(-c.ago)}}
			}
			w := &step{draft: newDraft(op, now)}
			m := w.give(c.action)
			if (m.Act != nil) != c.given || c.given && (m.Act.Kind != c.action.Kind || m.Act.Task != c.action.Task) {
				t.Errorf("ordered %+v", m.Act)
			}
			if !c.given && !m.Next.After(now) {
				t.Errorf("looks again at %s, now is %s", m.Next, now)
			}
			if orders := w.op.Orders - op.Orders; (orders == 1) != c.given {
				t.Errorf("%d orders recorded", orders)
			}
		})
	}
}

// TestMoves: waiting for a daemon before the ticked tasks are stopped would never end.
func TestMoves(t *testing.T) {
	for why, c := range map[string]struct {
		task ecsops.Task
		plan string // the service's scheduling, as the plan has it
		want bool
	}{
		"a replica's copy starts elsewhere":                 {replica("a"), "REPLICA", true},
		"a replica, and nobody knows its service":           {replica("a"), "", true},
		"a standalone task goes nowhere":                    {standalone("a"), "", false},
		"a daemon ends last":                                {daemon("a"), "DAEMON", false},
		"a daemon, and nobody knows its service":            {classed(daemon("a")), "", false},
		"a look took a daemon for a replica: the plan knew": {replica("a"), "DAEMON", false},
	} {
		t.Run(why, func(t *testing.T) {
			var op Operation
			if c.plan != "" {
				op.Plan.Snapshot.Services = ecsops.Known(map[string]ecsops.Service{c.task.Service: {Name: c.task.Service, Scheduling: c.plan}})
			}
			if got := (&step{draft: newDraft(op, time.Now())}).moves(c.task); got != c.want {
				t.Errorf("moves(%+v) = %t", c.task, got)
			}
		})
	}
}

func classed(t ecsops.Task) ecsops.Task {
	t.Class = ecsops.Daemon
	return t
}
