package blocks

import (
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
	"ecsbot/workflow"
)

// The estate of the golden messages: cluster prod, eu-central-1.

var epoch = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const (
	taskPrefix = "arn:aws:ecs:eu-central-1:123456789012:task/prod/"
	operator   = "U01OPERATOR"
	approver   = "U02APPROVER"
)

func target() ecsops.Target {
	return ecsops.Target{
		Account: "123456789012", Region: "eu-central-1",
		Cluster:  ecsops.MakeClusterARN("123456789012", "eu-central-1", "prod"),
		Instance: "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/8f2e6c1d4b7a4f0e9d3c5b6a7e8f9012",
		EC2:      "i-0a1b2c3d4e5f60001", RegisteredAt: epoch.Add(-90 * 24 * time.Hour),
	}
}

func task(id, name, service string, class ecsops.TaskClass, network string) ecsops.TaskRef {
	return ecsops.TaskRef{ARN: taskPrefix + id, Name: name, Service: service, Class: class, Status: "RUNNING", Network: network, StartedAt: epoch.Add(-5 * time.Hour)}
}

func webTask() ecsops.TaskRef {
	return task("a1b2c3d489abcdef0123456789abcde1", "web:42", "web", ecsops.Replica, "awsvpc")
}

func ledgerTask() ecsops.TaskRef {
	return task("b2c3d4e589abcdef0123456789abcde2", "ledger:7", "ledger", ecsops.Replica, "bridge")
}

func agentTask() ecsops.TaskRef {
	return task("c3d4e5f689abcdef0123456789abcde3", "log-agent:3", "log-agent", ecsops.Daemon, "host")
}

func batchTask() ecsops.TaskRef {
	t := task("d4e5f60789abcdef0123456789abcde4", "nightly-report:11", "", ecsops.Standalone, "bridge")
	t.StartedBy, t.Image = "airflow", "123456789012.dkr.ecr.eu-central-1.amazonaws.com/reports/nightly:2026.11@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	return t
}

func daemonTask() ecsops.TaskRef {
	return task("e5f6071889abcdef0123456789abcde6", "agent:3", "", ecsops.ManagedDaemon, "")
}

func snapshot() ecsops.Snapshot {
	return ecsops.Snapshot{
		Target: target(), ReadAt: epoch,
		Instance: ecsops.Known(ecsops.Instance{Status: "ACTIVE", AgentConnected: true, EC2: target().EC2}),
		EC2:      ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.xlarge", AZ: "eu-central-1a"}),
		Group:    ecsops.Known(ecsops.Group{Name: "prod-ecs", Min: 2, Desired: 8, Max: 10, Lifecycle: "InService"}),
		TargetGroups: ecsops.NotKnown[map[string]ecsops.TargetGroup](ecsops.Unknown{
			Fact: "target_groups", Call: "elasticloadbalancing:DescribeTargetHealth", Reason: "AccessDenied"}),
	}
}

func amberPlan() ecsops.Plan {
	return ecsops.Plan{
		Snapshot: snapshot(), Path: ecsops.PathDrain, Verdict: ecsops.Amber,
		Intent: ecsops.Intent{Purpose: ecsops.Retire, Deadline: 30 * time.Minute, Reason: "kernel update, OPS-1204"},
		Findings: []ecsops.Finding{
			{Rule: ecsops.RuleBilling, Severity: ecsops.Green},
			{Rule: ecsops.RuleIncomplete, Severity: ecsops.Amber, Missing: []ecsops.Unknown{
				{Fact: "target_groups", Call: "elasticloadbalancing:DescribeTargetHealth", Reason: "AccessDenied"}}},
			{Rule: ecsops.RuleGroupOwned, Severity: ecsops.Amber, Group: &ecsops.Group{Name: "prod-ecs", Min: 2, Desired: 8, Max: 10}},
			{Rule: ecsops.RuleStandaloneTask, Severity: ecsops.Amber, Tasks: []ecsops.TaskRef{batchTask()}},
		},
		Fates: []ecsops.TaskFate{
			{Task: webTask(), Fate: ecsops.FateMoves}, {Task: agentTask(), Fate: ecsops.FateEnds},
			{Task: batchTask(), Fate: ecsops.FateWaits, Rule: ecsops.RuleStandaloneTask},
		},
		Steps: []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepDeregister}, {Kind: ecsops.StepVerify}},
		ETA:   6 * time.Minute, Digest: "5f0c2a7be91d4c33",
	}
}

// roomPlan has a service for each verdict of the capacity simulation.
func roomPlan() ecsops.Plan {
	p := amberPlan()
	p.Verdict = ecsops.Red
	web := ecsops.Room{Service: "web", Verdict: ecsops.RoomFits, Copies: 3, Places: 5, Waves: 2, Landing: []ecsops.Landing{
		{EC2: "i-0a1b2c3d4e5f60005", AZ: "eu-central-1b", Copies: 2}, {EC2: "i-0a1b2c3d4e5f60006", AZ: "eu-central-1c", Copies: 1}}}
	api := ecsops.Room{Service: "api", Verdict: ecsops.RoomUnknown, Why: ecsops.UnsureTight, Copies: 1, Places: 1}
	feed := ecsops.Room{Service: "feed", Verdict: ecsops.RoomScaleOut, Why: ecsops.LacksCPU, Copies: 4, Provider: "prod-cp", New: 2}
	encoder := ecsops.Room{Service: "encoder", Verdict: ecsops.RoomWontFit, Why: ecsops.LacksMemory, Copies: 2, Most: 1, Places: 1}
	payments := ecsops.Room{Service: "payments", Verdict: ecsops.RoomBlocked, Copies: 1}
	p.Findings = []ecsops.Finding{
		{Rule: ecsops.RuleWontFit, Severity: ecsops.Red, Rooms: []ecsops.Room{encoder}, Count: 1},
		{Rule: ecsops.RuleDrainImpossible, Severity: ecsops.Red, Rooms: []ecsops.Room{payments}, Count: 1,
			Services: []ecsops.ServiceImpact{{Service: "payments", Here: 1, Running: 1, Desired: 1, MinPercent: 100, MaxPercent: 100, Floor: 1}}},
		{Rule: ecsops.RuleScaleOut, Severity: ecsops.Amber, Rooms: []ecsops.Room{feed}, Count: 1},
		{Rule: ecsops.RuleRoomUnsure, Severity: ecsops.Amber, Rooms: []ecsops.Room{api}, Count: 1},
		{Rule: ecsops.RuleRoom, Severity: ecsops.Green, Rooms: []ecsops.Room{web}, Count: 1},
	}
	p.Fates = []ecsops.TaskFate{{Task: webTask(), Fate: ecsops.FateMoves}, {Task: task("e5f6071889abcdef0123456789abcde5", "payments:31", "payments", ecsops.Replica, "bridge"), Fate: ecsops.FateStuck, Rule: ecsops.RuleDrainImpossible}}
	return p
}

func redPlan() ecsops.Plan {
	p := amberPlan()
	p.Verdict = ecsops.Red
	p.Intent.Terminate = ecsops.Shrink
	p.Findings = append(p.Findings, ecsops.Finding{Rule: ecsops.RuleServiceBelowMin, Severity: ecsops.Red, Services: []ecsops.ServiceImpact{
		{Service: "ledger", Here: 1, Running: 1, Desired: 1, MinPercent: 100, MaxPercent: 150, After: 0, Floor: 1}}})
	p.Fates = append(p.Fates, ecsops.TaskFate{Task: ledgerTask(), Fate: ecsops.FateStuck, Rule: ecsops.RuleDrainImpossible})
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepDeregister},
		{Kind: ecsops.StepTerminate, Terminate: ecsops.Shrink, Group: "prod-ecs"}, {Kind: ecsops.StepVerify}}
	return p
}

func forcePlan() ecsops.Plan {
	p := redPlan()
	p.Intent.Force, p.Intent.Terminate = true, ecsops.KeepRunning
	p.Path = ecsops.PathForce
	p.Findings = append(p.Findings, ecsops.Finding{Rule: ecsops.RuleStandaloneForce, Severity: ecsops.Red, Tasks: []ecsops.TaskRef{batchTask()}})
	for i := range p.Fates {
		p.Fates[i].Fate = ecsops.FateOrphaned
	}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepForce}, {Kind: ecsops.StepVerify}}
	p.Digest = "aa17c0ffee5f0c2a"
	return p
}

func ghostPlan() ecsops.Plan {
	p := amberPlan()
	p.Verdict, p.Path = ecsops.Green, ecsops.PathGhost
	p.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleGhost, Severity: ecsops.Green}}
	p.Fates = []ecsops.TaskFate{{Task: webTask(), Fate: ecsops.FateDead}}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepForce}, {Kind: ecsops.StepVerify}}
	return p
}

// machinePlan ends a machine whose registration is gone.
func machinePlan() ecsops.Plan {
	p := amberPlan()
	p.Path, p.Fates, p.ETA = ecsops.PathMachine, nil, 0
	p.Intent = ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate, Reason: "after operation 7KQ2M"}
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleGone, Severity: ecsops.Green, Names: []string{"INACTIVE"}}}
	p.Verdict, p.Steps = ecsops.Green, []ecsops.Step{{Kind: ecsops.StepTerminate, Terminate: ecsops.Terminate}, {Kind: ecsops.StepVerify}}
	return p
}

func machineDone() workflow.Operation {
	op := ended(machinePlan(), workflow.Done, "verified")
	op.Progress.Checks = []ecsops.Check{{ID: "V1", Result: ecsops.CheckPassed, Names: []string{"INACTIVE"}}, {ID: "V7", Result: ecsops.CheckPassed, Names: []string{"terminated"}}}
	return op
}

func barredPlan() ecsops.Plan {
	p := amberPlan()
	p.Verdict, p.Steps = ecsops.Red, nil
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleOwnHost, Severity: ecsops.Red, Bars: true}}
	return p
}

// minimalPlan is for a machine of a group that is at its minimum.
func minimalPlan() ecsops.Plan {
	p := amberPlan()
	p.Snapshot.Group = ecsops.Known(ecsops.Group{Name: "prod-ecs", Min: 8, Desired: 8, Max: 10, Lifecycle: "InService"})
	p.Findings[2].Group = &ecsops.Group{Name: "prod-ecs", Min: 8, Desired: 8, Max: 10}
	return p
}

func lonePlan() ecsops.Plan {
	p := amberPlan()
	p.Snapshot.Group = ecsops.Known(ecsops.Group{})
	return p
}

// reusePlan takes the machine of a group for something else: the standalone task is stopped.
func reusePlan() ecsops.Plan {
	p := amberPlan()
	p.Intent.Purpose, p.Intent.StopTasks = ecsops.Reuse, []string{batchTask().ARN}
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleBilling, Severity: ecsops.Green},
		{Rule: ecsops.RuleReuse, Severity: ecsops.Amber, Names: []string{"prod-ecs"}}}
	p.Fates[2] = ecsops.TaskFate{Task: batchTask(), Fate: ecsops.FateStops}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepStopTasks, Tasks: p.Intent.StopTasks},
		{Kind: ecsops.StepDeregister}, {Kind: ecsops.StepVerify}}
	return p
}

// managedPlan ends an ECS Managed Instance.
func managedPlan(force bool) ecsops.Plan {
	p := amberPlan()
	p.Path, p.Verdict, p.Intent.Force = ecsops.PathManaged, ecsops.Red, force
	p.Snapshot.Group = ecsops.Known(ecsops.Group{})
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleManagedInstance, Severity: ecsops.Red, Names: []string{"mi-cp"}},
		{Rule: ecsops.RuleManagedDaemon, Severity: ecsops.Green, Tasks: []ecsops.TaskRef{daemonTask()}, Names: []string{"agent"}}}
	p.Fates = append(p.Fates, ecsops.TaskFate{Task: daemonTask(), Fate: ecsops.FateEnds, Rule: ecsops.RuleManagedDaemon})
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepForce}, {Kind: ecsops.StepVerify}}
	if force {
		p.Steps = p.Steps[2:]
		for i := range p.Fates {
			if p.Fates[i].Task.Class != ecsops.ManagedDaemon {
				p.Fates[i].Fate, p.Fates[i].Rule = ecsops.FateCut, ecsops.RuleManagedInstance
			}
		}
	}
	return p
}

// movePlan is refused, and nothing else bars it.
func movePlan() ecsops.Plan {
	p := amberPlan()
	p.Verdict, p.Intent.Purpose = ecsops.Red, ecsops.Move
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleMove, Severity: ecsops.Red, Bars: true}}
	return p
}

// refusedPlan is one that its intent bars.
func refusedPlan(w ecsops.Purpose, names ...string) ecsops.Plan {
	p := amberPlan()
	p.Verdict, p.Intent.Purpose = ecsops.Red, w
	p.Findings = append(p.Findings, ecsops.Finding{Rule: ecsops.RuleIntent, Severity: ecsops.Red, Bars: true, Names: names})
	return p
}

func person(id string) workflow.Actor {
	return workflow.Actor{UserID: id, TeamID: "T0001", Envelope: "3f1c9a52-0001"}
}

func proposed(p ecsops.Plan) workflow.Operation {
	return workflow.Operation{
		ID: "7KQ2M", Version: 1, State: workflow.Proposed, Target: target(), Revision: 1, Plan: p,
		Requester: person(operator), CreatedAt: epoch, ExpiresAt: epoch.Add(15 * time.Minute),
	}
}

func running(p ecsops.Plan, s workflow.State) workflow.Operation {
	op := proposed(p)
	op.State, op.StartedAt, op.DrainedAt = s, epoch.Add(time.Minute), epoch.Add(61*time.Second)
	op.Deadline = op.StartedAt.Add(30 * time.Minute)
	op.Confirmed = &workflow.Approval{Actor: person(operator), Revision: 1, At: op.StartedAt}
	op.Progress = workflow.Progress{LookedAt: epoch.Add(3 * time.Minute), Status: "DRAINING", Total: 7, Left: 3, Stopping: 1,
		Holding: []ecsops.TaskRef{batchTask(), ledgerTask()}, HeldSince: epoch.Add(2 * time.Minute), ETA: 4 * time.Minute}
	return op
}

func atDeadline() workflow.Operation {
	op := running(redPlan(), workflow.Draining)
	op.Progress.Holds, op.Progress.ExplainedAt = []ecsops.Hold{capacityHold(), {Task: batchTask(), Cause: ecsops.HeldByStandalone, Since: op.DrainedAt}}, epoch.Add(3*time.Minute)
	op.Block = &workflow.Block{Reason: workflow.BlockedDeadline, Since: op.Deadline, AskedUntil: op.Deadline.Add(30 * time.Minute)}
	return op
}

// heldBy is a drain that stands still for that.
func heldBy(holds ...ecsops.Hold) workflow.Operation {
	op := running(redPlan(), workflow.Draining)
	op.Progress.Stopping, op.Progress.Left, op.Progress.Holding = 0, len(holds), nil
	for i, h := range holds {
		if h.Since.IsZero() {
			holds[i].Since = op.DrainedAt
		}
		op.Progress.Holding = append(op.Progress.Holding, h.Task)
	}
	op.Progress.Holds, op.Progress.ExplainedAt = holds, epoch.Add(170*time.Second)
	return op
}

func capacityHold() ecsops.Hold {
	return ecsops.Hold{Task: ledgerTask(), Cause: ecsops.HeldByCapacity, Since: epoch.Add(2 * time.Minute),
		Quote:   "(service ledger) was unable to place a task because no container instance met all of its requirements. The closest matching (container-instance 8f2e6c1d4b7a4f0e9d3c5b6a7e8f9012) is already using a port required by your task. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
		QuoteAt: epoch.Add(2 * time.Minute)}
}

func protectedHold() ecsops.Hold {
	t := webTask()
	t.Until = epoch.Add(48 * time.Hour)
	return ecsops.Hold{Task: t, Cause: ecsops.HeldByProtection, Until: t.Until}
}

func percentsHold() ecsops.Hold {
	return ecsops.Hold{Task: ledgerTask(), Cause: ecsops.HeldByPercents,
		Service: &ecsops.ServiceImpact{Service: "ledger", Here: 1, Running: 1, Desired: 1, MinPercent: 100, MaxPercent: 150, Floor: 1}}
}

// stoppingHolds: one is within its time, one is over it.
func stoppingHolds() []ecsops.Hold {
	web, ledger := webTask(), ledgerTask()
	web.Status, ledger.Status = "DEACTIVATING", "STOPPING"
	told := epoch.Add(90 * time.Second)
	return []ecsops.Hold{
		{Task: web, Cause: ecsops.HeldByStopping, Since: told, Until: told.Add(8 * time.Minute), Delay: 5 * time.Minute, Timeout: 2 * time.Minute},
		{Task: ledger, Cause: ecsops.HeldByHanging, Since: told, Until: told.Add(time.Minute), Timeout: 30 * time.Second},
	}
}

func hostHolds() []ecsops.Hold {
	var out []ecsops.Hold
	for _, t := range []ecsops.TaskRef{webTask(), ledgerTask(), agentTask()} {
		out = append(out, ecsops.Hold{Task: t, Cause: ecsops.HeldByHostStop, Host: "stopped"})
	}
	return out
}

func forceProposed() workflow.Operation {
	op := atDeadline()
	p := forcePlan()
	op.Proposal, op.ProposalNeeds = &p, []policy.Requirement{policy.TypedID, policy.SecondPerson}
	op.ProposalConfirmed = &workflow.Approval{Actor: person(operator), Revision: 2}
	op.ProposalExpires = op.Deadline.Add(10 * time.Minute)
	return op
}

func drifted() workflow.Operation {
	op := running(amberPlan(), workflow.Draining)
	p := amberPlan()
	op.Proposal, op.ProposalExpires = &p, epoch.Add(20*time.Minute)
	op.Block = &workflow.Block{Reason: workflow.BlockedDrift, Since: epoch.Add(4 * time.Minute), AskedUntil: epoch.Add(20 * time.Minute)}
	op.Changes = []ecsops.Change{{What: "service", Name: "web", Before: "2 here", After: "3 here"}, {What: "standalone", After: taskPrefix + "feed"}}
	return op
}

func checks() []ecsops.Check {
	return []ecsops.Check{
		{ID: "V1", Result: ecsops.CheckPassed}, {ID: "V2", Result: ecsops.CheckPassed, Count: 4, Want: 4},
		{ID: "V3", Result: ecsops.CheckUnknown, Missing: &ecsops.Unknown{Fact: "target_groups", Call: "elasticloadbalancing:DescribeTargetHealth", Reason: "AccessDenied"}},
		{ID: "V4", Result: ecsops.CheckPassed, Count: 2, Want: 2, Names: []string{"01234567 on 8f2e6c1d", "89abcdef on 8f2e6c1d"}}, {ID: "V5", Result: ecsops.CheckSkipped},
		{ID: "V6", Result: ecsops.CheckPending, Names: []string{"eni-0aa11"}}, {ID: "V7", Result: ecsops.CheckPassed}, {ID: "V8", Result: ecsops.CheckFailed, Names: []string{"no activity"}},
		{ID: "V9", Result: ecsops.CheckPending, Want: 2}, {ID: "V10", Result: ecsops.CheckSkipped},
	}
}

func ended(p ecsops.Plan, s workflow.State, cause string) workflow.Operation {
	op := running(p, s)
	op.Cause, op.EndedAt = cause, epoch.Add(12*time.Minute)
	op.Progress.Holding, op.Progress.Left = nil, 0
	if p.Has(ecsops.StepTerminate) {
		op.OrderedTermination = epoch.Add(8 * time.Minute)
	}
	if s == workflow.Done || s == workflow.Unverified {
		op.Progress.Checks = checks()
		if s == workflow.Done {
			op.Progress.Checks = []ecsops.Check{{ID: "V1", Result: ecsops.CheckPassed, Names: []string{"INACTIVE"}}, {ID: "V2", Result: ecsops.CheckPassed, Count: 1, Want: 1, Names: []string{"web: 4 of 4"}}, {ID: "V7", Result: ecsops.CheckPassed, Names: []string{"running"}}, {ID: "V8", Result: ecsops.CheckSkipped},
				{ID: "V9", Result: ecsops.CheckPending, Want: 2}, {ID: "V10", Result: ecsops.CheckSkipped}}
		}
		if s == workflow.Done && p.Intent.Force {
			op.Progress.Checks[5] = ecsops.Check{ID: "V10", Result: ecsops.CheckPending, Want: 4, Names: []string{"a1b2c3d489abcdef0123456789abcde1"}}
			op.Progress.Checks = append(op.Progress.Checks, ecsops.Check{ID: "V5", Result: ecsops.CheckSkipped, Count: 4, Names: []string{"a1b2c3d489abcdef0123456789abcde1"}})
		}
	}
	return op
}

// followed is what the forced operation left.
func followed() (workflow.Operation, workflow.FollowUp) {
	op := ended(forcePlan(), workflow.Done, "orphans_left")
	return op, workflow.FollowUp{Op: op.ID, Target: op.Target, Began: op.EndedAt, Orphans: op.Plan.Orphans(), Machine: ecsops.Known(ecsops.EC2{State: "running"}),
		Watches: []workflow.Watch{{Concern: workflow.Orphans}, {Concern: workflow.Machine}}}
}

// hostSights are looks into the machine: one that saw some run, one that saw none, one that failed.
func hostSights(orphans []ecsops.TaskRef) (some, none, blind ecsops.HostSight) {
	some, none = ecsops.HostSight{At: epoch.Add(time.Hour), Command: "5f1b9c7e-51b0-4a17-8e55-0123456789ab"}, ecsops.HostSight{At: epoch.Add(3 * time.Hour)}
	for i, o := range orphans {
		exited := ecsops.HostContainer{Name: "app", State: "exited", ExitCode: 137, EndedAt: epoch.Add(30 * time.Minute)}
		there := []ecsops.HostContainer{{Name: "app", State: "running", StartedAt: epoch.Add(-time.Hour)}, {Name: "log <!channel>", State: "exited", EndedAt: epoch}}
		switch i {
		case 1:
			there = []ecsops.HostContainer{exited}
		case 2:
			there = nil
		}
		some.Tasks = append(some.Tasks, ecsops.HostTask{Task: o.ARN, Containers: there, Early: i == 3})
		none.Tasks = append(none.Tasks, ecsops.HostTask{Task: o.ARN, Containers: []ecsops.HostContainer{exited}})
	}
	return some, none, ecsops.HostUnseen(epoch.Add(time.Hour), "ssm:GetCommandInvocation", ecsops.HostCut)
}

// notices are one of each kind.
func notices() map[string]workflow.Notice {
	by := person(operator)
	both := []workflow.Concern{workflow.Orphans, workflow.Machine}
	again := ecsops.Reregistration{Cluster: target().Cluster, Instance: target().Instance[:len(target().Instance)-4] + "beef", Status: "ACTIVE", Connected: true}
	unread := ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "UnauthorizedOperation"}
	some, none, blind := hostSights(forcePlan().Orphans())
	host := []workflow.Concern{workflow.Host}
	return map[string]workflow.Notice{
		"host_some":     {N: 9, Type: workflow.EvHostSeen, Concerns: host, Orphans: 4, Host: &some, By: &by, After: time.Hour},
		"host_blind":    {N: 10, Type: workflow.EvHostSeen, Concerns: host, Orphans: 4, Host: &blind, After: 3 * time.Minute},
		"host_none":     {N: 11, Type: workflow.EvLedgerClosed, Cause: workflow.EndedHostClear, Concerns: host, Orphans: 4, Host: &none, After: 3 * time.Hour},
		"host_reminder": {N: 12, Type: workflow.EvReminded, Concerns: both, Orphans: 4, Machine: "running", Host: &some, After: time.Hour},
		"host_signed":   {N: 13, Type: workflow.EvSignedOff, Orphans: 4, By: &by, Host: &some, After: 2 * time.Hour},
		"opened":        {N: 1, Type: workflow.EvReminded, Concerns: both[:1], Orphans: 4, Machine: "running"},
		"reminder":      {N: 2, Type: workflow.EvReminded, Concerns: both, Orphans: 4, Machine: "running", After: time.Hour},
		"unseen":        {N: 3, Type: workflow.EvReminded, Concerns: both[:1], Orphans: 4, Missing: []ecsops.Unknown{unread}, After: 48 * time.Hour},
		"billed":        {N: 4, Type: workflow.EvReminded, Concerns: both[1:], Machine: "running", After: 24 * time.Hour},
		"returned":      {N: 5, Type: workflow.EvReturned, Concerns: []workflow.Concern{workflow.Return}, Again: []ecsops.Reregistration{again}, How: "agent", After: 10 * time.Minute},
		"unread":        {N: 6, Type: workflow.EvUnseen, Concerns: []workflow.Concern{workflow.Machine}, Missing: []ecsops.Unknown{unread}, After: time.Hour},
		"signed_off":    {N: 7, Type: workflow.EvSignedOff, Orphans: 4, By: &by, After: 2 * time.Hour},
		"closed":        {N: 8, Type: workflow.EvLedgerClosed, Cause: workflow.EndedMachineGone, Orphans: 4, After: 3 * time.Hour},
	}
}

func noticeTokens(f workflow.FollowUp, n workflow.Notice) map[workflow.Verb]string {
	out := map[workflow.Verb]string{}
	for _, v := range NoticeVerbs(f, n) {
		out[v] = "tok_" + string(v) + "_5Hq9"
	}
	return out
}

func listed(n int) []ecsops.Listed {
	var out []ecsops.Listed
	for i := range n {
		t := target()
		t.EC2 = ecsops.EC2ID("i-0a1b2c3d4e5f6" + string(rune('0'+i/100%10)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)) + "1")
		t.Instance = ecsops.InstanceARN("arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/8f2e6c1d4b7a4f0e9d3c5b6a7e8f9" + string(rune('0'+i/100%10)) + string(rune('0'+i/10%10)) + string(rune('0'+i%10)))
		out = append(out, ecsops.Listed{Target: t, Status: "ACTIVE", AgentConnected: i%3 != 1, AZ: "eu-central-1a", Type: "m6i.xlarge", Name: "prod-ecs", Running: i, RegisteredAt: epoch.Add(-48 * time.Hour)})
	}
	return out
}

func tokens(op workflow.Operation) map[workflow.Verb]string {
	out := map[workflow.Verb]string{}
	for _, v := range CardVerbs(op) {
		out[v] = "tok_" + string(v) + "_5Hq9"
	}
	return out
}

func drawing() Options {
	return Options{Now: epoch.Add(3 * time.Minute), Approvers: []string{approver, "S03ONCALL"}}
}
