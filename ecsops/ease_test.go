package ecsops_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ecsbot/ecsops"
)

// leaving is an instance that somebody else drains: tasks of two services, two of none.
func leaving() ecsops.Snapshot {
	s := calm()
	status(&s, "DRAINING")
	serve(&s, "web", 4, 50, 200, 2)
	serve(&s, "pay", 2, 50, 200, 1)
	run(&s, "")
	run(&s, "")
	with(&s.Protection, func(m *map[string]time.Time) { *m = put(*m, taskARN(0), start.Add(time.Hour)) })
	return s
}

// ends takes tasks away, by their number; what is not known stays so.
func ends(numbers ...int) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		ended := func(arn string) bool {
			return slices.ContainsFunc(numbers, func(n int) bool { return arn == taskARN(n) })
		}
		if tasks, ok := s.Tasks.Get(); ok {
			s.Tasks = ecsops.Known(slices.DeleteFunc(slices.Clone(tasks), func(t ecsops.Task) bool { return ended(t.ARN) }))
		}
		if until, ok := s.Protection.Get(); ok {
			until = maps.Clone(until)
			maps.DeleteFunc(until, func(arn string, _ time.Time) bool { return ended(arn) })
			s.Protection = ecsops.Known(until)
		}
	}
}

// stops lets one task stop: it has not ended.
func stops(n int) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		with(&s.Tasks, func(ts *[]ecsops.Task) {
			*ts = slices.Clone(*ts)
			(*ts)[n].LastStatus, (*ts)[n].DesiredStatus = "DEACTIVATING", "STOPPED"
		})
	}
}

// unlisted takes a service away whose tasks here have ended.
func unlisted(name string) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		with(&s.Services, func(m *map[string]ecsops.Service) { *m = maps.Clone(*m); delete(*m, name) })
	}
}

func all(changes ...func(*ecsops.Snapshot)) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		for _, c := range changes {
			c(s)
		}
	}
}

func wants(name string, change func(*ecsops.Service)) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		with(&s.Services, func(m *map[string]ecsops.Service) { v := (*m)[name]; change(&v); *m = put(*m, name, v) })
	}
}

func starts(service string) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) { run(s, service, func(t *ecsops.Task) { t.ARN = taskARN(77) }) }
}

func guarded(n int) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		with(&s.Protection, func(m *map[string]time.Time) { *m = put(*m, taskARN(n), start.Add(time.Hour)) })
	}
}

func blanked(facts ...string) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) {
		for _, f := range facts {
			*s = s.Blank(f)
		}
	}
}

// What ends between the plan and the click asks nobody again. The other way round, it does:
// then it has come.
func TestWeighEased(t *testing.T) {
	for why, change := range map[string]func(*ecsops.Snapshot){
		"a task of a service ends":                       ends(1),
		"a task of a service stops, and is still there":  stops(1),
		"a protected task ends":                          ends(0),
		"a service's last task ends":                     all(ends(2), unlisted("pay")),
		"its last task stops":                            stops(2),
		"a task of no service ends":                      ends(3),
		"somebody stops a task of no service":            stops(4),
		"both of those end: T1 is over":                  ends(3, 4),
		"everything ends: nothing runs there any more":   all(ends(0, 1, 2, 3, 4), unlisted("web"), unlisted("pay")),
		"a protection is lifted: R5 is over":             func(s *ecsops.Snapshot) { s.Protection = ecsops.Known(map[string]time.Time{}) },
		"a protection runs out":                          func(s *ecsops.Snapshot) { s.ReadAt = s.ReadAt.Add(2 * time.Hour) },
		"one task of a service for another: same number": all(ends(1), starts("web"), ends(3)),
	} {
		t.Run(why, func(t *testing.T) {
			s := leaving()
			shown := plan(s)
			change(&s)
			now := plan(s)
			if worse, eased := ecsops.Weigh(shown, now); len(worse) > 0 || len(eased) == 0 {
				t.Errorf("worse %v, eased %v", worse, eased)
			}
			if worse, _ := ecsops.Weigh(now, shown); len(worse) == 0 {
				t.Error("the other way round nothing is worse")
			}
		})
	}
	s := leaving()
	if worse, eased := ecsops.Weigh(plan(s), plan(s)); len(worse)+len(eased) > 0 {
		t.Errorf("of the same: worse %v, eased %v", worse, eased)
	}
}

// What is worse is asked about anew, also when something ended meanwhile.
func TestWeighWorse(t *testing.T) {
	alone := func(name string) func(*ecsops.Snapshot) { // the drain may stop all that run
		return wants(name, func(v *ecsops.Service) { v.MinPercent, v.Desired, v.Running = 0, 1, 1 })
	}
	for why, c := range map[string]struct {
		before, change func(*ecsops.Snapshot)
		what           string // one of the changes is about this
	}{
		"one more task of a service":                          {change: starts("web"), what: "service"},
		"a task of a service that had none":                   {change: func(s *ecsops.Snapshot) { serve(s, "new", 4, 50, 200, 1) }, what: "service"},
		"fewer tasks of a service that wants another number":  {change: wants("web", func(v *ecsops.Service) { v.Desired = 3 }), what: "service"},
		"fewer of one whose percents are others":              {change: wants("web", func(v *ecsops.Service) { v.MinPercent = 100 }), what: "service"},
		"fewer of one that is deployed anew":                  {change: wants("web", func(v *ecsops.Service) { v.TaskDefinition += "2" }), what: "service"},
		"another task of no service":                          {change: starts(""), what: "standalone"},
		"one ends and another comes":                          {change: all(ends(4), starts("")), what: "standalone"},
		"another task is protected":                           {change: guarded(1), what: "protected"},
		"the protected one is replaced by a protected one":    {change: all(ends(0), starts("web"), guarded(77)), what: "protected"},
		"somebody wants it back":                              {change: func(s *ecsops.Snapshot) { status(s, "ACTIVE") }, what: "status"},
		"the agent is gone":                                   {change: agentLost, what: "agent"},
		"the machine stops":                                   {change: func(s *ecsops.Snapshot) { machine(s, "stopping") }, what: "ec2_state"},
		"a group has it":                                      {change: owned, what: "owner"},
		"another machine":                                     {change: func(s *ecsops.Snapshot) { s.Target.EC2 = "i-1" }, what: "ec2_id"},
		"tasks that were not known are":                       {before: blanked("tasks"), change: func(s *ecsops.Snapshot) { s.Tasks = leaving().Tasks }, what: "standalone"},
		"services that were not known are":                    {before: blanked("services"), change: func(s *ecsops.Snapshot) { s.Services = leaving().Services }, what: "service"},
		"protection that was not known is":                    {before: blanked("protection"), change: func(s *ecsops.Snapshot) { s.Protection = ecsops.Known(map[string]time.Time{}) }, what: "protected"},
		"tasks cannot be read any more":                       {change: blanked("tasks"), what: "standalone"},
		"nor can protection":                                  {change: blanked("protection"), what: "protected"},
		"what could not be read was less serious":             {before: blanked("hooks"), change: blanked("task_definitions"), what: "risk"},
		"something else that is serious could not be read":    {before: blanked("services"), change: all(func(s *ecsops.Snapshot) { s.Services = leaving().Services }, blanked("peers")), what: "risk"},
		"its service's fall was shown, not that of the other": {before: alone("pay"), change: alone("web"), what: "risk"},
		"an amber finding": {change: func(s *ecsops.Snapshot) {
			with(&s.Tasks, func(ts *[]ecsops.Task) { *ts = slices.Clone(*ts); (*ts)[1].Exec = true })
		}, what: "rule"},
	} {
		t.Run(why, func(t *testing.T) {
			s := leaving()
			if c.before != nil {
				c.before(&s)
			}
			shown := plan(s)
			c.change(&s)
			for _, meanwhile := range []func(*ecsops.Snapshot){func(*ecsops.Snapshot) {}, ends(3)} {
				meanwhile(&s)
				worse, eased := ecsops.Weigh(shown, plan(s))
				if len(eased) > 0 || !slices.ContainsFunc(worse, func(d ecsops.Change) bool { return d.What == c.what }) {
					t.Errorf("worse %v, eased %v", worse, eased)
				}
			}
		})
	}
}

// Another way to the same end is asked about, whatever else is the same.
func TestWeighAnotherWay(t *testing.T) {
	s := leaving()
	owned(&s)
	shown := ecsops.NewPlan(s, replace)
	with(&s.CapacityProvider, func(p *ecsops.CapacityProvider) { p.ManagedDraining = false })
	now := ecsops.NewPlan(s, replace)
	if diff := ecsops.Diff(shown, now); len(diff) > 0 {
		t.Fatalf("the digest differs: %v", diff)
	}
	worse, eased := ecsops.Weigh(shown, now)
	want := []ecsops.Change{{What: "path", Before: "group", After: "observe"}}
	if diff := cmp.Diff(want, worse); diff != "" || len(eased) > 0 {
		t.Errorf("%s\neased %v", diff, eased)
	}

	s = leaving()
	shown = plan(s)
	ends(3)(&s)
	now = plan(s)
	now.Steps = slices.Insert(slices.Clone(now.Steps), 0, ecsops.Step{Kind: ecsops.StepForce})
	if worse, eased := ecsops.Weigh(shown, now); len(worse) == 0 || len(eased) > 0 {
		t.Errorf("other steps: worse %v, eased %v", worse, eased)
	}
}

// TestWeighNeverGreener: a yes that stands is never to less than a new plan would show, whatever
// two snapshots lie before and after it.
func TestWeighNeverGreener(t *testing.T) {
	stood := 0
	rapid.Check(t, func(t *rapid.T) {
		in := intents(t)
		s := snapshots(t)
		shown := ecsops.NewPlan(s, in)
		if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
			s = snapshots(t)
		}
		if rapid.IntRange(0, 3).Draw(t, "blank") == 0 {
			s = s.Blank(rapid.SampledFrom(ecsops.FactNames()).Draw(t, "fact"))
		}
		with(&s.Tasks, func(ts *[]ecsops.Task) {
			*ts = slices.DeleteFunc(slices.Clone(*ts), func(ecsops.Task) bool { return rapid.Bool().Draw(t, "ends") })
		})
		now := ecsops.NewPlan(s, in)
		if worse, _ := ecsops.Weigh(shown, now); len(worse) > 0 {
			return
		}
		stood++
		switch {
		case now.Verdict.Rank() > shown.Verdict.Rank():
			t.Fatalf("%s became %s: %s → %s", shown.Verdict, now.Verdict, rules(shown), rules(now))
		case now.Path != shown.Path:
			t.Fatalf("path %s became %s", shown.Path, now.Path)
		case len(now.Barred()) > len(shown.Barred()):
			t.Fatalf("barred now: %s", rules(now))
		case now.Has(ecsops.StepForce) != shown.Has(ecsops.StepForce):
			t.Fatalf("steps %v became %v", shown.Steps, now.Steps)
		}
		before, after := byOwner(shown), byOwner(now)
		for k, n := range after {
			if n > before[k] {
				t.Fatalf("%s: %d tasks, %d were shown", k, n, before[k])
			}
		}
	})
	if stood == 0 {
		t.Error("no plan stood: nothing was tested")
	}
}

// byOwner counts the tasks that have not begun to stop: of each service, and each of none.
func byOwner(p ecsops.Plan) map[string]int {
	out := map[string]int{}
	tasks, _ := p.Snapshot.Tasks.Get()
	for _, t := range tasks {
		switch {
		case t.Stopped() || t.Stopping():
		case t.Class == ecsops.Standalone:
			out[t.ARN]++
		default:
			out[t.Service]++
		}
	}
	return out
}
