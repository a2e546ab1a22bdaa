package ecsops_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

// host is the demo's batch machine after a force, with the document in place and its agent
// answering Systems Manager.
func host(t *testing.T, change ...func(*ecsops.Config)) (*estate, ecsops.Target, []ecsops.TaskRef) {
	t.Helper()
	e := demo(t, append([]func(*ecsops.Config){func(c *ecsops.Config) { c.HostLook = ecsops.HostLookSSM }}, change...)...)
	content, err := os.ReadFile("../deploy/ssm/host-look.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(content), "{{") {
		t.Fatal("Systems Manager would take {{ for one of the document's parameters, and it has none")
	}
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddDocument(aws.DocumentSpec{Name: ecsops.HostLookDocument, Content: string(content)}); err != nil {
		t.Fatal(err)
	}
	p := ecsops.NewPlan(e.preview(aws.DemoBatch), ecsops.Intent{Purpose: ecsops.Retire, Force: true})
	target := p.Snapshot.Target
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActForceDeregister, Target: target, Session: "op"}); out.Result != ecsops.OK {
		t.Fatalf("forcing: %+v", out)
	}
	if err := e.ManageEC2(aws.DemoBatch, ""); err != nil {
		t.Fatal(err)
	}
	return e, target, p.Orphans()
}

func look(target ecsops.Target) ecsops.Action {
	return ecsops.Action{Kind: ecsops.ActLookAtHost, Target: target, Document: ecsops.HostLookDocument, Session: "op", Reason: strings.Repeat("why ", 40)}
}

// TestHostLook: the document's own script lists what runs on the host, over the wire; what a
// person kills there is seen to have ended.
func TestHostLook(t *testing.T) {
	e, target, orphans := host(t)
	ask := func() ecsops.HostSight {
		t.Helper()
		asked := e.clock.Now()
		out := e.Do(t.Context(), look(target))
		if out.Result != ecsops.OK || out.Command == "" {
			t.Fatalf("sending: %+v", out)
		}
		q := ecsops.HostQuestion{Target: target, Command: out.Command, Asked: asked, Orphans: orphans, Left: start}
		a, err := e.HostLook(t.Context(), q)
		if _, known := a.Get(); err != nil || known || a.Why().Reason != "InvocationDoesNotExist" {
			t.Fatalf("right after: %+v, %v", a, err)
		}
		for range 20 {
			e.clock.Advance(time.Second)
			a, err = e.HostLook(t.Context(), q)
			if got, known := a.Get(); err != nil || known && !got.Pending {
				return got.Sight
			}
		}
		t.Fatalf("no answer: %+v, %v", a, err)
		return ecsops.HostSight{}
	}
	sight := ask()
	if sight.Missing != nil || len(sight.Tasks) != len(orphans) || len(sight.Left(orphans)) != len(orphans) || sight.At.Before(start) {
		t.Fatalf("all run: %+v", sight)
	}
	for _, task := range sight.Tasks {
		if len(task.Containers) != 1 || task.Containers[0].State != "running" || task.Containers[0].Name == "" || task.Containers[0].StartedAt.IsZero() {
			t.Errorf("%+v", task)
		}
	}
	if err := e.EndOrphans(aws.DemoBatch, "nightly-report", 137, false); err != nil {
		t.Fatal(err)
	}
	sight = ask()
	left := sight.Left(orphans)
	if len(left) != len(orphans)-1 || slices.ContainsFunc(left, func(r ecsops.TaskRef) bool { return strings.HasPrefix(r.Name, "nightly") }) {
		t.Errorf("one was killed: %+v", sight)
	}
	if err := e.EndOrphans(aws.DemoBatch, "", 0, true); err != nil {
		t.Fatal(err)
	}
	if sight = ask(); !sight.Clear(orphans) {
		t.Errorf("none is left: %+v", sight)
	}
	sent := 0
	for _, c := range e.seen() {
		if c.Operation == "SendCommand" {
			sent++
		}
	}
	if sent != 3 {
		t.Errorf("%d commands", sent)
	}
}

// TestHostLookSaysWhyNot: whatever keeps the machine from answering is a reason, never an end.
func TestHostLookSaysWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*estate) error
		cannot string // beforehand, by what Systems Manager knows
		code   string // of the order
		why    string // of the answer
	}{
		"no agent":         {before: func(e *estate) error { return e.LoseNode(aws.DemoBatch, true) }, cannot: ecsops.HostOffline, code: "InvalidInstanceId"},
		"Windows":          {before: func(e *estate) error { return e.ManageEC2(aws.DemoBatch, "Windows") }, cannot: ecsops.HostNotLinux, code: "UnsupportedPlatformType"},
		"Bottlerocket":     {before: func(e *estate) error { return e.ManageEC2(aws.DemoBatch, "Bottlerocket") }, why: ecsops.HostNoDocker},
		"a silent agent":   {before: func(e *estate) error { return e.SilenceNode(aws.DemoBatch, true) }, why: "DeliveryTimedOut"},
		"not allowed":      {before: func(e *estate) error { e.Deny("SendCommand"); return nil }, code: "AccessDeniedException"},
		"a machine ending": {before: func(e *estate) error { return e.TerminateEC2(aws.DemoBatch) }, code: "InvalidInstanceId"},
	} {
		t.Run(name, func(t *testing.T) {
			e, target, orphans := host(t)
			if err := c.before(e); err != nil {
				t.Fatal(err)
			}
			node, err := e.Node(t.Context(), target)
			if n, known := node.Get(); err != nil || !known || n.CannotLook() != c.cannot {
				t.Errorf("%+v, %v", n, err)
			}
			asked := e.clock.Now()
			out := e.Do(t.Context(), look(target))
			if c.code != "" {
				if out.Result != ecsops.Refused || out.Code != c.code || out.Command != "" {
					t.Errorf("%+v", out)
				}
				return
			}
			e.clock.Advance(3 * time.Minute)
			a, err := e.HostLook(t.Context(), ecsops.HostQuestion{Target: target, Command: out.Command, Asked: asked, Orphans: orphans, Left: start})
			got, known := a.Get()
			if err != nil || !known || got.Pending || got.Sight.Missing == nil || got.Sight.Missing.Reason != c.why || got.Sight.Clear(orphans) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestHostLookSendsNothingElse: no document but the configured one, no machine of another kind.
func TestHostLookSendsNothingElse(t *testing.T) {
	e, target, _ := host(t)
	off := demo(t)
	far := target
	far.EC2 = hostID
	for name, c := range map[string]struct {
		e *estate
		a ecsops.Action
	}{
		"switched off":         {off, look(target)},
		"another document":     {e, func() ecsops.Action { a := look(target); a.Document = "AWS-RunShellScript"; return a }()},
		"no document":          {e, func() ecsops.Action { a := look(target); a.Document = ""; return a }()},
		"an external instance": {e, look(far)},
	} {
		c.e.forget()
		if out := c.e.Do(t.Context(), c.a); out.Result != ecsops.Refused || out.Code != "InvalidAction" {
			t.Errorf("%s: %+v", name, out)
		}
		for _, call := range c.e.seen() {
			if call.Service == "SSM" {
				t.Errorf("%s: %s was called", name, call.Operation)
			}
		}
	}
}

func TestHostLookSettings(t *testing.T) {
	for text, want := range map[string]ecsops.HostLookMode{"": ecsops.HostLookOff, "off": ecsops.HostLookOff, "SSM": ecsops.HostLookSSM} {
		if got, err := ecsops.ParseHostLook(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ecsops.ParseHostLook("yes"); err == nil {
		t.Error("yes is no mode")
	}
	for name, ok := range map[string]bool{"ecsbot-host-look": true, "our.look_2": true, "AWS-RunShellScript": false, "aws-x": false, "Amazon-Inspector": false, "amzn1": false,
		"": false, "ab": false, "a b c": false, "arn:aws:ssm:eu-central-1:123456789012:document/x": false} {
		if _, err := ecsops.ParseHostLookDocument(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestHostLookPermissions: the self-test tries what reads, and says what it cannot try.
func TestHostLookPermissions(t *testing.T) {
	e, target, _ := host(t)
	all := e.Permissions(t.Context(), target.Cluster)
	of := func(call string) ecsops.PermissionCheck {
		i := slices.IndexFunc(all, func(c ecsops.PermissionCheck) bool { return c.Call == call })
		if i < 0 {
			t.Fatalf("%s is not checked", call)
		}
		return all[i]
	}
	if c := of("ssm:GetCommandInvocation"); !c.OK {
		t.Errorf("%+v", c)
	}
	if c := of("ssm:SendCommand"); c.OK || !c.Unsure {
		t.Errorf("%+v", c)
	}
	e.Deny("GetCommandInvocation")
	all = e.Permissions(t.Context(), target.Cluster)
	if c := of("ssm:GetCommandInvocation"); c.OK || c.Unsure {
		t.Errorf("denied: %+v", c)
	}
}
