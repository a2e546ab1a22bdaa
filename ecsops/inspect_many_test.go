package ecsops_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// InspectMany says of each instance what Inspect says of it, for a fraction of the calls.
func TestInspectManySaysWhatInspectSays(t *testing.T) {
	e := demo(t)
	listed, err := e.List(t.Context(), ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, aws.DemoCluster))
	if err != nil {
		t.Fatal(err)
	}
	var targets []ecsops.Target
	var singly []ecsops.Snapshot
	e.forget()
	for _, l := range listed {
		targets = append(targets, l.Target)
		s, err := e.Inspect(t.Context(), l.Target)
		if err != nil {
			t.Fatal(err)
		}
		singly = append(singly, s)
	}
	one := len(e.seen())
	e.forget()
	many, err := e.InspectMany(t.Context(), targets)
	if err != nil || len(many) != len(targets) {
		t.Fatalf("%d snapshots of %d, %v", len(many), len(targets), err)
	}
	if all := len(e.seen()); all*3 > one {
		t.Errorf("%d calls for %d instances, one by one it takes %d", all, len(targets), one)
	}
	for i := range targets {
		a, b := ecsops.NewPlan(singly[i], ecsops.Intent{Purpose: ecsops.Retire}), ecsops.NewPlan(many[i], ecsops.Intent{Purpose: ecsops.Retire})
		if a.Digest != b.Digest || a.Path != b.Path {
			t.Errorf("%s: %v", targets[i].EC2, ecsops.Diff(a, b))
		}
		if d := cmp.Diff(findingsOf(t, a), findingsOf(t, b)); d != "" {
			t.Errorf("%s is judged otherwise when it is read with others:\n%s", targets[i].EC2, d)
		}
		if u := many[i].Unknowns(); len(u) > 0 {
			t.Errorf("%s: unknown %v", targets[i].EC2, u)
		}
	}
}

// An hour after a deregistration ECS tells nothing of the registration any more, not even which
// machine it was: that is remembered, so that its end can still be ordered.
func TestInspectionsRememberTheMachine(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean).Target
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActForceDeregister, Target: target}); out.Result != ecsops.OK {
		t.Fatalf("%+v", out)
	}
	e.clock.Advance(2 * time.Hour)
	singly, err := e.Inspect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	many, err := e.InspectMany(t.Context(), []ecsops.Target{target})
	if err != nil {
		t.Fatal(err)
	}
	for how, s := range map[string]ecsops.Snapshot{"by itself": singly, "with others": many[0]} {
		if i, _ := s.Instance.Get(); !i.Missing {
			t.Fatalf("%s: ECS still tells of it: %+v", how, i)
		}
		if m, ok := s.EC2.Get(); !ok || m.State != "running" {
			t.Errorf("%s: the machine is %+v, %v", how, m, s.EC2.Why())
		}
		if _, ok := s.Elsewhere.Get(); !ok {
			t.Errorf("%s: not looked for in other clusters: %v", how, s.Elsewhere.Why())
		}
	}
	if d := cmp.Diff(singly.Unknowns(), many[0].Unknowns()); d != "" { // its tasks, which ECS lists no more
		t.Errorf("what is not known by itself, and with others:\n%s", d)
	}
}

func findingsOf(t *testing.T, p ecsops.Plan) string {
	t.Helper()
	b, err := json.MarshalIndent(p.Findings, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What one shared read lacks is unknown for each, and no plan is greener for it.
func TestInspectManyWithoutPermissions(t *testing.T) {
	e := demo(t)
	listed, err := e.List(t.Context(), ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, aws.DemoCluster))
	if err != nil {
		t.Fatal(err)
	}
	targets := []ecsops.Target{listed[0].Target, listed[1].Target}
	for action, fact := range map[string]string{"DescribeTasks": "tasks", "DescribeInstances": "ec2", "DescribeAutoScalingInstances": "group", "GetTaskProtection": "protection"} {
		t.Run(action, func(t *testing.T) {
			e.Deny(action)
			defer e.Heal()
			many, err := e.InspectMany(t.Context(), targets)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range many {
				if !slices.ContainsFunc(s.Unknowns(), func(u ecsops.Unknown) bool { return u.Fact == fact }) {
					t.Errorf("%s is known without %s: %v", fact, action, s.Unknowns())
				}
			}
		})
	}
}

func TestInspectManyRefusesSeveralClusters(t *testing.T) {
	e := demo(t)
	a, b := ecsops.Target{Cluster: "arn:aws:ecs:eu-central-1:123456789012:cluster/a"}, ecsops.Target{Cluster: "arn:aws:ecs:eu-central-1:123456789012:cluster/b"}
	if _, err := e.InspectMany(t.Context(), []ecsops.Target{a, b}); err == nil {
		t.Error("two clusters were read as one")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := e.InspectMany(ctx, []ecsops.Target{a}); err == nil {
		t.Error("no error though the time was over")
	}
}
