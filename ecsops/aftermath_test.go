package ecsops_test

import (
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// TestAftermath reads over the wire what follow-ups look after.
func TestAftermath(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean).Target
	after := func(registrations bool) ecsops.Aftermath {
		t.Helper()
		a, err := e.Aftermath(t.Context(), target, registrations)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActForceDeregister, Target: target, Session: "op1"}); out.Result != ecsops.OK {
		t.Fatalf("deregistering: %+v", out)
	}
	e.forget()
	a := after(false)
	machine, _ := a.EC2.Get()
	if _, known := a.Again.Get(); machine.State != "running" || known {
		t.Errorf("machine %+v, registrations known %v though nobody asked", machine, known)
	}
	for _, c := range e.seen() {
		if c.Service == "ECS" {
			t.Errorf("a look at the machine alone asks ECS: %+v", c)
		}
	}
	if again, known := after(true).Again.Get(); !known || len(again) != 0 {
		t.Errorf("its own INACTIVE record counts: %+v, known %v", again, known)
	}
	e.clock.Advance(time.Minute)
	arn, err := e.ReRegister(aws.DemoClean, aws.DemoStagingCluster)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := after(true).Again.Get()
	if len(again) != 1 || string(again[0].Instance) != arn || again[0].Cluster.Name() != aws.DemoStagingCluster || !again[0].RegisteredAt.After(start) {
		t.Errorf("registered in another cluster: %+v", again)
	}
	e.Deny("ListContainerInstances")
	if _, known := after(true).Again.Get(); known {
		t.Error("a list that is denied is known")
	}
	e.Deny("DescribeInstances")
	a = after(true)
	if _, known := a.EC2.Get(); known || a.EC2.Why().Call != "ec2:DescribeInstances" {
		t.Errorf("a machine that cannot be read: %+v", a.EC2.Why())
	}
	e.Heal()
	if err := e.TerminateEC2(aws.DemoClean); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(time.Hour)
	if machine, known := after(false).EC2.Get(); !known || !machine.Gone() {
		t.Errorf("terminated: %+v, known %v", machine, known)
	}
}

// TestAftermathExternal: EC2 is not asked about what is none of its machines.
func TestAftermathExternal(t *testing.T) {
	e := demo(t)
	target := e.preview(aws.DemoClean).Target
	target.EC2 = "mi-0123456789abcdef0"
	a, err := e.Aftermath(t.Context(), target, false)
	if _, known := a.EC2.Get(); err != nil || known || a.EC2.Why().Reason != "external" {
		t.Errorf("%v: %+v", err, a.EC2.Why())
	}
}
