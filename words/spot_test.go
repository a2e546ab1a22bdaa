package words

import (
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

func TestSpot(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 40, 0, 0, time.UTC)
	for _, c := range []struct {
		why      string
		finding  ecsops.Finding
		want     string
		dontWant string
	}{
		{"nothing announced", ecsops.Finding{Names: []string{ecsops.SpotQuiet}}, "No interruption is announced; a rebalance recommendation, which may come earlier, is told to the machine alone", ""},
		{"not read", ecsops.Finding{}, "two minutes' notice", "announced"},
		{"announced", ecsops.Finding{Names: []string{ecsops.SpotAnnounced}, Since: at, Limit: 2 * time.Minute},
			"EC2 terminates this machine 2 min after its notice of 23 Nov 2026 08:40 UTC, at about 23 Nov 2026 08:42 UTC", ""},
		{"announced, and it is stopped", ecsops.Finding{Names: []string{ecsops.SpotAnnounced, "stops"}, Since: at, Limit: 2 * time.Minute}, "EC2 stops this machine", ""},
		{"a service that cannot move in time", ecsops.Finding{Names: []string{ecsops.SpotAnnounced}, Since: at, Limit: 2 * time.Minute,
			Services: []ecsops.ServiceImpact{{Service: "web", Here: 2, MinPercent: 100}}}, "must start its 2 copies before it stops one (minimum 100 %), so its drain cannot end in time", ""},
		{"a long drain", ecsops.Finding{Names: []string{ecsops.SpotAnnounced}, Since: at, Limit: 2 * time.Minute, Duration: 5 * time.Minute}, "a drain may take 5 min", ""},
		{"taken", ecsops.Finding{Names: []string{ecsops.SpotInterrupted}}, "EC2 is taking this machine away, or has", "announced"},
		{"it drains", ecsops.Finding{Names: []string{ecsops.SpotDrains}}, "ECS_ENABLE_SPOT_INSTANCE_DRAINING", ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			c.finding.Rule, c.finding.Severity = ecsops.RuleSpot, ecsops.Amber
			got := Finding(c.finding)
			if !strings.Contains(got, c.want) || c.dontWant != "" && strings.Contains(got, c.dontWant) {
				t.Errorf("%q", got)
			}
		})
	}
}
