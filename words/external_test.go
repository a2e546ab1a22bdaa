package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

func TestExternal(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 40, 0, 0, time.UTC)
	for _, c := range []struct {
		what string
		node *ecsops.Node
		want string
	}{
		{ecsops.ExternalRefused, nil, "Drain; deregister in ECS; deregister in Systems Manager; then, on the host"},
		{ecsops.ExternalNoForce, nil, "never forced"},
		{ecsops.ExternalNoSSM, nil, "EXTERNAL=ssm"},
		{ecsops.ExternalNotOne, nil, "Ask without --deregister-ssm"},
		{ecsops.ExternalLeaves, &ecsops.Node{Registered: true, Ping: "Online"}, "agent answers (“Online”). Systems Manager keeps it"},
		{ecsops.ExternalLeaves, &ecsops.Node{Registered: true, Ping: "ConnectionLost", LastPing: at}, "does not answer (“ConnectionLost”) since 23 Nov 2026 08:40 UTC: nobody knows what the host does"},
		{ecsops.ExternalLeaves, &ecsops.Node{Registered: true}, "does not answer (“no word”)"},
		{ecsops.ExternalLeaves, &ecsops.Node{}, "does not know it (any more)"},
		{ecsops.ExternalLeavesAll, nil, "needs a new activation"},
	} {
		got := Finding(ecsops.Finding{Rule: ecsops.RuleExternal, Names: []string{"mi-0a1b2c3d4e5f60009", c.what}, Node: c.node})
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %q", c.what, got)
		}
		if c.node == nil && strings.Contains(got, "answers") {
			t.Errorf("%s: %q says that the agent answers, and nobody asked", c.what, got)
		}
	}
}

// Of a host outside EC2 nobody is told to terminate a machine, or that one is as planned.
func TestOutsideEC2(t *testing.T) {
	for _, outside := range []bool{true, false} {
		f := ecsops.Finding{Rule: ecsops.RuleAgentLost}
		if outside {
			f.Names = []string{ecsops.OutsideEC2}
		}
		c := ecsops.Check{ID: "V7", Result: ecsops.CheckPassed, Names: []string{"Online"}, Outside: outside}
		for _, got := range []string{Finding(f), Check(c), checksInShort([]ecsops.Check{c})} {
			if strings.Contains(got, "machine") == outside || strings.Contains(got, "Auto Scaling") && outside {
				t.Errorf("outside %t: %q", outside, got)
			}
		}
	}
}
