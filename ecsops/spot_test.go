package ecsops_test

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

const spotID = "i-0a1b2c3d4e5f60009"

func spotEstate(t *testing.T, spec aws.InstanceSpec) *estate {
	t.Helper()
	e := demo(t)
	r := e.Region(aws.DemoAccount, aws.DemoRegion)
	spec.Cluster, spec.EC2ID, spec.Spot, spec.Age = aws.DemoCluster, spotID, true, time.Hour
	if _, err := r.AddInstance(spec); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "feed", CPU: 128, Memory: 128}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.AddService(aws.ServiceSpec{Cluster: aws.DemoCluster, Name: "feed", TaskDefinition: "feed", Desired: 1, MinPercent: 100, MaxPercent: 200, On: []string{spotID}}); err != nil {
		t.Fatal(err)
	}
	return e
}

func finding(t *testing.T, p ecsops.Plan, r ecsops.Rule) ecsops.Finding {
	t.Helper()
	i := slices.IndexFunc(p.Findings, func(f ecsops.Finding) bool { return f.Rule == r })
	if i < 0 {
		t.Fatalf("no %s: %s", r, rules(p))
	}
	return p.Findings[i]
}

// TestSpotInterruption: what is announced is read from the request, with what it means for
// each service; then EC2 takes the machine, and says so.
func TestSpotInterruption(t *testing.T) {
	e := spotEstate(t, aws.InstanceSpec{})
	p := plan(e.preview(spotID))
	if f := finding(t, p, ecsops.RuleSpot); f.Names[0] != ecsops.SpotQuiet || p.Path != ecsops.PathDrain {
		t.Fatalf("before the notice: %v, %s", f.Names, p.Path)
	}
	e.clock.Advance(time.Minute)
	if err := e.InterruptSpot(spotID); err != nil {
		t.Fatal(err)
	}
	p = plan(e.preview(spotID))
	f := finding(t, p, ecsops.RuleSpot)
	if f.Names[0] != ecsops.SpotAnnounced || !f.Since.Equal(start.Add(time.Minute)) || f.Limit != 2*time.Minute || p.Path != ecsops.PathDrain {
		t.Fatalf("after the notice: %+v, %s", f, p.Path)
	}
	if len(f.Services) != 1 || f.Services[0].Service != "feed" {
		t.Errorf("services that must start a copy first: %+v", f.Services)
	}
	e.clock.Advance(2*time.Minute + time.Second)
	p = plan(e.preview(spotID))
	if f := finding(t, p, ecsops.RuleSpot); f.Names[0] != ecsops.SpotInterrupted || p.Path != ecsops.PathWait || !has(p, ecsops.RuleTransition) {
		t.Errorf("EC2 takes it: %v, %s, %s", f.Names, p.Path, rules(p))
	}
}

// TestSpotDrainsItself: the agent has set the registration to DRAINING on the notice; the
// bot offers to watch.
func TestSpotDrainsItself(t *testing.T) {
	e := spotEstate(t, aws.InstanceSpec{SpotDrains: true})
	if err := e.InterruptSpot(spotID); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(2 * time.Second)
	p := plan(e.preview(spotID))
	if p.Path != ecsops.PathObserve || p.Has(ecsops.StepDrain) || !has(p, ecsops.RuleAlreadyDraining) || finding(t, p, ecsops.RuleSpot).Names[0] != ecsops.SpotAnnounced {
		t.Errorf("path %s, steps %v, %s", p.Path, p.Steps, rules(p))
	}
}

// TestSpotUnread: a request that could not be read is never "no interruption".
func TestSpotUnread(t *testing.T) {
	e := spotEstate(t, aws.InstanceSpec{})
	e.Deny("DescribeSpotInstanceRequests")
	s := e.preview(spotID)
	want := ecsops.Unknown{Fact: "spot", Call: "ec2:DescribeSpotInstanceRequests", Reason: "UnauthorizedOperation"}
	if missing := s.Unknowns(); len(missing) != 1 || missing[0] != want {
		t.Fatalf("unknown: %v", missing)
	}
	if f := finding(t, plan(s), ecsops.RuleSpot); len(f.Names) != 0 {
		t.Errorf("A3 %v", f.Names)
	}
	if s := e.preview(aws.DemoClean); len(s.Unknowns()) != 0 {
		t.Errorf("of a machine that is no Spot Instance it is not asked: %v", s.Unknowns())
	}
}
