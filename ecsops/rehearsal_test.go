package ecsops_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

var endIt = ecsops.Intent{Purpose: ecsops.Retire, Terminate: ecsops.Terminate}

// terminations are the calls of TerminateInstances, and whether any of them was meant.
func (e *estate) terminations() (calls int, meant bool) {
	for _, c := range e.Log() {
		if c.Action == "TerminateInstances" {
			calls++
			meant = meant || c.Mutating || c.TookEffect
		}
	}
	return calls, meant
}

// A termination by the bot is rehearsed, for the plans that end in one and for no others.
func TestRehearsal(t *testing.T) {
	for _, c := range []struct {
		name, id string
		in       ecsops.Intent
		prepare  func(*estate)
		want     ecsops.Rehearsal
		unread   string // reason
		calls    int
	}{
		{name: "allowed", id: aws.DemoClean, in: endIt, want: ecsops.RehearsalAllowed, calls: 1},
		{name: "not wanted", id: aws.DemoClean, in: ecsops.Intent{Purpose: ecsops.Retire}},
		{name: "through its group", id: aws.DemoGroupB, in: ecsops.Intent{Purpose: ecsops.Retire, Terminate: ecsops.Replace}},
		{name: "in a group, whose own way it is", id: aws.DemoGroupB, in: endIt},
		{name: "a ghost", id: aws.DemoGhost, in: endIt},
		{name: "the permission is missing", id: aws.DemoClean, in: endIt, prepare: func(e *estate) { e.Deny("TerminateInstances") }, want: ecsops.RehearsalDenied, calls: 1},
		{name: "termination protection", id: aws.DemoProtected, in: endIt, want: ecsops.RehearsalRefused, calls: 1},
		{name: "its group is not known", id: aws.DemoClean, in: endIt, prepare: func(e *estate) { e.Deny("DescribeAutoScalingInstances") }, unread: "AccessDenied"},
		{name: "no answer", id: aws.DemoClean, in: endIt, prepare: func(e *estate) { e.Throttle("DryRun:TerminateInstances", 99) }, unread: "RequestLimitExceeded", calls: 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.calls > 1 && testing.Short() {
				t.Skip("the SDK's retries take their time")
			}
			e := demo(t)
			if c.prepare != nil {
				c.prepare(e)
			}
			p, err := e.Preview(ecsops.Reading(t.Context(), c.in), ecsops.Ref{EC2: ecsops.EC2ID(c.id)})
			if err != nil {
				t.Fatal(err)
			}
			got, known := p.Snapshot.Rehearsal.Get()
			if known != (c.unread == "") || got != c.want || !known && p.Snapshot.Rehearsal.Why().Reason != c.unread {
				t.Errorf("%q (known %t, %v), want %q", got, known, p.Snapshot.Rehearsal.Why(), c.want)
			}
			if calls, meant := e.terminations(); calls != c.calls || meant {
				t.Errorf("%d calls, meant %t", calls, meant)
			}
			if h, _ := e.State().Host(c.id); c.id != aws.DemoGhost && h.State != "running" {
				t.Errorf("the machine is %s", h.State)
			}
			if plan := ecsops.NewPlan(p.Snapshot, c.in); c.unread != "" && len(plan.Barred()) == 0 {
				t.Errorf("nothing bars it without an answer: %s", rules(plan))
			}
		})
	}
}

// Many machines are asked for in one call; only what EC2 refuses as a whole is asked one by one.
func TestRehearsalOfMany(t *testing.T) {
	e := demo(t)
	var targets []ecsops.Target
	for _, id := range []string{aws.DemoClean, aws.DemoBatch, aws.DemoStuck, aws.DemoGroupA} {
		targets = append(targets, e.preview(id).Target)
	}
	answers := func() []ecsops.Rehearsal {
		all, err := e.InspectMany(ecsops.Reading(t.Context(), endIt), targets)
		if err != nil {
			t.Fatal(err)
		}
		var out []ecsops.Rehearsal
		for _, s := range all {
			got, known := s.Rehearsal.Get()
			if !known {
				t.Errorf("%s: %v", s.Target.EC2, s.Rehearsal.Why())
			}
			out = append(out, got)
		}
		return out
	}
	const ok, none = ecsops.RehearsalAllowed, ecsops.RehearsalNone
	if d := cmp.Diff([]ecsops.Rehearsal{ok, ok, ok, none}, answers()); d != "" {
		t.Error(d)
	}
	if calls, meant := e.terminations(); calls != 1 || meant {
		t.Errorf("%d calls for three machines, meant %t", calls, meant)
	}
	targets = append(targets, e.preview(aws.DemoProtected).Target)
	if d := cmp.Diff([]ecsops.Rehearsal{ok, ok, ok, none, ecsops.RehearsalRefused}, answers()); d != "" {
		t.Error(d)
	}
	if calls, meant := e.terminations(); calls != 1+1+4 || meant {
		t.Errorf("%d calls in all, meant %t", calls, meant)
	}
}

// Attempts to terminate are in CloudTrail: none without a reason.
func TestNobodyRehearsesUnasked(t *testing.T) {
	e := demo(t)
	if _, err := e.InspectMany(t.Context(), []ecsops.Target{e.preview(aws.DemoClean).Target}); err != nil {
		t.Fatal(err)
	}
	if calls, _ := e.terminations(); calls != 0 {
		t.Errorf("%d calls that nobody wanted", calls)
	}
}

// What is attached for a resource of AWS, as for a task, ends with that; the rest is told.
func TestVolumes(t *testing.T) {
	e := demo(t)
	for _, v := range []aws.VolumeSpec{{Device: "/dev/sdf", Keep: true}, {Device: "/dev/sdg"}, {Device: "/dev/sdh", Owner: "arn:aws:ecs:eu-central-1:123456789012:task/prod/1"}} {
		if err := e.AttachVolume(aws.DemoClean, v); err != nil {
			t.Fatal(err)
		}
	}
	s := e.preview(aws.DemoClean)
	m, _ := s.EC2.Get()
	want := []ecsops.Volume{
		{ID: "vol-0a1b2c3d4e5f60001", Device: "/dev/xvda", Root: true, End: ecsops.VolumeDeleted},
		{ID: "vol-1a1b2c3d4e5f60001", Device: "/dev/sdf", End: ecsops.VolumeStays},
		{ID: "vol-2a1b2c3d4e5f60001", Device: "/dev/sdg", End: ecsops.VolumeDeleted},
	}
	if d := cmp.Diff(want, m.Volumes); d != "" {
		t.Error(d)
	}
	p := ecsops.NewPlan(s, endIt)
	if d := cmp.Diff(want[1:2], p.Remaining()); d != "" {
		t.Error(d)
	}
	if err := e.AttachVolume(aws.DemoClean, aws.VolumeSpec{Device: "/dev/sdi"}); err != nil {
		t.Fatal(err)
	}
	again := ecsops.NewPlan(e.preview(aws.DemoClean), endIt)
	if d := ecsops.Diff(p, again); len(d) != 1 || d[0].What != "volume" || d[0].After != "deleted with the machine" {
		t.Errorf("one more disk that would be lost: %v", d)
	}
	if d := ecsops.Diff(plan(s), plan(again.Snapshot)); len(d) != 0 {
		t.Errorf("the machine stays, so its disks are no matter: %v", d)
	}
}
