package ecsops

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Assess judges a snapshot for an intent: pure, every rule, worst first. A fact that could
// not be read never makes the verdict greener: where it could have brought a red finding,
// A12 is red.
func Assess(s Snapshot, in Intent) []Finding {
	return assess(s, in).findings
}

func assess(s Snapshot, in Intent) *judge {
	j := newJudge(s, in)
	for _, rule := range []func(*judge){
		(*judge).intentRules, (*judge).ownHost, (*judge).pathRules, (*judge).terminationRules,
		(*judge).taskRules, (*judge).serviceRules, (*judge).roomRules, (*judge).targetRules, (*judge).peerRules,
		(*judge).ownerRules, (*judge).volumeRules, (*judge).storageRules, (*judge).groupRules, (*judge).cutRules, (*judge).definitionRules, (*judge).incomplete,
	} {
		rule(j)
	}
	slices.SortStableFunc(j.findings, func(a, b Finding) int {
		return cmp.Or(b.Severity.Rank()-a.Severity.Rank(), ruleOrder(a.Rule)-ruleOrder(b.Rule))
	})
	return j
}

// ruleOrder sorts R before A before T, each by number.
func ruleOrder(r Rule) int {
	n, err := strconv.Atoi(string(r[1:]))
	if err != nil {
		return 1 << 20
	}
	return strings.IndexByte("RAT", r[0])*1000 + n
}

// judge gathers the findings about one snapshot.
type judge struct {
	s        Snapshot
	in       Intent
	path     Path
	findings []Finding
	gaps     map[string]gap // by fact

	tasks       []Task // not STOPPED
	tasksKnown  bool
	services    map[string]Service
	impacts     map[string]ServiceImpact
	nowhere     []Room // what has no other instance to go to: R6's
	definitions map[string]TaskDefinition
	groups      map[string]TargetGroup
	machine     EC2
	group       Group
}

// gap is a missing fact and the worst finding that it could have brought.
type gap struct {
	unknown Unknown
	worst   Severity
	bars    bool
}

func newJudge(s Snapshot, in Intent) *judge {
	in = in.implied(s)
	j := &judge{s: s, in: in, path: choosePath(s, in), gaps: map[string]gap{}}
	all, ok := s.Tasks.Get()
	j.tasksKnown = ok
	for _, t := range all {
		if !t.Stopped() {
			j.tasks = append(j.tasks, t)
		}
	}
	j.services, _ = s.Services.Get()
	j.definitions, _ = s.TaskDefinitions.Get()
	j.groups, _ = s.TargetGroups.Get()
	j.machine, _ = s.EC2.Get()
	j.group, _ = s.Group.Get()
	j.impacts = impacts(j.tasks, j.services)
	return j
}

func (j *judge) add(f Finding) { j.findings = append(j.findings, f) }

// miss records that a rule of that severity lacked a fact.
func (j *judge) miss(u Unknown, worst Severity, bars bool) {
	g := j.gaps[u.Fact]
	if g.worst != "" && g.worst.Rank() > worst.Rank() {
		worst = g.worst
	}
	j.gaps[u.Fact] = gap{unknown: u, worst: worst, bars: bars || g.bars}
}

// lack is miss for a fact of the snapshot; it does nothing when the fact is known.
func lack[T any](j *judge, name string, f Fact[T], worst Severity) {
	if !f.known {
		u := f.Why()
		u.Fact = name
		j.miss(u, worst, false)
	}
}

// incomplete turns every gap into A12: one red, if any gap could hide a red finding, and
// one amber with the rest.
func (j *judge) incomplete() {
	for _, u := range j.s.Unknowns() {
		if j.path == PathMachine && !slices.Contains(machineOnly(), u.Fact) && !isElsewhere(u) {
			continue // a registration that is gone has no tasks to read
		}
		if j.path == PathExternal && u.Reason == reasonExternal {
			continue // EC2 knows no such machine, and nothing depends on it
		}
		bars := u.Fact == "instance"
		worst := Amber
		if bars {
			worst = Red
		}
		j.miss(u, worst, bars)
	}
	byWorst := map[Severity]*Finding{}
	for _, name := range sortedKeys(j.gaps) {
		g := j.gaps[name]
		f := byWorst[g.worst]
		if f == nil {
			f = &Finding{Rule: RuleIncomplete, Severity: g.worst}
			byWorst[g.worst] = f
		}
		f.Missing = append(f.Missing, g.unknown)
		f.Bars = f.Bars || g.bars
	}
	for _, sev := range []Severity{Red, Amber} {
		if f := byWorst[sev]; f != nil {
			j.add(*f)
		}
	}
}

// machineOnly are the facts that matter where only the machine is left.
func machineOnly() []string {
	return []string{"instance", "registrations", "elsewhere", "ec2", rehearsalFact, storageFact, "group", "hooks", "self"}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// impacts does the arithmetic of each service with a task here: the minimum is rounded
// up, the maximum down (DeploymentConfiguration).
func impacts(tasks []Task, services map[string]Service) map[string]ServiceImpact {
	out := map[string]ServiceImpact{}
	for name, s := range services {
		i := ServiceImpact{Service: name, Running: s.Running, Desired: s.Desired, MinPercent: s.MinPercent, MaxPercent: s.MaxPercent}
		running := 0
		for _, t := range tasks {
			if t.Service != name || t.Class == Standalone || t.Stopping() {
				continue
			}
			i.Here++
			if t.LastStatus == "RUNNING" {
				running++
			}
		}
		i.Floor = (s.Desired*s.MinPercent + 99) / 100
		i.MayStop = s.Running - i.Floor
		i.MayStart = s.Desired*s.MaxPercent/100 - max(s.Running, s.Desired)
		i.After = max(0, s.Running-running)
		out[name] = i
	}
	return out
}

// stuck: neither may a task stop nor another start, so draining never moves one. A service
// that lacks tasks is judged as if it had them: until then it may not stop any either.
func (i ServiceImpact) stuck() bool {
	lacking := max(0, i.Desired-i.Running)
	return i.Here > 0 && i.Desired > 0 && i.MayStop+lacking <= 0 && i.MayStart <= 0
}

// lowest is how far the service may fall while the instance leaves: force takes all at
// once, a drain no more than the minimum allows.
func (i ServiceImpact) lowest(force bool) int {
	if force {
		return i.After
	}
	return max(i.After, i.Running-max(0, i.MayStop))
}

func (j *judge) ref(t Task) TaskRef {
	r := TaskRef{ARN: t.ARN, Name: lastPart(t.TaskDefinition), Service: t.Service, Class: t.Class, Status: t.LastStatus,
		Network: j.definitions[t.TaskDefinition].NetworkMode, StartedAt: t.StartedAt, StartedBy: t.StartedBy,
		Image: t.Image(j.definitions[t.TaskDefinition].Main)}
	if len(t.ENIs) > 0 {
		r.Network = "awsvpc"
	}
	if p, ok := j.s.Protection.Get(); ok {
		r.Until = p[t.ARN]
	}
	return r
}

// refs are the tasks that fit, by name.
func (j *judge) refs(fits func(Task) bool) []TaskRef {
	var out []TaskRef
	for _, t := range j.tasks {
		if fits(t) {
			out = append(out, j.ref(t))
		}
	}
	return out
}

// force: tasks go at once, without a drain.
func (j *judge) force() bool { return j.path == PathForce || j.path == PathManaged && j.in.Force }

// hasServiceTasks is true, too, when that is not known.
func (j *judge) hasServiceTasks() bool {
	return !j.tasksKnown || slices.ContainsFunc(j.tasks, func(t Task) bool { return t.ofService() })
}
