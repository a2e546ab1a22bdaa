package ecsops_test

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

const hostID = "mi-0a1b2c3d4e5f60009"

func anywhere(t *testing.T, mode ecsops.ExternalMode) *estate {
	t.Helper()
	e := demo(t, func(c *ecsops.Config) { c.External = mode })
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: hostID, Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestExternalModes: what the configuration allows, what was asked, and what comes of both.
func TestExternalModes(t *testing.T) {
	keep, ssm := ecsops.Intent{Purpose: ecsops.Retire}, ecsops.Intent{Purpose: ecsops.Retire, DeregisterNode: true}
	for _, c := range []struct {
		mode  ecsops.ExternalMode
		in    ecsops.Intent
		says  string
		bars  bool
		steps int // 0 = nothing is done
	}{
		{ecsops.ExternalOff, keep, ecsops.ExternalRefused, true, 0},
		{ecsops.ExternalOff, ssm, ecsops.ExternalRefused, true, 0},
		{ecsops.ExternalDrain, keep, ecsops.ExternalLeaves, false, 4},
		{ecsops.ExternalDrain, ssm, ecsops.ExternalNoSSM, true, 0},
		{ecsops.ExternalSSM, keep, ecsops.ExternalLeaves, false, 4},
		{ecsops.ExternalSSM, ssm, ecsops.ExternalLeavesAll, false, 5},
		{ecsops.ExternalSSM, ecsops.Intent{Purpose: ecsops.Retire, Force: true}, ecsops.ExternalNoForce, true, 0},
	} {
		e := anywhere(t, c.mode)
		e.forget()
		s := e.preview(hostID)
		p := ecsops.NewPlan(s, c.in)
		f := finding(t, p, ecsops.RuleExternal)
		if p.Path != ecsops.PathExternal || f.Names[1] != c.says || f.Bars != c.bars || len(p.Steps) != c.steps || p.Has(ecsops.StepForce) {
			t.Errorf("%q %+v: path %s, %+v, steps %v", c.mode, c.in, p.Path, f, p.Steps)
		}
		if p.Has(ecsops.StepDeregisterNode) != (c.says == ecsops.ExternalLeavesAll) {
			t.Errorf("%q %+v: steps %v", c.mode, c.in, p.Steps)
		}
		asked := false
		for _, call := range e.seen() {
			asked = asked || call.Service == "SSM"
		}
		if asked != (c.mode != ecsops.ExternalOff) {
			t.Errorf("%q: Systems Manager was asked: %t", c.mode, asked)
		}
	}
	p := ecsops.NewPlan(anywhere(t, ecsops.ExternalSSM).preview(aws.DemoClean), ssm)
	if f := finding(t, p, ecsops.RuleExternal); f.Names[1] != ecsops.ExternalNotOne || !f.Bars {
		t.Errorf("of an EC2 machine: %+v", f)
	}
}

// TestExternalNode: what Systems Manager sees, over the wire, from the agent's loss to the
// end of the registration.
func TestExternalNode(t *testing.T) {
	e := anywhere(t, ecsops.ExternalSSM)
	node := func() ecsops.Node {
		t.Helper()
		n, ok := e.preview(hostID).Node.Get()
		if !ok {
			t.Fatal("not read")
		}
		return n
	}
	if n := node(); !n.Asked || !n.Registered || n.Ping != "Online" {
		t.Errorf("%+v", n)
	}
	if err := e.LoseNode(hostID, true); err != nil {
		t.Fatal(err)
	}
	if n := node(); n.Ping != "ConnectionLost" || !n.LastPing.Equal(start) {
		t.Errorf("cut off: %+v", n)
	}
	target := e.preview(hostID).Target
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDeregisterNode, Target: target, Session: "op"}); out.Result != ecsops.OK {
		t.Fatalf("Do = %+v", out)
	}
	if n := node(); !n.Asked || n.Registered {
		t.Errorf("deregistered: %+v", n)
	}
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDeregisterNode, Target: target, Session: "op"}); out.Result != ecsops.Refused || out.Code != "InvalidInstanceId" {
		t.Errorf("a second time: %+v", out)
	}
	target.EC2 = aws.DemoClean
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDeregisterNode, Target: target, Session: "op"}); out.Result != ecsops.Refused || out.Code != "InvalidAction" {
		t.Errorf("an EC2 machine: %+v", out)
	}
}

// TestExternalUnread: a host that Systems Manager was not heard about is not well.
func TestExternalUnread(t *testing.T) {
	e := anywhere(t, ecsops.ExternalSSM)
	e.Deny("DescribeInstanceInformation")
	s := e.preview(hostID)
	for _, c := range []struct {
		in      ecsops.Intent
		verdict ecsops.Severity
	}{{ecsops.Intent{Purpose: ecsops.Retire}, ecsops.Amber}, {ecsops.Intent{Purpose: ecsops.Retire, DeregisterNode: true}, ecsops.Red}} {
		p := ecsops.NewPlan(s, c.in)
		if p.Verdict != c.verdict || finding(t, p, ecsops.RuleIncomplete).Missing[0].Fact != "node" || finding(t, p, ecsops.RuleExternal).Node != nil {
			t.Errorf("%+v: %s, %s", c.in, p.Verdict, rules(p))
		}
	}
	check := ecsops.Verify(ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire}), ecsops.After{Snapshot: s})[6]
	if check.ID != "V7" || check.Result != ecsops.CheckUnknown || check.Missing == nil {
		t.Errorf("V7 = %+v", check)
	}
}

// TestExternalHasNoEC2: of a host outside EC2 neither findings, holds nor checks speak of a machine there.
func TestExternalHasNoEC2(t *testing.T) {
	e := anywhere(t, ecsops.ExternalSSM)
	if _, err := e.PlaceTask(hostID, "worker", "someone"); err != nil {
		t.Fatal(err)
	}
	if err := e.DisconnectAgent(hostID); err != nil {
		t.Fatal(err)
	}
	s := e.preview(hostID)
	p := plan(s)
	if f := finding(t, p, ecsops.RuleAgentLost); !slices.Equal(f.Names, []string{ecsops.OutsideEC2}) || f.Severity != ecsops.Red {
		t.Errorf("%+v", f)
	}
	if f := finding(t, plan(demo(t).preview(aws.DemoDisconnected)), ecsops.RuleAgentLost); len(f.Names) > 0 {
		t.Errorf("of an EC2 machine: %+v", f)
	}
	for _, h := range ecsops.Holds(s, p.Intent, start) {
		if h.Cause != ecsops.HeldByAgent || h.Missing != nil || h.Host != "" {
			t.Errorf("%+v", h)
		}
	}
	checks := ecsops.Verify(p, ecsops.After{Snapshot: s})
	if v7 := checks[6]; v7.ID != "V7" || !v7.Outside || checks[0].Outside {
		t.Errorf("%+v", checks)
	}
}

func TestParseExternal(t *testing.T) {
	for text, want := range map[string]ecsops.ExternalMode{"": ecsops.ExternalOff, "off": ecsops.ExternalOff, "Drain": ecsops.ExternalDrain, "ssm": ecsops.ExternalSSM} {
		if got, err := ecsops.ParseExternal(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ecsops.ParseExternal("yes"); err == nil {
		t.Error("yes is no mode")
	}
}
