package blocks

import (
	"time"

	"ecsbot/ecsops"
)

// duplicatePlan removes a registration that its machine has left.
func duplicatePlan() ecsops.Plan {
	p := amberPlan()
	p.Path, p.Fates, p.ETA = ecsops.PathDuplicate, nil, 0
	p.Snapshot.Instance = ecsops.Known(ecsops.Instance{Status: "ACTIVE", EC2: target().EC2})
	p.Findings = []ecsops.Finding{
		{Rule: ecsops.RuleDuplicate, Severity: ecsops.Amber, Count: 1, Names: []string{ecsops.LeftOver}, Registrations: []ecsops.Registration{{
			Cluster: ecsops.MakeClusterARN("123456789012", "eu-central-1", "staging"), Status: "ACTIVE", AgentConnected: true, RegisteredAt: epoch.Add(-2 * time.Hour),
			Instance: "arn:aws:ecs:eu-central-1:123456789012:container-instance/staging/0badcafe00000000000000000000beef"}}},
		{Rule: ecsops.RuleEmpty, Severity: ecsops.Green},
	}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDeregister}, {Kind: ecsops.StepVerify}}
	return p
}

// endingPlan ends a machine of no group, with its disks.
func endingPlan() ecsops.Plan {
	p := amberPlan()
	volumes := []ecsops.Volume{
		{ID: "vol-0a1b2c3d4e5f60001", Device: "/dev/xvda", Root: true, End: ecsops.VolumeDeleted},
		{ID: "vol-1a1b2c3d4e5f60001", Device: "/dev/sdf", End: ecsops.VolumeStays},
		{ID: "vol-2a1b2c3d4e5f60001", Device: "/dev/sdg", End: ecsops.VolumeDeleted},
	}
	p.Intent.Terminate = ecsops.Terminate
	p.Snapshot.Group = ecsops.Known(ecsops.Group{})
	p.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.xlarge", AZ: "eu-central-1a", Volumes: volumes})
	p.Findings = []ecsops.Finding{{Rule: ecsops.RuleVolumes, Severity: ecsops.Amber, Volumes: volumes}}
	p.Fates = []ecsops.TaskFate{{Task: webTask(), Fate: ecsops.FateMoves}}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepDeregister}, {Kind: ecsops.StepTerminate, Terminate: ecsops.Terminate}, {Kind: ecsops.StepVerify}}
	return p
}

// spotPlan drains a Spot Instance that EC2 is about to take.
func spotPlan() ecsops.Plan {
	p := amberPlan()
	p.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.xlarge", AZ: "eu-central-1a", Spot: true})
	p.Findings = []ecsops.Finding{
		{Rule: ecsops.RuleSpot, Severity: ecsops.Amber, Names: []string{ecsops.SpotAnnounced}, Since: epoch.Add(-time.Minute), Limit: ecsops.SpotNotice, Duration: 6 * time.Minute,
			Services: []ecsops.ServiceImpact{{Service: "web", Here: 1, Running: 4, Desired: 4, MinPercent: 100, MaxPercent: 200, MayStart: 4, After: 3, Floor: 4}}},
		{Rule: ecsops.RuleStandaloneTask, Severity: ecsops.Amber, Tasks: []ecsops.TaskRef{batchTask()}},
		{Rule: ecsops.RuleBilling, Severity: ecsops.Green},
	}
	return p
}

// standbyPlan drains a machine that its group has set aside.
func standbyPlan() ecsops.Plan {
	p := amberPlan()
	g := ecsops.Group{Name: "prod-ecs", Min: 2, Desired: 8, Max: 10, Lifecycle: "Standby"}
	p.Snapshot.Group = ecsops.Known(g)
	p.Findings = []ecsops.Finding{
		{Rule: ecsops.RuleGroupOwned, Severity: ecsops.Amber, Group: &g, Names: []string{g.Name}},
		{Rule: ecsops.RuleAside, Severity: ecsops.Amber, Names: []string{g.Lifecycle, g.Name}},
		{Rule: ecsops.RuleBilling, Severity: ecsops.Green},
	}
	p.Fates = []ecsops.TaskFate{{Task: webTask(), Fate: ecsops.FateMoves}}
	return p
}

// externalPlan takes an ECS Anywhere host out of ECS and of Systems Manager.
func externalPlan() ecsops.Plan {
	p := amberPlan()
	p.Path, p.ETA = ecsops.PathExternal, 0
	p.Snapshot.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: "external"})
	p.Intent.DeregisterNode = true
	p.Findings = []ecsops.Finding{
		{Rule: ecsops.RuleExternal, Severity: ecsops.Amber, Names: []string{"mi-0a1b2c3d4e5f60009", ecsops.ExternalLeavesAll},
			Node: &ecsops.Node{Asked: true, Registered: true, Ping: "ConnectionLost", LastPing: epoch.Add(-20 * time.Minute)}},
	}
	p.Fates = []ecsops.TaskFate{{Task: webTask(), Fate: ecsops.FateMoves}}
	p.Steps = []ecsops.Step{{Kind: ecsops.StepDrain}, {Kind: ecsops.StepWait}, {Kind: ecsops.StepDeregister}, {Kind: ecsops.StepDeregisterNode}, {Kind: ecsops.StepVerify}}
	return p
}
