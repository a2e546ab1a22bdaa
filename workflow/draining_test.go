package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// TestDraining: what begins a drain, what waits for it, and what ends the wait.
func TestDraining(t *testing.T) {
	drain := func(s *scene) { s.r.world.stuck = true; s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain}) }
	empty := func(s *scene) { drain(s); s.r.world.tasks = nil }
	late := func(s *scene) { s.op.Deadline = s.now }
	ticked := func(s *scene) {
		s.r.world.tasks = []ecsops.Task{standalone("batch")}
		fresh, _ := s.r.world.Inspect(t.Context(), testTarget)
		s.op.Plan = ecsops.NewPlan(fresh, ecsops.Intent{Purpose: ecsops.Retire, StopTasks: []string{standalone("batch").ARN}})
		drain(s)
	}
	shown := func(s *scene) { // another plan was put before people, who are asked
		other := s.op.Plan
		s.op.Proposal, s.op.ProposalExpires = &other, s.now
		s.op.Block = &Block{Reason: BlockedDrift, Since: s.now.Add(-time.Minute), AskedUntil: s.now}
	}
	for why, c := range map[string]struct {
		state State
		given func(*scene)
		want  string
	}{
		"nothing was ordered yet":                        {Draining, func(s *scene) { s.op.DrainedAt, s.op.Orders = zeroTime, 0 }, "draining: orders drain"},
		"not ACTIVE yet: it is waited for":               {Draining, func(s *scene) { s.r.world.status = "REGISTERING" }, "draining: looks in 10s; paused not_yet_observed, drain, REGISTERING"},
		"ACTIVE, and our drain may yet show":             {Draining, func(s *scene) { s.op.DrainedAt = s.now.Add(1 - settle) }, "draining: looks in 5s"},
		"ACTIVE again: somebody wants it back":           {Draining, func(s *scene) { s.op.DrainedAt = s.now.Add(-settle) }, "draining: looks in 15m0s; paused drift, , , asks for 15m0s"},
		"tasks run":                                      {Draining, drain, "draining: looks in 10s"},
		"tasks cannot be read: nothing is over":          {Draining, func(s *scene) { empty(s); s.r.world.noTasks = "timed out" }, "draining: looks in 10s; paused aws, look, ecs:ListTasks: timed out"},
		"no task is left":                                {Draining, empty, "deregistering: goes on"},
		"no task is left, and the group takes over":      {Draining, func(s *scene) { empty(s); s.op.Plan.Path = ecsops.PathGroup }, "terminating: goes on"},
		"one look that misses it proves nothing":         {Draining, func(s *scene) { s.r.world.missing = true }, "draining: looks in 2s"},
		"somebody else took it out":                      {Draining, func(s *scene) { s.deregistered(time.Minute) }, "verifying: goes on"},
		"so they did, and Systems Manager still has it":  {Draining, func(s *scene) { s.deregistered(time.Minute); inSystemsManager(s) }, "deregistering: goes on"},
		"the pause for a refused stop ends with it":      {StoppingTasks, func(s *scene) { drain(s); s.op.Block = &Block{Reason: BlockedAWS, Call: string(ecsops.ActStopTask)} }, "stopping_tasks: looks in 10s"},
		"what was ticked is stopped":                     {Draining, ticked, "stopping_tasks: orders stop_task batch"},
		"accepted, and reads may not show it":            {StoppingTasks, func(s *scene) { ticked(s); toldToStop(s, "batch", settle-1) }, "stopping_tasks: looks in 1ns"},
		"accepted, and it runs on: said, ordered again":  {StoppingTasks, func(s *scene) { ticked(s); toldToStop(s, "batch", settle) }, "stopping_tasks: orders stop_task batch; paused not_yet_observed, stop_task, RUNNING"},
		"accepted for another task: no word on this one": {StoppingTasks, func(s *scene) { ticked(s); toldToStop(s, "other", settle) }, "stopping_tasks: orders stop_task batch"},

		"a member of a batch of drains: nobody is asked": {Draining, func(s *scene) { drain(s); late(s); s.op.Batch, s.op.Shown = "b1", &Shown{} }, "undoing: goes on; deadline_undone"},
		"nor about a ghost of a batch":                   {Deregistering, func(s *scene) { late(s); s.op.Batch = "b1" }, "stopped; batch_deadline"},
		"out of time: people are asked":                  {Draining, func(s *scene) { drain(s); late(s) }, "draining: looks in 10s; paused deadline, , , asks for 15m0s"},
		"almost out of time":                             {Draining, func(s *scene) { drain(s); s.op.Deadline = s.now.Add(1) }, "draining: looks in 1ns"},
		"the last moment to answer": {Draining, func(s *scene) {
			drain(s)
			late(s)
			s.op.Block = &Block{Reason: BlockedDeadline, AskedUntil: s.now.Add(1)}
		}, "draining: looks in 1ns; paused deadline, , , asks for 1ns"},
		"silence means undo":                               {Draining, func(s *scene) { drain(s); silent(s) }, "undoing: goes on; deadline_silence"},
		"silence means undo while it stops tasks":          {StoppingTasks, func(s *scene) { drain(s); silent(s) }, "undoing: goes on; deadline_silence"},
		"silence means undo where tasks cannot be read":    {Draining, func(s *scene) { drain(s); silent(s); s.r.world.noTasks = "timed out" }, "undoing: goes on; deadline_silence"},
		"silence means undo where nothing can be read":     {Draining, func(s *scene) { silent(s); s.r.world.unreadable = "timed out" }, "undoing: goes on; deadline_silence"},
		"silence means undo before it is DRAINING":         {Draining, silent, "undoing: goes on; deadline_silence"},
		"out of time and empty: the question stands":       {Draining, func(s *scene) { empty(s); silent(s); s.op.Block.AskedUntil = s.now.Add(1) }, "deregistering: goes on; paused deadline, , , asks for 1ns"},
		"a changed plan is asked about: nothing goes on":   {Draining, func(s *scene) { empty(s); shown(s); s.op.ProposalExpires = s.now.Add(1) }, "draining: looks in 1ns; paused drift, , , asks for 0s"},
		"nor where nothing can be read":                    {Draining, func(s *scene) { shown(s); s.op.ProposalExpires = s.now.Add(1); s.r.world.unreadable = "timed out" }, "draining: looks in 1ns; paused drift, , , asks for 0s"},
		"silence on a changed plan, and nothing is read":   {Draining, func(s *scene) { shown(s); s.r.world.unreadable = "timed out" }, "undoing: goes on; drift_silence"},
		"nothing can be read: it is waited for":            {Draining, func(s *scene) { s.r.world.unreadable, s.op.VerifyBy = "timed out", s.now }, "draining: looks in 20s; paused aws, look, ecs:DescribeContainerInstances: timed out"},
		"it can be read again: the pause is over":          {Draining, func(s *scene) { drain(s); unreadBefore(s, "instance") }, "draining: looks in 10s"},
		"nothing could be read until the last moment":      {Verifying, func(s *scene) { s.r.world.unreadable, s.op.VerifyBy = "timed out", s.now }, "unverified; not_all_verified"},
		"silence on a changed plan means undo":             {Draining, func(s *scene) { empty(s); shown(s) }, "undoing: goes on; drift_silence"},
		"silence when it is too late to undo: it is shown": {Terminating, func(s *scene) { s.deregistered(time.Minute); shown(s) }, "verifying: goes on; drift_silence"},
		"silence on a force: the drain goes on":            {Draining, func(s *scene) { empty(s); shown(s); s.op.Block = nil }, "draining: goes on"},
		"a force is asked for: the drain goes on":          {Draining, func(s *scene) { empty(s); shown(s); s.op.Block, s.op.ProposalExpires = nil, s.now.Add(1) }, "deregistering: goes on"},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, c.state, nil, ecsops.Intent{})
			c.given(s)
			if got := moveOf(s.op, s.decide(t), s.now); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// unreadBefore is a pause for a fact that could not be read.
func unreadBefore(s *scene, fact string) {
	s.op.Progress.Unreadable = &ecsops.Unknown{Fact: fact, Call: "call", Reason: "timed out"}
	s.op.Block = &Block{Reason: BlockedAWS, Call: lookCall, Since: s.now}
}

// byForce is a plan for force, on an instance whose tasks run.
func byForce(s *scene) {
	fresh, _ := s.r.world.Inspect(s.r.t.Context(), testTarget)
	s.op.Plan = ecsops.NewPlan(fresh, ecsops.Intent{Purpose: ecsops.Retire, Force: true})
}

// silent is a deadline on which people were asked, in vain.
func silent(s *scene) {
	s.op.Deadline = s.now.Add(-time.Hour)
	s.op.Block = &Block{Reason: BlockedDeadline, Since: s.op.Deadline, AskedUntil: s.now}
}

func toldToStop(s *scene, task string, ago time.Duration) {
	s.told(ecsops.ActStopTask, ecsops.OK, "", ago)
	s.op.Order.Action.Task = standalone(task).ARN
}

// inSystemsManager is a host outside AWS whose registration there is to end too.
func inSystemsManager(s *scene) {
	s.op.Plan.Path = ecsops.PathExternal
	s.op.Plan.Steps = append(slices.Clone(s.op.Plan.Steps), ecsops.Step{Kind: ecsops.StepDeregisterNode})
}

// TestWhatWasGivenUpIsOnRecord: undo for want of an answer says for want of which.
func TestWhatWasGivenUpIsOnRecord(t *testing.T) {
	s := newScene(t, Draining, nil, ecsops.Intent{})
	silent(s)
	_, events, _ := s.decide(t).Changed()
	if !slices.ContainsFunc(events, func(e Event) bool {
		return e.Type == EvStopAsked && e.Cause == "deadline_silence" && e.Actor == botActor
	}) {
		t.Errorf("%+v", events)
	}
}

// TestDrainNotTaken: whose drain it is that shows.
func TestDrainNotTaken(t *testing.T) {
	order := func(k ecsops.ActionKind, r ecsops.Result, code string) *Order {
		return &Order{Action: ecsops.Action{Kind: k}, Outcome: &ecsops.Outcome{Result: r, Code: code}}
	}
	for why, c := range map[string]struct {
		order *Order
		want  bool
	}{
		"nothing was ordered":                   {nil, false},
		"no answer yet":                         {&Order{Action: ecsops.Action{Kind: ecsops.ActDrain}}, false},
		"accepted":                              {order(ecsops.ActDrain, ecsops.OK, ""), false},
		"not known: it may be ours":             {order(ecsops.ActDrain, ecsops.ResultUnknown, "timeout"), false},
		"missed by our looks: it may be late":   {order(ecsops.ActDrain, ecsops.Refused, notObserved), false},
		"refused: somebody else's":              {order(ecsops.ActDrain, ecsops.Refused, "AccessDeniedException"), true},
		"throttled: somebody else's":            {order(ecsops.ActDrain, ecsops.Throttled, "ThrottlingException"), true},
		"another order that was refused is not": {order(ecsops.ActStopTask, ecsops.Refused, "AccessDeniedException"), false},
	} {
		if got := drainNotTaken(c.order); got != c.want {
			t.Errorf("%s: %t", why, got)
		}
	}
}

// TestTicked: only standalone tasks are stopped, whatever an intent names.
func TestTicked(t *testing.T) {
	op := Operation{}
	op.Plan.Intent.StopTasks = []string{standalone("batch").ARN, daemon("logs").ARN}
	logs := classed(daemon("logs"))
	got := (&step{draft: newDraft(op, time.Now())}).ticked([]ecsops.Task{standalone("batch"), standalone("kept"), logs})
	if !slices.Equal(got, []string{standalone("batch").ARN}) {
		t.Errorf("stops %v", got)
	}
}

// TestDrainProgress: what the card shows of a look.
func TestDrainProgress(t *testing.T) {
	now := time.Unix(1_800_000_000, 0).UTC()
	stopping := standalone("batch")
	stopping.DesiredStatus, stopping.LastStatus = "STOPPED", "DEACTIVATING"
	over := replica("over")
	over.LastStatus, over.DesiredStatus = "STOPPED", "STOPPED"
	began := now.Add(-time.Hour)
	for why, c := range map[string]struct {
		was      Progress
		tasks    []ecsops.Task
		since    time.Time
		progress bool // is told
	}{
		"the first look":                {Progress{}, []ecsops.Task{replica("a"), stopping, over}, now, true},
		"all stands still":              {Progress{Total: 2, Left: 2, Stopping: 1, HeldSince: began, LookedAt: now}, []ecsops.Task{replica("a"), stopping, over}, began, false},
		"one has left":                  {Progress{Total: 3, Left: 3, Stopping: 1, HeldSince: began, LookedAt: now}, []ecsops.Task{replica("a"), stopping, over}, now, true},
		"one more stops":                {Progress{Total: 2, Left: 2, HeldSince: began, LookedAt: now}, []ecsops.Task{replica("a"), stopping, over}, now, false},
		"none is left: its end is told": {Progress{Total: 2, Left: 1, HeldSince: began, LookedAt: now}, []ecsops.Task{over}, now, false},
	} {
		t.Run(why, func(t *testing.T) {
			w := &step{draft: newDraft(Operation{State: Draining, Progress: c.was}, now), inst: ecsops.Instance{Status: "DRAINING", AgentConnected: true}}
			w.progress(c.tasks)
			p := w.op.Progress
			if !p.HeldSince.Equal(c.since) {
				t.Errorf("still since %s", p.HeldSince)
			}
			told := slices.ContainsFunc(w.events, func(e Event) bool { return e.Type == EvProgress && e.Left == p.Left && e.Total == p.Total })
			if told != c.progress {
				t.Errorf("told %t: %+v", told, w.events)
			}
			if len(c.tasks) > 1 {
				if len(p.Holding) != 2 || p.Left != 2 || p.Stopping != 1 || p.Total < 2 {
					t.Fatalf("shows %+v", p)
				}
				if h := p.Holding[1]; h.ARN != stopping.ARN || h.Status != "DEACTIVATING" || h.Class != ecsops.Standalone || h.Name != "nightly:3" || h.StartedBy != "cron" {
					t.Errorf("names %+v", h)
				}
				if p.Holding[0].Service != "web" {
					t.Errorf("names %+v", p.Holding[0])
				}
			}
		})
	}
}

// TestLooksReadWhatTheirStateNeeds: an unread fact is unknown, and unknown waits.
func TestLooksReadWhatTheirStateNeeds(t *testing.T) {
	s := newScene(t, Draining, func(r *rig) { member(r, "InService") }, ecsops.Intent{})
	inSystemsManager(s)
	for state, want := range map[State]ecsops.LookFor{
		Draining:      {Sparing: true},
		StoppingTasks: {Sparing: true},
		Deregistering: {Node: true},
		Terminating:   {EC2: true, Group: "asg"},
		Undoing:       {EC2: true, Group: "asg"},
		Verifying:     {},
	} {
		s.op.State = state
		got := lookFor(s.op, s.now)
		if got.Sparing != want.Sparing || got.Node != want.Node || got.EC2 != want.EC2 || got.Group != want.Group {
			t.Errorf("%s: %+v", state, got)
		}
	}
	after := lookForAfter(s.op)
	if !after.EC2 || !after.Node || after.Group != "asg" || !slices.Equal(after.Services, []string{"web"}) {
		t.Errorf("afterwards: %+v", after)
	}
}

// TestDeregistering: what takes a registration away, what waits, and what turns back.
func TestDeregistering(t *testing.T) {
	drained := func(s *scene) { s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain}); s.r.world.tasks = nil }
	gone := func(s *scene) { s.deregistered(time.Minute) }
	told := func(r ecsops.Result, code string, ago time.Duration) func(*scene) {
		return func(s *scene) { drained(s); s.told(ecsops.ActDeregister, r, code, ago) }
	}
	node := func(registered bool, more ...func(*scene)) func(*scene) {
		return func(s *scene) {
			gone(s)
			inSystemsManager(s)
			s.node = &ecsops.Node{Registered: registered, Ping: "Online"}
			for _, f := range more {
				f(s)
			}
		}
	}
	toldNode := func(r ecsops.Result, code string, ago time.Duration) func(*scene) {
		return func(s *scene) { s.told(ecsops.ActDeregisterNode, r, code, ago) }
	}
	for why, c := range map[string]struct {
		given func(*scene)
		want  string
	}{
		"drained: it is deregistered, without force":  {drained, "deregistering: orders deregister"},
		"a task runs after all: back to watching":     {func(s *scene) { s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain}); s.r.world.stuck = true }, "draining: goes on"},
		"tasks cannot be read":                        {func(s *scene) { drained(s); s.r.world.noTasks = "timed out" }, "deregistering: looks in 10s; paused aws, look, ecs:ListTasks: timed out"},
		"accepted, and reads lag":                     {told(ecsops.OK, "", settle-1), "deregistering: looks in 5s"},
		"accepted, and it does not show":              {told(ecsops.OK, "", settle), "deregistering: looks in 10s; paused not_yet_observed, deregister, DRAINING"},
		"refused, as tasks run: back to watching":     {told(ecsops.Refused, "InvalidParameterException", 1), "draining: goes on; paused tasks_running, deregister, InvalidParameterException"},
		"refused for tasks that were watched since":   {told(ecsops.Refused, "TasksRunning", afterRefusal), "deregistering: orders deregister"},
		"its effect was missed: nobody said no":       {told(ecsops.Refused, notObserved, afterRefusal), "deregistering: orders deregister"},
		"refused for want of leave":                   {told(ecsops.Refused, "AccessDeniedException", afterRefusal), "deregistering: orders deregister; paused credentials, deregister, AccessDeniedException"},
		"out of time: silence means undo":             {func(s *scene) { drained(s); silent(s) }, "undoing: goes on; deadline_silence"},
		"out of time, and accepted: too late to undo": {func(s *scene) { told(ecsops.OK, "", 1)(s); silent(s) }, "deregistering: looks in 5s; paused deadline, , , asks for 0s"},
		"one look that misses it proves nothing":      {func(s *scene) { s.r.world.missing = true }, "deregistering: looks in 2s"},
		"gone":                                        {gone, "verifying: goes on"},
		"gone, and its machine is to end": {func(s *scene) {
			gone(s)
			s.op.Plan.Steps = append(s.op.Plan.Steps, ecsops.Step{Kind: ecsops.StepTerminate})
		}, "terminating: goes on"},
		"gone after a stop: the machine is kept": {func(s *scene) {
			gone(s)
			s.op.StopBy = &ana
			s.op.Plan.Steps = append(s.op.Plan.Steps, ecsops.Step{Kind: ecsops.StepTerminate})
		}, "verifying: goes on"},
		"Slack cannot be asked":              {func(s *scene) { drained(s); s.deny = "down" }, "deregistering: looks in 30s; paused authority, , down"},
		"somebody lost his leave":            {func(s *scene) { drained(s); s.deny = "no" }, "deregistering: looks in 1m0s; paused authority, , not_operator"},
		"he has it again: the pause is over": {func(s *scene) { drained(s); s.op.Block = &Block{Reason: BlockedAuthority} }, "deregistering: orders deregister"},
		"the agent is lost: it is let time": {func(s *scene) {
			drained(s)
			s.r.world.agent = false
			s.op.Block = &Block{Reason: BlockedAgent, Since: s.now.Add(1 - agentPatience)}
		}, "deregistering: looks in 10s; paused agent, , "},
		"the agent stays lost: people are asked": {func(s *scene) {
			drained(s)
			s.r.world.agent = false
			s.op.Block = &Block{Reason: BlockedAgent, Since: s.now.Add(-agentPatience)}
		}, "deregistering: looks in 15m0s; paused drift, , , asks for 15m0s"},
		"the agent is lost, and more: people are asked": {func(s *scene) { drained(s); s.r.world.agent, s.r.world.peersLost = false, true }, "deregistering: looks in 15m0s; paused drift, , , asks for 15m0s"},
		"the inspection misses the registration":        {func(s *scene) { drained(s); s.r.world.blank = []string{"instance"} }, "deregistering: looks in 10s; paused aws, inspect, : not read"},

		"tasks can be read again: the pause is over": {func(s *scene) { drained(s); unreadBefore(s, "tasks") }, "deregistering: orders deregister"},
		"a plan that waits for none, and a task shows": {func(s *scene) {
			s.r.world.take(ecsops.Action{Kind: ecsops.ActDrain})
			s.r.world.stuck, s.op.Plan.Steps = true, []ecsops.Step{{Kind: ecsops.StepDeregister}}
		}, "draining: goes on"},
		"a force does not wait for what it orphans": {func(s *scene) { byForce(s); s.op.Plan.Steps = []ecsops.Step{{Kind: ecsops.StepForce}} }, "deregistering: orders force_deregister"},
		"a force that waits for tasks looks itself": {func(s *scene) {
			byForce(s)
			s.op.Plan.Steps = []ecsops.Step{{Kind: ecsops.StepWait}, {Kind: ecsops.StepForce}}
		}, "draining: goes on"},

		"Systems Manager can be read again: the pause is over": {node(true, func(s *scene) { unreadBefore(s, "node") }), "deregistering: orders deregister_node"},
		"outside AWS: Systems Manager lets it go last":         {node(true), "deregistering: orders deregister_node"},
		"Systems Manager has let it go":                        {node(false), "verifying: goes on"},
		"Systems Manager cannot be read":                       {node(true, func(s *scene) { s.node = nil }), "deregistering: looks in 10s; paused aws, look, : not read"},
		"ECS still has it: Systems Manager keeps it":           {func(s *scene) { drained(s); inSystemsManager(s); s.node = &ecsops.Node{Registered: true} }, "deregistering: orders deregister"},
		"stopped: Systems Manager keeps it":                    {node(true, func(s *scene) { s.op.StopBy = &ana }), "verifying: goes on"},
		"Systems Manager accepted, and reads lag":              {node(true, toldNode(ecsops.OK, "", settle-1)), "deregistering: looks in 5s"},
		"Systems Manager accepted, and it does not show":       {node(true, toldNode(ecsops.OK, "", settle)), "deregistering: looks in 10s; paused not_yet_observed, deregister_node, Online"},
		"Systems Manager refuses":                              {node(true, toldNode(ecsops.Refused, "AccessDeniedException", afterRefusal)), "deregistering: orders deregister_node; paused credentials, deregister_node, AccessDeniedException"},
		"Systems Manager refuses too long: the result says":    {node(true, toldNode(ecsops.Refused, "AccessDeniedException", 1), func(s *scene) { s.op.RefusedSince = s.now.Add(-1 - terminatePatience) }), "verifying: goes on; not_deregistered_in_ssm"},
		"Systems Manager throttles":                            {node(true, toldNode(ecsops.Throttled, "ThrottlingException", afterThrottle)), "deregistering: orders deregister_node"},
		"ECS's refusal is none of Systems Manager's":           {node(true, func(s *scene) { s.told(ecsops.ActDeregister, ecsops.Refused, "ClientException", 1) }), "deregistering: orders deregister_node"},
		"nobody without leave ends it in Systems Manager":      {node(true, func(s *scene) { s.deny = "no" }), "deregistering: looks in 1m0s; paused authority, , not_operator"},
	} {
		t.Run(why, func(t *testing.T) {
			s := newScene(t, Deregistering, nil, ecsops.Intent{})
			c.given(s)
			if got := moveOf(s.op, s.decide(t), s.now); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
