package ecsops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
)

// finished is what a verification reads after everything went well for before.
func finished(before ecsops.Plan) ecsops.After {
	s := ecsops.Snapshot{Target: before.Snapshot.Target, ReadAt: start.Add(time.Hour)}
	s.Instance = ecsops.Known(ecsops.Instance{Status: "INACTIVE"})
	s.EC2, s.Services, s.Group = before.Snapshot.EC2, before.Snapshot.Services, ecsops.Known(ecsops.Group{})
	groups, _ := before.Snapshot.TargetGroups.Get()
	after := map[string]ecsops.TargetGroup{}
	for arn, g := range groups {
		g.Here, g.HealthyAfter = nil, g.Healthy
		after[arn] = g
	}
	s.TargetGroups = ecsops.Known(after)
	tasks, _ := before.Snapshot.Tasks.Get()
	tasks = slices.Clone(tasks)
	var replacements []ecsops.Replacement
	for i := range tasks {
		tasks[i].LastStatus, tasks[i].DesiredStatus = "STOPPED", "STOPPED"
		if tasks[i].Class == ecsops.Replica {
			replacements = append(replacements, ecsops.Replacement{Task: taskARN(100 + i), Service: tasks[i].Service, Instance: instance + "1", Status: "RUNNING"})
		}
	}
	s.Tasks = ecsops.Known(tasks)
	return ecsops.After{Snapshot: s, ENIs: ecsops.Known([]string(nil)), Activity: ecsops.Known([]string{"Successful: Launching"}),
		Listed: ecsops.Known(false), Replacements: ecsops.Known(replacements)}
}

func check(id string, before ecsops.Plan, after ecsops.After) ecsops.Check {
	all := ecsops.Verify(before, after)
	return all[slices.IndexFunc(all, func(c ecsops.Check) bool { return c.ID == id })]
}

func TestVerify(t *testing.T) {
	work := func() ecsops.Snapshot {
		s := calm()
		owned(&s)
		serve(&s, "web", 4, 100, 200, 2)
		balance(&s, "web", 4, 2, time.Minute)
		run(&s, "", func(t *ecsops.Task) { t.ENIs = []ecsops.ENI{{ID: "eni-1"}} })
		return s
	}
	service := func(a *ecsops.After, change func(*ecsops.Service)) {
		with(&a.Snapshot.Services, func(m *map[string]ecsops.Service) {
			v := (*m)["web"]
			change(&v)
			*m = put(*m, "web", v)
		})
	}
	const passed, pending, failed, unknown, skipped = ecsops.CheckPassed, ecsops.CheckPending, ecsops.CheckFailed, ecsops.CheckUnknown, ecsops.CheckSkipped
	for _, c := range []struct {
		id, why string
		want    ecsops.CheckResult
		in      ecsops.Intent
		change  func(*ecsops.Snapshot, *ecsops.After)
	}{
		{"V1", "INACTIVE and not listed", passed, replace, nil},
		{"V1", "MISSING and not listed, an hour later", passed, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Snapshot.Instance = ecsops.Known(ecsops.Instance{Missing: true})
		}},
		{"V1", "INACTIVE and still listed: reads lag", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Listed = ecsops.Known(true) }},
		{"V1", "not listed and still DRAINING", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Snapshot.Instance = ecsops.Known(ecsops.Instance{Status: "DRAINING"})
		}},
		{"V1", "list unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Listed = ecsops.Fact[bool]{} }},
		{"V1", "the registration unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Snapshot = a.Snapshot.Blank("instance") }},
		{"V2", "all run", passed, replace, nil},
		{"V2", "one short", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { service(a, func(v *ecsops.Service) { v.Running-- }) }},
		{"V2", "a second deployment", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { service(a, func(v *ecsops.Service) { v.Deployments = 2 }) }},
		{"V2", "one short and no room", failed, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			service(a, func(v *ecsops.Service) {
				v.Running, v.Events = 3, []ecsops.ServiceNote{{At: start.Add(time.Minute), Text: "(service web) was unable to place a task because no container instance met all of its requirements."}}
			})
		}},
		{"V2", "the lack of room is older than the work", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			service(a, func(v *ecsops.Service) {
				v.Running, v.Events = 3, []ecsops.ServiceNote{{At: start.Add(-time.Minute), Text: "(service web) was unable to place a task because …"}}
			})
		}},
		{"V2", "services unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Snapshot = a.Snapshot.Blank("services") }},
		{"V3", "as many healthy as before", passed, replace, nil},
		{"V3", "steady, and yet one target fewer is healthy", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			with(&a.Snapshot.TargetGroups, func(m *map[string]ecsops.TargetGroup) {
				g := (*m)["arn:tg/web"]
				g.Healthy--
				*m = put(*m, g.ARN, g)
			})
		}},
		{"V3", "a stale target is left (amazon-ecs-agent#1417)", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			with(&a.Snapshot.TargetGroups, func(m *map[string]ecsops.TargetGroup) {
				g := (*m)["arn:tg/web"]
				g.Here = []string{"i-1:80"}
				*m = put(*m, g.ARN, g)
			})
		}},
		{"V3", "unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Snapshot = a.Snapshot.Blank("target_groups") }},
		{"V4", "two moved, two started elsewhere", passed, replace, nil},
		{"V4", "what started elsewhere is unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Replacements = ecsops.Fact[[]ecsops.Replacement]{} }},
		{"V4", "none started, and the service was deleted", passed, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Replacements = ecsops.Known([]ecsops.Replacement(nil))
			a.Snapshot.Services = ecsops.Known(map[string]ecsops.Service{})
		}},
		{"V4", "another service's do not count", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			with(&a.Replacements, func(rs *[]ecsops.Replacement) {
				*rs = slices.Clone(*rs)
				(*rs)[0].Service = "pay"
			})
			service(a, func(v *ecsops.Service) { v.Running = 2 })
		}},
		{"V4", "none started, and the service is short", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Replacements = ecsops.Known([]ecsops.Replacement(nil))
			service(a, func(v *ecsops.Service) { v.Running = 2 })
		}},
		{"V5", "the standalone task ended", passed, replace, nil},
		{"V5", "it runs on", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			with(&a.Snapshot.Tasks, func(ts *[]ecsops.Task) { (*ts)[2].LastStatus = "RUNNING" })
		}},
		{"V5", "a service's task is no standalone one", passed, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			with(&a.Snapshot.Tasks, func(ts *[]ecsops.Task) { (*ts)[0].LastStatus = "RUNNING" })
		}},
		{"V5", "orphans show as STOPPED, which proves nothing", skipped, force, nil},
		{"V5", "orphans died with their machine", passed, force, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
		}},
		{"V6", "the interface is gone", passed, replace, nil},
		{"V6", "it is still there", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.ENIs = ecsops.Known([]string{"eni-1"}) }},
		{"V7", "running, as nobody asked otherwise", passed, ecsops.Intent{}, nil},
		{"V7", "termination was asked, it still runs", pending, replace, nil},
		{"V7", "terminated", passed, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
		}},
		{"V7", "unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Snapshot = a.Snapshot.Blank("ec2") }},
		{"V8", "the group launched a replacement", passed, replace, nil},
		{"V8", "it did nothing yet", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Activity = ecsops.Known([]string(nil)) }},
		{"V8", "the machine is in it still", pending, replace, func(_ *ecsops.Snapshot, a *ecsops.After) {
			a.Snapshot.Group = ecsops.Known(ecsops.Group{Name: "prod-asg", Lifecycle: "InService"})
		}},
		{"V8", "whether it is in it still, unread", unknown, replace, func(_ *ecsops.Snapshot, a *ecsops.After) { a.Snapshot = a.Snapshot.Blank("group") }},
		{"V8", "no group was asked", skipped, ecsops.Intent{}, nil},
	} {
		t.Run(c.id+" "+c.why, func(t *testing.T) {
			s := work()
			before := ecsops.NewPlan(s, c.in)
			after := finished(before)
			if c.change != nil {
				c.change(&s, &after)
			}
			if got := check(c.id, before, after); got.Result != c.want || got.Result == unknown && got.Missing == nil {
				t.Errorf("%+v, want %s", got, c.want)
			}
		})
	}
}

// TestVerifyEvidence: a check that passed says by what.
func TestVerifyEvidence(t *testing.T) {
	s := calm()
	serve(&s, "web", 4, 100, 200, 2)
	balance(&s, "web", 4, 2, time.Minute)
	before := plan(s)
	groups, _ := s.TargetGroups.Get()
	for id, want := range map[string]string{"V1": "INACTIVE", "V2": "web: 4 of 4", "V3": groups["arn:tg/web"].Name + ": 4 healthy, was 4"} {
		if c := check(id, before, finished(before)); c.Result != ecsops.CheckPassed || !slices.Equal(c.Names, []string{want}) {
			t.Errorf("%s: %s by %q, want %q", id, c.Result, c.Names, want)
		}
	}
}

// TestVerifyEmpty: a plan without tasks skips what speaks of tasks.
func TestVerifyEmpty(t *testing.T) {
	before := plan(calm())
	for i, c := range ecsops.Verify(before, finished(before)) {
		if want := fmt.Sprintf("V%d", i+1); c.ID != want {
			t.Errorf("%s stands for %s", c.ID, want)
		}
		want := ecsops.CheckSkipped
		if c.ID == "V1" || c.ID == "V7" {
			want = ecsops.CheckPassed
		}
		if c.Result != want {
			t.Errorf("%+v, want %s", c, want)
		}
	}
}

// Where a replacement landed is told by the EC2 id, which people know; where the others were
// not read, by the registration's.
func TestReplacementsAreNamedByMachine(t *testing.T) {
	before := ecsops.NewPlan(busy(), ecsops.Intent{Purpose: ecsops.Retire})
	after := finished(before)
	names := func() string {
		for _, c := range ecsops.Verify(before, after) {
			if c.ID == "V4" {
				return strings.Join(c.Names, ", ")
			}
		}
		return ""
	}
	peers, _ := before.Snapshot.Peers.Get()
	if got := names(); !strings.Contains(got, " on "+string(peers[0].EC2)) || peers[0].EC2 == "" {
		t.Errorf("%q, want %s", got, peers[0].EC2)
	}
	before.Snapshot = before.Snapshot.Blank("peers")
	if got := names(); strings.Contains(got, string(peers[0].EC2)) || !strings.Contains(got, " on ") {
		t.Errorf("without the others: %q", got)
	}
}

// TestVerifyCounts: the numbers and names of a check, for people who have to act on it.
func TestVerifyCounts(t *testing.T) {
	work := func() ecsops.Snapshot {
		s := calm()
		owned(&s)
		serve(&s, "web", 4, 100, 200, 2)
		run(&s, "", func(t *ecsops.Task) { t.ENIs = []ecsops.ENI{{ID: "eni-1"}, {ID: "eni-2"}} })
		return s
	}
	for _, c := range []struct {
		id, why string
		in      ecsops.Intent
		change  func(*ecsops.After)
		want    ecsops.Check
	}{
		{"V2", "a standalone task is no service's", replace, nil, ecsops.Check{Result: ecsops.CheckPassed, Count: 1, Want: 1, Names: []string{"web: 4 of 4"}}},
		{"V2", "what is in the way", replace, func(a *ecsops.After) {
			with(&a.Snapshot.Services, func(m *map[string]ecsops.Service) {
				v := (*m)["web"]
				v.Running, v.Deployments = 3, 2
				*m = put(*m, "web", v)
			})
		}, ecsops.Check{Result: ecsops.CheckPending, Want: 1, Names: []string{"web: 3 of 4, 2 deployments"}}},
		{"V4", "only what the services here started", replace, func(a *ecsops.After) {
			a.Replacements = ecsops.Known([]ecsops.Replacement{{Task: taskARN(1), Service: "pay", Instance: instance + "1"}, {Task: taskARN(2), Service: "web", Instance: instance + "2"}})
		}, ecsops.Check{Result: ecsops.CheckPassed, Count: 1, Want: 2, Names: []string{taskARN(2)[len(taskARN(2))-32:] + " on " + string(roomy("2", "eu-west-1b").EC2)}}},
		{"V5", "orphans by their ids", force, nil, ecsops.Check{Result: ecsops.CheckSkipped, Count: 3, Names: []string{ecsops.TaskRef{ARN: taskARN(0)}.ID(), ecsops.TaskRef{ARN: taskARN(1)}.ID(), ecsops.TaskRef{ARN: taskARN(2)}.ID()}}},
		{"V6", "one of two is left", replace, func(a *ecsops.After) { a.ENIs = ecsops.Known([]string{"eni-2"}) }, ecsops.Check{Result: ecsops.CheckPending, Count: 1, Want: 2, Names: []string{"eni-2"}}},
		{"V8", "what the group did, at most five", replace, func(a *ecsops.After) { a.Activity = ecsops.Known([]string{"a", "b", "c", "d", "e", "f"}) },
			ecsops.Check{Result: ecsops.CheckPassed, Count: 6, Names: []string{"a", "b", "c", "d", "e"}}},
	} {
		before := ecsops.NewPlan(work(), c.in)
		after := finished(before)
		if c.change != nil {
			c.change(&after)
		}
		got := check(c.id, before, after)
		if c.want.ID = c.id; got.Result != c.want.Result || got.Count != c.want.Count || got.Want != c.want.Want || !slices.Equal(got.Names, c.want.Names) {
			t.Errorf("%s, %s: %+v", c.id, c.why, got)
		}
	}
}

// TestVerifyOfAMachine: where only a machine was ended, what its tasks did is not asked.
func TestVerifyOfAMachine(t *testing.T) {
	s := calm()
	run(&s, "", func(t *ecsops.Task) { t.ENIs = []ecsops.ENI{{ID: "eni-1"}} })
	status(&s, "INACTIVE")
	before := ecsops.NewPlan(s, endMachine)
	if before.Path != ecsops.PathMachine {
		t.Fatalf("path %s", before.Path)
	}
	after := finished(before)
	after.Snapshot.EC2 = ecsops.Known(ecsops.EC2{State: "terminated"})
	var ids []string
	for _, c := range ecsops.Verify(before, after) {
		ids = append(ids, c.ID)
		want := ecsops.CheckSkipped
		if c.ID == "V1" || c.ID == "V7" {
			want = ecsops.CheckPassed
		}
		if c.Result != want {
			t.Errorf("%+v, want %s", c, want)
		}
	}
	if got := strings.Join(ids, " "); got != "V1 V2 V3 V4 V5 V6 V7 V8" {
		t.Error(got)
	}
}

// TestVerifyOfAForcedManagedInstance: its tasks end with its machine, whatever ECS shows of them.
func TestVerifyOfAForcedManagedInstance(t *testing.T) {
	for why, c := range map[string]struct {
		tasks  bool
		ec2    ecsops.Fact[ecsops.EC2]
		want   ecsops.CheckResult
		count  int
		evince string
	}{
		"the machine is gone":          {true, ecsops.Known(ecsops.EC2{State: "terminated"}), ecsops.CheckPassed, 1, "terminated"},
		"the machine ends":             {true, ecsops.Known(ecsops.EC2{State: "shutting-down"}), ecsops.CheckPending, 0, "shutting-down"},
		"the machine was not read":     {true, ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Reason: "timed out"}), ecsops.CheckUnknown, 0, ""},
		"there was no standalone task": {false, ecsops.Known(ecsops.EC2{State: "terminated"}), ecsops.CheckSkipped, 0, ""},
	} {
		s := calm()
		managedInstance(&s)
		serve(&s, "web", 4, 100, 200, 1)
		if c.tasks {
			run(&s, "")
		}
		before := ecsops.NewPlan(s, force)
		after := finished(before)
		after.Snapshot.EC2 = c.ec2
		got := check("V5", before, after)
		if got.Result != c.want || got.Count != c.count || strings.Join(got.Names, " ") != c.evince {
			t.Errorf("%s: %+v", why, got)
		}
	}
}

// TestVerifyAgainstNothing: where target groups were not read before, nothing proves that they are as before.
func TestVerifyAgainstNothing(t *testing.T) {
	s := calm()
	serve(&s, "web", 4, 100, 200, 2)
	balance(&s, "web", 4, 2, time.Minute)
	before := plan(s.Blank("target_groups"))
	if got := check("V3", before, finished(plan(s))); got.Result != ecsops.CheckUnknown || got.Missing == nil {
		t.Errorf("%+v", got)
	}
}
