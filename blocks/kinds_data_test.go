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
