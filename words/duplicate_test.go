package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

func TestDuplicate(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 40, 0, 0, time.UTC)
	other := func(connected bool) ecsops.Registration {
		return ecsops.Registration{Cluster: ecsops.MakeClusterARN("123456789012", "eu-west-1", "staging"), Status: "ACTIVE", AgentConnected: connected, RegisteredAt: at,
			Instance: "arn:aws:ecs:eu-west-1:123456789012:container-instance/staging/c0ffee00000000000000000000060001"}
	}
	for _, c := range []struct {
		why     string
		finding ecsops.Finding
		want    []string
	}{
		{"left over", ecsops.Finding{Severity: ecsops.Amber, Names: []string{ecsops.LeftOver}, Registrations: []ecsops.Registration{other(true)}},
			[]string{"1 other registration: “c0ffee00” in cluster “staging”, ACTIVE, agent connected, registered 23 Nov 2026 08:40 UTC", "left over", "can safely be deregistered, AWS says"}},
		{"in use", ecsops.Finding{Severity: ecsops.Amber, Names: []string{ecsops.InUse}, Registrations: []ecsops.Registration{other(false)}},
			[]string{"agent not connected", "the one in use", "each by its own id"}},
		{"neither", ecsops.Finding{Severity: ecsops.Amber, Registrations: []ecsops.Registration{other(false), other(false)}},
			[]string{"2 other registrations", "Check that this is the one you mean"}},
		{"its tasks would end with the machine", ecsops.Finding{Severity: ecsops.Red, Names: []string{ecsops.LeftOver}, Registrations: []ecsops.Registration{other(true)}},
			[]string{"in use under another registration", "undrained"}},
		{"recorded by an earlier version", ecsops.Finding{Severity: ecsops.Amber, Count: 1, Names: []string{"c0ffee00000000000000000000060001"}},
			[]string{"1 other registration: “c0ffee00”"}},
		{"a hostile cluster name stays one quoted word", ecsops.Finding{Severity: ecsops.Amber, Registrations: []ecsops.Registration{{Instance: "a/b", Cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/<!here>\n*x*"}}},
			[]string{"in cluster “"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			c.finding.Rule = ecsops.RuleDuplicate
			got := Finding(c.finding)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q has no %q", got, want)
				}
			}
			if strings.Contains(got, "\n") {
				t.Errorf("%q has a line of its own", got)
			}
		})
	}
}

func TestUnreadClusters(t *testing.T) {
	for reason, want := range map[string]string{
		"AccessDeniedException": "could not read registrations in staging: “ecs:ListContainerInstances” answered “AccessDeniedException”",
		"too many clusters":     "could not read registrations in staging: there are too many clusters for one preview to ask",
	} {
		if got := Unknown(ecsops.Unknown{Fact: "registrations in staging", Call: "ecs:ListContainerInstances", Reason: reason}); got != want {
			t.Errorf("%q", got)
		}
	}
}
