package workflow

import (
	"slices"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// TestChecksAreToldOnce: what a look adds is told, what it repeats is not.
func TestChecksAreToldOnce(t *testing.T) {
	r := newRig(t, replica("a"))
	r.world.lags = true
	op := r.confirmed(ecsops.Intent{})
	op = r.run(op.ID, func(o Operation) bool { return o.State == Verifying })
	now, _ := r.steps(op.ID, 5, 10*time.Second)
	if now.State != Verifying || len(now.Progress.Checks) == 0 {
		t.Fatalf("%s, checks %+v", now.State, now.Progress.Checks)
	}
	told := func() (n int) {
		for _, ev := range r.store.of(op.ID) {
			if ev.Type == EvChecked {
				n++
				if len(ev.Checks) == 0 {
					t.Error("told without its checks")
				}
			}
		}
		return n
	}
	if n := told(); n != 1 {
		t.Errorf("told %d times while nothing changed", n)
	}
	r.world.lags = false
	wantEnd(t, r.run(op.ID, nil), Done, "verified")
	if n := told(); n != 2 {
		t.Errorf("told %d times in all", n)
	}
}

// TestSameChecks: what differs is told anew.
func TestSameChecks(t *testing.T) {
	v := func(id string, r ecsops.CheckResult, n int) ecsops.Check {
		return ecsops.Check{ID: id, Result: r, Count: n}
	}
	one := []ecsops.Check{v("V1", ecsops.CheckPassed, 0), v("V2", ecsops.CheckPending, 2)}
	for why, c := range map[string]struct {
		now  []ecsops.Check
		want bool
	}{
		"the same":          {slices.Clone(one), true},
		"none any more":     {nil, false},
		"one less":          {one[:1], false},
		"one more":          {append(slices.Clone(one), v("V3", ecsops.CheckPassed, 0)), false},
		"another check":     {[]ecsops.Check{one[0], v("V3", ecsops.CheckPending, 2)}, false},
		"another result":    {[]ecsops.Check{one[0], v("V2", ecsops.CheckPassed, 2)}, false},
		"another count":     {[]ecsops.Check{one[0], v("V2", ecsops.CheckPending, 1)}, false},
		"the first differs": {[]ecsops.Check{v("V1", ecsops.CheckFailed, 0), one[1]}, false},
	} {
		if got := sameChecks(c.now, one); got != c.want {
			t.Errorf("%s: %t", why, got)
		}
	}
}

// TestSettled: what is over, and whether containers of a force may be left.
func TestSettled(t *testing.T) {
	passed, skipped := ecsops.Check{ID: "V1", Result: ecsops.CheckPassed}, ecsops.Check{ID: "V2", Result: ecsops.CheckSkipped}
	v5 := func(r ecsops.CheckResult, names ...string) ecsops.Check {
		return ecsops.Check{ID: "V5", Result: r, Names: names}
	}
	for why, c := range map[string]struct {
		checks        []ecsops.Check
		settled, left bool
	}{
		"no check proves nothing":           {nil, false, false},
		"all passed or do not apply":        {[]ecsops.Check{passed, skipped}, true, false},
		"one is pending":                    {[]ecsops.Check{passed, {ID: "V3", Result: ecsops.CheckPending}}, false, false},
		"one failed":                        {[]ecsops.Check{{ID: "V3", Result: ecsops.CheckFailed}, passed}, false, false},
		"one could not be read":             {[]ecsops.Check{{ID: "V3", Result: ecsops.CheckUnknown}}, false, false},
		"orphans, and their machine ended":  {[]ecsops.Check{passed, v5(ecsops.CheckPassed, "web:7")}, true, false},
		"orphans, and nobody asks for them": {[]ecsops.Check{passed, v5(ecsops.CheckSkipped, "web:7")}, true, true},
		"no orphans":                        {[]ecsops.Check{passed, v5(ecsops.CheckSkipped)}, true, false},
		"names of another check":            {[]ecsops.Check{{ID: "V4", Result: ecsops.CheckSkipped, Names: []string{"web"}}}, true, false},
	} {
		if s, l := settled(c.checks), orphansLeft(c.checks); s != c.settled || l != c.left {
			t.Errorf("%s: settled %t, left %t", why, s, l)
		}
	}
}

// TestResultIsOfTheLastLook: what changed in a check without being told is in the result.
func TestResultIsOfTheLastLook(t *testing.T) {
	s := newScene(t, Verifying, nil, ecsops.Intent{Terminate: ecsops.Terminate})
	s.deregistered(time.Minute)
	unread := func(why string) ecsops.After {
		after, _ := s.r.world.After(t.Context(), testTarget, ecsops.LookFor{}, s.now)
		after.Snapshot.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: why})
		return after
	}
	s.op.Progress.Checks = ecsops.Verify(s.op.Plan, unread("timed out"))
	s.op.VerifyBy = s.now
	look, after := s.r.world.snapshot(), unread("UnauthorizedOperation")
	end, events, _ := Decide(s.op, Seen{Look: &look, After: &after}, s.now, s.r.e.settings, "me").Changed()
	wantEnd(t, end, Unverified, "not_all_verified")
	for _, checks := range [][]ecsops.Check{end.Progress.Checks, events[len(events)-1].Checks} {
		i := slices.IndexFunc(checks, func(c ecsops.Check) bool { return c.ID == "V7" })
		if i < 0 || checks[i].Missing == nil || checks[i].Missing.Reason != "UnauthorizedOperation" {
			t.Errorf("the result says %+v", checks)
		}
	}
}
