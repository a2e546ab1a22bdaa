package ecsops_test

import (
	"fmt"
	"slices"
	"testing"

	"ecsbot/ecsops"
)

// batchOf are n instances of one cluster that leave together, each as change makes it, beside
// stay others that are roomy.
func batchOf(n, stay int, change func(i int, s *ecsops.Snapshot)) []ecsops.Snapshot {
	var out []ecsops.Snapshot
	task := 0
	for i := range n {
		s := calm()
		s.Target.Instance, s.Target.EC2 = ecsops.InstanceARN(fmt.Sprintf("%sL%d", instance, i)), ecsops.EC2ID(fmt.Sprintf("i-L%d", i))
		with(&s.Instance, func(v *ecsops.Instance) { v.EC2 = s.Target.EC2 })
		var peers []ecsops.Peer
		for k := range stay {
			peers = append(peers, roomy(fmt.Sprintf("S%d", k), "eu-west-1a"))
		}
		for k := range n {
			if k != i {
				peers = append(peers, roomy(fmt.Sprintf("L%d", k), "eu-west-1a"))
			}
		}
		s.Peers = ecsops.Known(peers)
		change(i, &s)
		with(&s.Tasks, func(ts *[]ecsops.Task) {
			for k := range *ts {
				(*ts)[k].ARN = taskARN(1000 + task)
				task++
			}
		})
		out = append(out, s)
	}
	return out
}

func together(snapshots []ecsops.Snapshot) ecsops.Together {
	return ecsops.AssessTogether(snapshots, make([]ecsops.Intent, len(snapshots)))
}

func jointRoom(t *testing.T, of ecsops.Together, service string) ecsops.Room {
	t.Helper()
	for _, f := range of.Findings {
		for _, r := range f.Rooms {
			if r.Service == service {
				return r
			}
		}
	}
	t.Fatalf("no word of %s in %+v", service, of.Findings)
	return ecsops.Room{}
}

// Instances that leave together are no place for each other's copies, and what is displaced
// by all of them must fit at once.
func TestTogetherRoom(t *testing.T) {
	web := func(n int) func(int, *ecsops.Snapshot) {
		return func(_ int, s *ecsops.Snapshot) {
			serve(s, "web", 6, 100, 200, 1)
			define(s, "web", func(d *ecsops.TaskDefinition) { d.Memory = n })
		}
	}
	for _, c := range []struct {
		why     string
		n, stay int
		memory  int
		want    ecsops.RoomVerdict
		single  ecsops.RoomVerdict
		copies  int
	}{
		{"three copies, three roomy instances", 3, 3, 7000, ecsops.RoomFits, ecsops.RoomFits, 3},
		{"each alone finds a place, all three do not", 3, 2, 7000, ecsops.RoomWontFit, ecsops.RoomFits, 3},
		{"two to an instance", 4, 2, 3500, ecsops.RoomFits, ecsops.RoomFits, 4},
		{"only each other", 2, 0, 512, ecsops.RoomWontFit, ecsops.RoomWontFit, 2},
	} {
		t.Run(c.why, func(t *testing.T) {
			got := together(batchOf(c.n, c.stay, web(c.memory)))
			if c.stay == 0 { // R6 says it
				if got.Verdict != ecsops.Red || got.Findings[0].Rule != ecsops.RuleLastInstance {
					t.Errorf("%s, %+v", got.Verdict, got.Findings)
				}
				return
			}
			if r := jointRoom(t, got, "web"); r.Verdict != c.want || r.Copies != c.copies {
				t.Errorf("all at once: %s with %d copies, want %s with %d", r.Verdict, r.Copies, c.want, c.copies)
			}
			for _, p := range got.Plans {
				if r := p.Rooms(); len(r) != 1 || r[0].Verdict != c.single {
					t.Errorf("alone: %+v, want %s", r, c.single)
				}
			}
		})
	}
}

// What a service, a target group or a zone keeps is counted without all of them.
func TestTogetherRules(t *testing.T) {
	has := func(fs []ecsops.Finding, r ecsops.Rule) bool {
		return slices.ContainsFunc(fs, func(f ecsops.Finding) bool { return f.Rule == r })
	}
	tg := func(healthy, after int) ecsops.Fact[map[string]ecsops.TargetGroup] {
		return ecsops.Known(map[string]ecsops.TargetGroup{"tg": {ARN: "tg", Name: "web", TargetType: "instance", Healthy: healthy, HealthyAfter: after, Here: []string{"x"}}})
	}
	for _, c := range []struct {
		why    string
		rule   ecsops.Rule
		change func(i int, s *ecsops.Snapshot)
	}{
		{"two of two tasks, and a minimum of none", ecsops.RuleServiceBelowMin, func(_ int, s *ecsops.Snapshot) { serve(s, "web", 2, 0, 200, 1) }},
		{"both healthy targets", ecsops.RuleTargetsZero, func(_ int, s *ecsops.Snapshot) {
			serve(s, "web", 2, 50, 100, 1, func(v *ecsops.Service) { v.TargetGroups = []string{"tg"} })
			s.TargetGroups = tg(2, 1)
		}},
		{"the only two of their zone", ecsops.RuleAZ, func(_ int, s *ecsops.Snapshot) {
			with(&s.Instance, func(v *ecsops.Instance) { v.AZ = "eu-west-1z" })
			for k := range 3 {
				if k == 2 {
					peer(s, k, func(p *ecsops.Peer) { p.AZ = "eu-west-1z" })
				}
			}
		}},
	} {
		t.Run(c.why, func(t *testing.T) {
			snapshots := batchOf(2, 2, c.change)
			got := together(snapshots)
			if !has(got.Findings, c.rule) {
				t.Errorf("no %s among %+v", c.rule, got.Findings)
			}
			if alone := ecsops.Assess(snapshots[0], ecsops.Intent{}); has(alone, c.rule) {
				t.Errorf("%s is there for one alone: the test shows nothing", c.rule)
			}
		})
	}
}

// A fact that one of them lacks is never made up by the others.
func TestTogetherUnknown(t *testing.T) {
	for _, name := range ecsops.FactNames() {
		t.Run(name, func(t *testing.T) {
			snapshots := batchOf(2, 3, func(_ int, s *ecsops.Snapshot) { serve(s, "web", 4, 100, 200, 1) })
			full := together(snapshots)
			snapshots[1] = snapshots[1].Blank(name)
			got := together(snapshots)
			if got.Verdict.Rank() < full.Verdict.Rank() || !slices.ContainsFunc(got.Plans[1].Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleIncomplete }) {
				t.Errorf("%s without %s, and %s with it", got.Verdict, name, full.Verdict)
			}
		})
	}
}

func TestBarring(t *testing.T) {
	s := calm()
	if path, bars := ecsops.Barring(s, ecsops.Intent{}); path != ecsops.PathDrain || len(bars) > 0 {
		t.Errorf("%s, %+v", path, bars)
	}
	own := calm()
	own.Self = ecsops.Known(own.Target.Instance)
	for why, c := range map[string]struct {
		s  ecsops.Snapshot
		in ecsops.Intent
	}{
		"hosts the bot":   {own, ecsops.Intent{}},
		"move":            {s, ecsops.Intent{Purpose: ecsops.Move}},
		"unread":          {s.Blank("instance"), ecsops.Intent{}},
		"no such ending":  {s, ecsops.Intent{Terminate: ecsops.Shrink}},
		"not known to be": {s.Blank("self"), ecsops.Intent{}},
	} {
		if _, bars := ecsops.Barring(c.s, c.in); len(bars) == 0 {
			t.Errorf("%s: nothing bars it", why)
		}
	}
}

// TestTogetherPlans: each one's own plan counts only who stays, and the worst of all is the batch's.
func TestTogetherPlans(t *testing.T) {
	alone := together(batchOf(2, 0, func(int, *ecsops.Snapshot) {}))
	for i, p := range alone.Plans {
		if !has(p, ecsops.RuleLastInstance) {
			t.Errorf("%d: the other leaves, too, and it is not the last one: %s", i, rules(p))
		}
	}
	for first := range 2 {
		b := together(batchOf(2, 2, func(i int, s *ecsops.Snapshot) {
			if i == first {
				s.Self = ecsops.Known(s.Target.Instance)
			}
		}))
		if b.Verdict != ecsops.Red || b.Plans[1-first].Verdict == ecsops.Red {
			t.Errorf("one of two is red: %s of %s and %s", b.Verdict, b.Plans[0].Verdict, b.Plans[1].Verdict)
		}
	}
}

// TestTogetherPlaces: the last of a zone is found wherever it stands in the list; red comes first.
func TestTogetherPlaces(t *testing.T) {
	for _, far := range []int{0, 1} {
		b := together(batchOf(2, 2, func(i int, s *ecsops.Snapshot) {
			if i == far {
				with(&s.Instance, func(v *ecsops.Instance) { v.AZ = "eu-west-1c" })
			}
			serve(s, "pay", 2, 100, 100, 1, func(v *ecsops.Service) { v.Deployments = 2 })
		}))
		if slices.ContainsFunc(b.Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleDeployment }) {
			t.Errorf("what each plan says is said again of all: %+v", b.Findings)
		}
		zones := slices.IndexFunc(b.Findings, func(f ecsops.Finding) bool {
			return f.Rule == ecsops.RuleAZ && slices.Equal(f.Names, []string{"eu-west-1c"})
		})
		stuck := slices.IndexFunc(b.Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleDrainImpossible })
		if zones < 0 || stuck < 0 || stuck > zones {
			t.Errorf("number %d is the last of its zone, and no drain of pay can end: %+v", far, b.Findings)
		}
	}
}

// TestBarringUnread: nothing is ordered about a registration that was not read.
func TestBarringUnread(t *testing.T) {
	_, found := ecsops.Barring(calm().Blank("instance"), ecsops.Intent{Purpose: ecsops.Retire})
	i := slices.IndexFunc(found, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleIncomplete })
	if i < 0 || found[i].Severity != ecsops.Red || !found[i].Bars || len(found[i].Missing) != 1 || found[i].Missing[0].Fact != "instance" {
		t.Errorf("%+v", found)
	}
}
