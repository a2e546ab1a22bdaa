package ecsops_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ecsbot/ecsops"
)

// TestFactNames: the list holds every Fact of Snapshot, by its JSON name, and Blank makes
// exactly that one unknown.
func TestFactNames(t *testing.T) {
	var want []string
	for i := range reflect.TypeFor[ecsops.Snapshot]().NumField() {
		f := reflect.TypeFor[ecsops.Snapshot]().Field(i)
		if strings.HasPrefix(f.Type.Name(), "Fact[") {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			want = append(want, name)
		}
	}
	if diff := cmp.Diff(want, ecsops.FactNames()); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range want {
		missing := busy().Blank(name).Unknowns()
		if len(missing) != 1 || missing[0].Fact != name {
			t.Errorf("Blank(%s) left unknown: %v", name, missing)
		}
	}
}

// careful ranks paths by what they may leave running or destroy: less careful is lower.
func careful(p ecsops.Path) int {
	switch p {
	case ecsops.PathGhost:
		return 0
	case ecsops.PathHostStopped:
		return 1
	case ecsops.PathForce:
		return 2
	}
	return 3
}

// checkBlanks blanks each fact in turn: the verdict never turns greener, no bar falls, the
// path never gets less careful, nothing is forced that was not, and A12 names the fact.
func checkBlanks(t rapid.TB, s ecsops.Snapshot, in ecsops.Intent) {
	whole := ecsops.NewPlan(s, in)
	for _, name := range ecsops.FactNames() {
		p := ecsops.NewPlan(s.Blank(name), in)
		if p.Verdict.Rank() < whole.Verdict.Rank() {
			t.Fatalf("without %s: %s became %s\nwhole: %s\nblank: %s", name, whole.Verdict, p.Verdict, rules(whole), rules(p))
		}
		if len(whole.Barred()) > 0 && len(p.Barred()) == 0 {
			t.Fatalf("without %s nothing bars any more: %s → %s", name, rules(whole), rules(p))
		}
		if careful(p.Path) < careful(whole.Path) {
			t.Fatalf("without %s path %s became %s", name, whole.Path, p.Path)
		}
		if p.Has(ecsops.StepForce) && !whole.Has(ecsops.StepForce) {
			t.Fatalf("without %s the plan forces: %v", name, p.Steps)
		}
		named := slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool {
			return f.Rule == ecsops.RuleIncomplete && slices.ContainsFunc(f.Missing, func(u ecsops.Unknown) bool { return u.Fact == name })
		})
		if !named {
			t.Fatalf("without %s no A12 names it: %s", name, rules(p))
		}
	}
}

// TestBlanksOfAMachine: a plan that ends a machine alone reads less, and gets no bolder for want of it.
func TestBlanksOfAMachine(t *testing.T) {
	for _, r := range machineRows() {
		s, in := r.make()
		whole := ecsops.NewPlan(s, in)
		for _, name := range ecsops.FactNames() {
			p := ecsops.NewPlan(s.Blank(name), in)
			freed := len(whole.Barred()) > 0 && len(p.Barred()) == 0 && len(p.Steps) > 0
			if p.Verdict.Rank() < whole.Verdict.Rank() || freed ||
				p.Has(ecsops.StepForce) || p.Has(ecsops.StepTerminate) && !whole.Has(ecsops.StepTerminate) {
				t.Errorf("%s, without %s: %s became %s, steps %v, findings %s", r.why, name, whole.Verdict, p.Verdict, p.Steps, rules(p))
			}
		}
	}
}

func TestBlanksNeverTurnGreener(t *testing.T) {
	for name, s := range map[string]ecsops.Snapshot{"calm": calm(), "busy": busy()} {
		for _, in := range []ecsops.Intent{{Purpose: ecsops.Retire}, {Purpose: ecsops.Retire, Force: true}, {Purpose: ecsops.Move}, reuse, asGhost,
			{Purpose: ecsops.Retire, Terminate: ecsops.Terminate}, {Purpose: ecsops.Retire, Terminate: ecsops.Shrink}} {
			t.Run(name, func(t *testing.T) { checkBlanks(t, s, in) })
		}
	}
	for _, r := range ruleTable() {
		t.Run(string(r.rule)+" "+r.why, func(t *testing.T) { s, in := r.make(); checkBlanks(t, s, in) })
	}
	t.Run("drawn", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkBlanks(t, snapshots(t), intents(t)) })
	})
}

// TestDigestAndDiff: no difference exactly when the digests are equal, of any two plans.
func TestDigestAndDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := intents(t)
		a, b := ecsops.NewPlan(snapshots(t), in), ecsops.NewPlan(snapshots(t), in)
		if rapid.Bool().Draw(t, "blank") {
			b = ecsops.NewPlan(a.Snapshot.Blank(rapid.SampledFrom(ecsops.FactNames()).Draw(t, "fact")), in)
		}
		if same, diff := a.Digest == b.Digest, ecsops.Diff(a, b); same != (len(diff) == 0) {
			t.Fatalf("digests equal: %t, differences %v", same, diff)
		}
		if ecsops.Digest(a) != a.Digest || len(ecsops.Diff(a, a)) != 0 {
			t.Fatal("a plan differs from itself")
		}
	})
}

// TestPlanSurvivesJSON: a plan that was stored has the same digest and findings.
func TestPlanSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := ecsops.NewPlan(snapshots(t), intents(t))
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back ecsops.Plan
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if ecsops.Digest(back) != p.Digest || ecsops.NewPlan(back.Snapshot, back.Intent).Digest != p.Digest {
			t.Fatalf("the digest changed: %v", ecsops.Diff(p, back))
		}
	})
}

// TestDigestIgnores: counters of version and replicas' ARNs change nothing.
func TestDigestIgnores(t *testing.T) {
	s := busy()
	serve(&s, "logs", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
	before := plan(s)
	with(&s.Services, func(m *map[string]ecsops.Service) {
		v := (*m)["logs"]
		v.Desired++ // an instance joined the cluster
		*m = put(*m, "logs", v)
	})
	with(&s.Instance, func(i *ecsops.Instance) { i.Version += 7 })
	with(&s.Tasks, func(ts *[]ecsops.Task) {
		*ts = slices.Clone(*ts)
		(*ts)[1].ARN = taskARN(99)
	})
	with(&s.Group, func(g *ecsops.Group) { g.Desired++ })
	s.ReadAt = s.ReadAt.Add(1)
	peer(&s, 1, func(p *ecsops.Peer) { p.Status, p.Running = "DRAINING", 3 }) // whether the copies fit is no longer certain
	if has(before, ecsops.RuleRoomUnsure) || !has(plan(s), ecsops.RuleRoomUnsure) {
		t.Fatalf("room: %s, then %s", rules(before), rules(plan(s)))
	}
	if diff := ecsops.Diff(before, plan(s)); len(diff) > 0 {
		t.Errorf("differences: %v", diff)
	}
}

// TestDigestIgnoresScaleOut: whether the copies fit now or after a scale-out is no decision.
func TestDigestIgnoresScaleOut(t *testing.T) {
	s := calm()
	scaling(&s)
	before := plan(s)
	for n := range 2 {
		peer(&s, n, func(p *ecsops.Peer) { p.Free.Memory = 7000 })
	}
	after := plan(s)
	if !has(before, ecsops.RuleScaleOut) || !has(after, ecsops.RuleRoom) {
		t.Fatalf("room: %s, then %s", rules(before), rules(after))
	}
	if diff := ecsops.Diff(before, after); len(diff) > 0 || before.Digest != after.Digest {
		t.Errorf("differences: %v", diff)
	}
}

// TestDigestSeesUnknown: what could not be read is no empty list.
func TestDigestSeesUnknown(t *testing.T) {
	for fact, what := range map[string][]string{"tasks": {"standalone", "service", "protected"}, "services": {"service"}, "protection": {"protected"}} {
		s := calm()
		diff := ecsops.Diff(plan(s), plan(s.Blank(fact)))
		for _, w := range what {
			if !slices.Contains(diff, ecsops.Change{What: w, After: "unknown"}) {
				t.Errorf("%s unread: %q does not show in %v", fact, w, diff)
			}
		}
	}
}

func full(p *ecsops.Peer) { p.Free.Memory = 0 }

// TestDigestSees: each thing that a person decides on changes the digest, under its name.
func TestDigestSees(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*ecsops.Snapshot)
	}{
		{"registration", func(s *ecsops.Snapshot) { s.Target.Instance += "0" }},
		{"ec2_id", func(s *ecsops.Snapshot) { s.Target.EC2 = "i-1" }},
		{"registered_at", func(s *ecsops.Snapshot) {
			with(&s.Instance, func(i *ecsops.Instance) { i.RegisteredAt = start })
		}},
		{"status", func(s *ecsops.Snapshot) { with(&s.Instance, func(i *ecsops.Instance) { i.Status = "DRAINING" }) }},
		{"agent", func(s *ecsops.Snapshot) { with(&s.Instance, func(i *ecsops.Instance) { i.AgentConnected = false }) }},
		{"ec2_state", func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.State = "stopped" }) }},
		{"owner", func(s *ecsops.Snapshot) { with(&s.Group, func(g *ecsops.Group) { g.Lifecycle = "Standby" }) }},
		{"service", func(s *ecsops.Snapshot) { run(s, "web") }},
		{"service", func(s *ecsops.Snapshot) {
			with(&s.Services, func(m *map[string]ecsops.Service) { v := (*m)["web"]; v.Desired = 9; *m = put(*m, "web", v) })
		}},
		{"service", func(s *ecsops.Snapshot) {
			with(&s.Services, func(m *map[string]ecsops.Service) { v := (*m)["web"]; v.TaskDefinition += "2"; *m = put(*m, "web", v) })
		}},
		{"standalone", func(s *ecsops.Snapshot) { run(s, "") }},
		{"protected", func(s *ecsops.Snapshot) { s.Protection = ecsops.Known(map[string]time.Time{}) }},
		{"rule", func(s *ecsops.Snapshot) { peer(s, 0, full); peer(s, 1, full) }},
		{"rule", func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.Spot = true }) }},
	} {
		s := busy()
		before := plan(s)
		c.change(&s)
		after := plan(s)
		if !slices.ContainsFunc(ecsops.Diff(before, after), func(d ecsops.Change) bool { return d.What == c.what }) || before.Digest == after.Digest {
			t.Errorf("%s: %v", c.what, ecsops.Diff(before, after))
		}
	}
}
