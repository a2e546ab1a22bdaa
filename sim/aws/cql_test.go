package aws

import (
	"testing"
	"time"
)

func TestQueryLanguage(t *testing.T) {
	s := subject{running: 3, groups: []string{"service:web", "family:batch"}, instance: &instance{
		ec2ID: "i-0a1b2c3d4e5f60001", connected: true, az: "eu-central-1a", registeredAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		attributes: map[string]string{"ecs.instance-type": "g2.xlarge", "stack": "prod", "flag": ""},
	}}
	for query, want := range map[string]bool{
		`ec2InstanceId == i-0a1b2c3d4e5f60001`:                   true,
		`ec2InstanceId == 'i-0a1b2c3d4e5f60001'`:                 true,
		`ec2InstanceId=="i-0a1b2c3d4e5f60002"`:                   false,
		`ec2InstanceId in ['i-abcd1234', 'i-0a1b2c3d4e5f60001']`: true,
		`ec2InstanceId in [i-abcd1234,i-0a1b2c3d4e5f60001]`:      true,
		`ec2InstanceId !in [i-abcd1234]`:                         true,
		`agentConnected == true`:                                 true,
		`agentConnected != true`:                                 false,
		`runningTasksCount > 2 and runningTasksCount <= 3`:       true,
		`runningTasksCount > 10`:                                 false,
		`registeredAt >= 2026-02-18`:                             true,
		`registeredAt < 2026-02-18`:                              false,
		`attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d`: true,
		`attribute:ecs.instance-type !~ g2.*`:                                                   false,
		`attribute:stack == prod`:                                                               true,
		`attribute:stack exists`:                                                                true,
		`attribute:flag exists`:                                                                 true,
		`attribute:none exists`:                                                                 false,
		`attribute:none !exists`:                                                                true,
		`attribute:none == x`:                                                                   false,
		`attribute:none != x`:                                                                   true,
		`task:group == service:web`:                                                             true,
		`task:group == service:api`:                                                             false,
		`not(task:group == service:api)`:                                                        true,
		`not (task:group == service:api) and agentConnected == true`:                            true,
		`agentConnected == false or (runningTasksCount == 3 and attribute:stack in [prod, test])`: true,
		`agentConnected == false && runningTasksCount == 3`:                                       false,
	} {
		m, err := parseQuery(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		if got := m(s); got != want {
			t.Errorf("%s is %t, want %t", query, got, want)
		}
	}
	for _, bad := range []string{
		"", "ec2InstanceId", "ec2InstanceId ==", "colour == red", "agentConnected == true and", "(agentConnected == true", "agentConnected == true)",
		"ec2InstanceId in [a", "ec2InstanceId in a", "agentConnected ~ true", "attribute: == x", "attribute:a =~ (", "'unterminated", "agentConnected == true true",
	} {
		if _, err := parseQuery(bad); err == nil {
			t.Errorf("%q was understood", bad)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add(`attribute:a =~ g.* and not (ec2InstanceId in ['x', y])`)
	f.Fuzz(func(t *testing.T, query string) {
		m, err := parseQuery(query)
		if err == nil {
			m(subject{instance: &instance{}})
		}
	})
}
