package ecsops_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// behindClassic is the demo estate with a service of one task, on the clean instance, behind the Classic load balancer "legacy".
func behindClassic(t *testing.T) *estate {
	t.Helper()
	return over(t, func(c *aws.Cloud) error {
		if err := c.Demo(); err != nil {
			return err
		}
		r := c.Region(aws.DemoAccount, aws.DemoRegion)
		lb, err := r.AddClassic(aws.ClassicSpec{Name: "legacy", InstancePort: 8090, Draining: 40 * time.Second})
		if err != nil {
			return err
		}
		if _, err := r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "legacy", CPU: 64, Memory: 128, Ports: []aws.PortSpec{{ContainerPort: 80, HostPort: 8090}}}); err != nil {
			return err
		}
		_, err = r.AddService(aws.ServiceSpec{Cluster: aws.DemoCluster, Name: "legacy", TaskDefinition: "legacy", Desired: 1, MinPercent: 100, MaxPercent: 200,
			Balancers: []aws.BalancerSpec{{TargetGroup: lb, ContainerPort: 80}}, On: []string{aws.DemoClean}})
		return err
	})
}

// legacy is the load balancer in a snapshot.
func legacy(t *testing.T, s ecsops.Snapshot) ecsops.TargetGroup {
	t.Helper()
	groups, ok := s.TargetGroups.Get()
	if !ok {
		t.Fatalf("unknown: %+v", s.TargetGroups.Why())
	}
	for _, g := range groups {
		if g.TargetType == "classic" {
			return g
		}
	}
	t.Fatalf("not among %v", groups)
	return ecsops.TargetGroup{}
}

func TestClassicLoadBalancerIsRead(t *testing.T) {
	e := behindClassic(t)
	s := e.preview(aws.DemoClean)
	g := legacy(t, s)
	if g.Name != "legacy" || g.Healthy != 1 || g.HealthyAfter != 0 || g.Deregister != 40*time.Second || !slices.Equal(g.Here, []string{aws.DemoClean}) {
		t.Errorf("before: %+v", g)
	}
	force := ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Force: true})
	if i := slices.IndexFunc(force.Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleTargetsZero }); i < 0 || !force.Findings[i].TargetGroups[0].Classic {
		t.Errorf("by force: %s", rules(force))
	}
	if has(plan(s), ecsops.RuleCutOff) {
		t.Errorf("connections get 40 s: %s", rules(plan(s)))
	}
	// While it is drained, the instance is InService to AWS and counts no more to us.
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: s.Target, Session: "op-1"}); out.Result != ecsops.OK {
		t.Fatalf("%+v", out)
	}
	for range 180 {
		e.clock.Advance(time.Second)
		if !slices.ContainsFunc(e.State().Targets, func(x aws.TargetState) bool {
			return x.ID == aws.DemoClean && x.State == "draining" && strings.HasSuffix(x.Group, "loadbalancer/legacy")
		}) {
			continue
		}
		if n := legacy(t, e.preview(aws.DemoClean)); len(n.Here) != 0 || n.Healthy != 1 || n.HealthyAfter != 1 {
			t.Errorf("while it drains: %+v", n)
		}
		return
	}
	t.Error("it was never drained")
}

func TestClassicWithoutDraining(t *testing.T) {
	e := behindClassic(t)
	if err := e.SetDraining("legacy", 0); err != nil {
		t.Fatal(err)
	}
	s := e.preview(aws.DemoClean)
	if g := legacy(t, s); g.Deregister != 0 || !has(plan(s), ecsops.RuleCutOff) {
		t.Errorf("%+v: %s", g, rules(plan(s)))
	}
}

func TestClassicUnreadIsNeverGreen(t *testing.T) {
	for call, breaks := range map[string]func(*estate){
		"elasticloadbalancing:DescribeInstanceHealth":         func(e *estate) { e.Deny("DescribeInstanceHealth") },
		"elasticloadbalancing:DescribeLoadBalancerAttributes": func(e *estate) { e.Deny("DescribeLoadBalancerAttributes") },
		"elasticloadbalancing:DescribeInstanceHealth Unknown": func(e *estate) { e.ConfuseClassic(true) },
	} {
		t.Run(call, func(t *testing.T) {
			e := behindClassic(t)
			breaks(e)
			s := e.preview(aws.DemoClean)
			name, state, _ := strings.Cut(call, " ")
			why := s.TargetGroups.Why()
			if _, ok := s.TargetGroups.Get(); ok || why.Call != name || !strings.Contains(why.Reason, state) {
				t.Errorf("unknown as %+v", why)
			}
			if p := plan(s); p.Verdict != ecsops.Red || !has(p, ecsops.RuleIncomplete) {
				t.Errorf("%s: %s", p.Verdict, rules(p))
			}
		})
	}
}
