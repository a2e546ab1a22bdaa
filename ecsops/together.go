package ecsops

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Together is what several instances of one cluster come to when they leave in one batch.
type Together struct {
	// Plans are those of each instance, in the order asked: judged as if no other of the
	// batch could take anything.
	Plans []Plan
	// Findings are of all at once, with their Rooms: what no single plan can tell.
	Findings []Finding
	Verdict  Severity
}

// AssessTogether judges instances of one cluster that leave in one batch: pure. The room for
// the copies is simulated with none of them as a candidate and with all displaced tasks
// together, as if they were one large instance: RoomFits holds for the whole batch, in
// whatever order they leave.
func AssessTogether(snapshots []Snapshot, intents []Intent) Together {
	t := Together{Verdict: Green}
	if len(snapshots) == 0 {
		return t
	}
	leaving := map[InstanceARN]bool{}
	for _, s := range snapshots {
		leaving[s.Target.Instance] = true
	}
	for i, s := range snapshots {
		s.Peers = staying(s.Peers, leaving)
		p := NewPlan(s, intents[i])
		t.Plans = append(t.Plans, p)
		t.worse(p.Verdict)
	}
	t.Findings = assessJoint(snapshots, leaving)
	for _, f := range t.Findings {
		t.worse(f.Severity)
	}
	return t
}

func (t *Together) worse(s Severity) {
	if s.Rank() > t.Verdict.Rank() {
		t.Verdict = s
	}
}

// Barring says which path the states call for, and what no approval lifts.
func Barring(s Snapshot, in Intent) (Path, []Finding) {
	j := newJudge(s, in)
	j.intentRules()
	j.ownHost()
	j.pathRules()
	j.terminationRules()
	if !s.Instance.known {
		u := s.Instance.Why()
		u.Fact = "instance"
		j.add(Finding{Rule: RuleIncomplete, Severity: Red, Bars: true, Missing: []Unknown{u}})
	}
	return j.path, slices.DeleteFunc(j.findings, func(f Finding) bool { return !f.Bars })
}

func staying(peers Fact[[]Peer], leaving map[InstanceARN]bool) Fact[[]Peer] {
	if !peers.known {
		return peers
	}
	return Known(slices.DeleteFunc(slices.Clone(peers.value), func(o Peer) bool { return leaving[o.Instance] }))
}

// assessJoint keeps the rules whose answer depends on how many leave: the services'
// arithmetic, the room, the load balancers' targets, the last instance of something.
func assessJoint(snapshots []Snapshot, leaving map[InstanceARN]bool) []Finding {
	j := newJudge(merged(snapshots, leaving), Intent{Purpose: Retire})
	j.path = PathDrain
	j.serviceRules()
	j.roomRules()
	j.targetRules()
	places := map[[2]string]Instance{}
	for _, s := range snapshots {
		if i, ok := s.Instance.Get(); ok {
			places[[2]string{i.AZ, i.CapacityProvider}] = i
		}
	}
	keys := slices.SortedFunc(maps.Keys(places), func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	for _, k := range keys {
		j.s.Instance = Known(places[k])
		j.peerRules()
	}
	joint := []Rule{RuleServiceBelowMin, RuleWontFit, RuleTargetsZero, RuleLastInstance, RuleDrainImpossible, RuleAZ, RuleScaleOut, RuleRoomUnsure, RuleRoom}
	var out []Finding
	seen := map[string]bool{}
	for _, f := range j.findings {
		key := string(f.Rule) + strings.Join(f.Names, " ")
		if slices.Contains(joint, f.Rule) && !seen[key] {
			seen[key] = true
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		if d := b.Severity.Rank() - a.Severity.Rank(); d != 0 {
			return d
		}
		return ruleOrder(a.Rule) - ruleOrder(b.Rule)
	})
	return out
}

// merged is the snapshot of one instance that holds what all of them hold. A fact that one
// of them lacks is unknown: that one's own plan says so, and counts.
func merged(snapshots []Snapshot, leaving map[InstanceARN]bool) Snapshot {
	first := snapshots[0]
	out := first
	out.Target = Target{Account: first.Target.Account, Region: first.Target.Region, Cluster: first.Target.Cluster}
	out.Peers = mergePeers(snapshots, leaving)
	out.Tasks = mergeTasks(snapshots)
	out.Protection = mergeMaps(snapshots, func(s Snapshot) Fact[map[string]time.Time] { return s.Protection })
	out.Services = mergeMaps(snapshots, func(s Snapshot) Fact[map[string]Service] { return s.Services })
	out.TaskDefinitions = mergeMaps(snapshots, func(s Snapshot) Fact[map[string]TaskDefinition] { return s.TaskDefinitions })
	out.Hosts = mergeMaps(snapshots, func(s Snapshot) Fact[map[string][]InstanceARN] { return s.Hosts })
	out.Interfaces = mergeMaps(snapshots, func(s Snapshot) Fact[map[EC2ID]Interfaces] { return s.Interfaces })
	out.Lifecycles = mergeMaps(snapshots, func(s Snapshot) Fact[map[EC2ID]string] { return s.Lifecycles })
	out.Providers = mergeMaps(snapshots, func(s Snapshot) Fact[map[string]Provider] { return s.Providers })
	out.TargetGroups = mergeGroups(snapshots)
	out.Others = mergeOthers(snapshots, out.Services)
	return out
}

func mergeMaps[K comparable, V any](snapshots []Snapshot, of func(Snapshot) Fact[map[K]V]) Fact[map[K]V] {
	all := map[K]V{}
	for _, s := range snapshots {
		f := of(s)
		if !f.known {
			return f
		}
		maps.Copy(all, f.value)
	}
	return Known(all)
}

// mergeTasks keeps the daemons of one instance: the simulation takes them for what a new
// instance must run, not for copies that need a place.
func mergeTasks(snapshots []Snapshot) Fact[[]Task] {
	var all, daemons []Task
	for _, s := range snapshots {
		tasks, ok := s.Tasks.Get()
		if !ok {
			return s.Tasks
		}
		var own []Task
		for _, t := range tasks {
			if t.Class == Daemon {
				own = append(own, t)
			} else {
				all = append(all, t)
			}
		}
		if len(own) > len(daemons) {
			daemons = own
		}
	}
	return Known(append(all, daemons...))
}

// mergePeers keeps the instances that stay. Each snapshot tells of attributes only what its
// own services ask for.
func mergePeers(snapshots []Snapshot, leaving map[InstanceARN]bool) Fact[[]Peer] {
	all := map[InstanceARN]Peer{}
	for _, s := range snapshots {
		peers, ok := s.Peers.Get()
		if !ok {
			return s.Peers
		}
		for _, o := range peers {
			if leaving[o.Instance] {
				continue
			}
			have, seen := all[o.Instance]
			if !seen {
				all[o.Instance] = o
				continue
			}
			all[o.Instance] = have.with(o)
		}
	}
	out := make([]Peer, 0, len(all))
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[arn])
	}
	return Known(out)
}

func (p Peer) with(o Peer) Peer {
	for _, lack := range o.Lacks {
		if !slices.Contains(p.Lacks, lack) {
			p.Lacks = append(slices.Clone(p.Lacks), lack)
		}
	}
	for k, v := range o.Attributes {
		if _, ok := p.Attributes[k]; !ok {
			m := maps.Clone(p.Attributes)
			if m == nil {
				m = map[string]string{}
			}
			m[k] = v
			p.Attributes = m
		}
	}
	return p
}

// mergeGroups takes every leaving instance's targets out of each group's count.
func mergeGroups(snapshots []Snapshot) Fact[map[string]TargetGroup] {
	all := map[string]TargetGroup{}
	for _, s := range snapshots {
		groups, ok := s.TargetGroups.Get()
		if !ok {
			return s.TargetGroups
		}
		for arn, g := range groups {
			have, seen := all[arn]
			if !seen {
				all[arn] = g
				continue
			}
			have.HealthyAfter = max(0, have.HealthyAfter-(g.Healthy-g.HealthyAfter))
			have.Here = append(slices.Clone(have.Here), g.Here...)
			all[arn] = have
		}
	}
	return Known(all)
}

// mergeOthers are the services that have a task on none of them.
func mergeOthers(snapshots []Snapshot, here Fact[map[string]Service]) Fact[[]Service] {
	all := map[string]Service{}
	for _, s := range snapshots {
		others, ok := s.Others.Get()
		if !ok {
			return s.Others
		}
		for _, v := range others {
			if _, own := here.value[v.Name]; !own {
				all[v.Name] = v
			}
		}
	}
	var out []Service
	for _, name := range sortedKeys(all) {
		out = append(out, all[name])
	}
	return Known(out)
}
