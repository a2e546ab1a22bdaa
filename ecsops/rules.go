package ecsops

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ownHost: R11. When it cannot be ruled out that the bot runs here, it counts as so.
func (j *judge) ownHost() {
	self, ok := j.s.Self.Get()
	switch {
	case !ok:
		u := j.s.Self.Why()
		u.Fact = "self"
		j.miss(u, Red, true)
		j.add(Finding{Rule: RuleOwnHost, Severity: Red, Bars: true, Missing: []Unknown{u}})
	case self != "" && (self == j.s.Target.Instance || lastPart(string(self)) == j.s.Target.InstanceID()):
		j.add(Finding{Rule: RuleOwnHost, Severity: Red, Bars: true})
	}
}

// pathRules: what the machine's, the agent's and the registration's states say.
func (j *judge) pathRules() {
	i, ok := j.s.Instance.Get()
	if !ok {
		return
	}
	j.externalRules()
	switch j.path {
	case PathGone, PathMachine:
		j.add(Finding{Rule: RuleGone, Severity: Green, Names: kept1(i.Status)})
	case PathManaged:
		j.managedRules(i)
	case PathWait:
		j.add(Finding{Rule: RuleTransition, Severity: Amber, Names: kept1(i.Status, j.machine.State)})
	case PathGhost:
		j.add(Finding{Rule: RuleGhost, Severity: Green, Names: kept1(j.machine.State, j.machine.StateReason)})
	case PathHostStopped:
		j.add(Finding{Rule: RuleHostStopped, Severity: Amber, Names: kept1(j.machine.StateReason)})
	case PathDrain, PathObserve, PathDisconnected, PathForce, PathGroup, PathDuplicate, PathExternal:
	}
	if j.path.live() && !i.AgentConnected {
		// The API has no time of disconnection: a blip of minutes looks the same (amazon-ecs-agent#219).
		f := Finding{Rule: RuleAgentLost, Severity: Red}
		if j.path == PathExternal {
			f.Names = []string{OutsideEC2}
		} else {
			lack(j, "ec2", j.s.EC2, Red)
		}
		j.add(f)
	}
	if j.path.live() || j.path == PathWait {
		j.alreadyLeaving(i)
	}
	j.duplicates(i)
	if j.path.live() || j.path == PathHostStopped || j.path == PathMachine || j.path == PathWait {
		j.spotRules(i)
	}
	if j.machine.State == "running" && j.in.Terminate == KeepRunning && j.path != PathManaged && j.path != PathDuplicate && !j.group.Terminating() {
		j.add(Finding{Rule: RuleBilling, Severity: Green, Names: kept1(string(j.s.Target.EC2), j.machine.Type)})
	}
}

// alreadyLeaving: A8, and T40 of what the group has set aside.
func (j *judge) alreadyLeaving(i Instance) {
	var names []string
	if i.Status == "DRAINING" {
		names = append(names, i.Status)
	}
	if j.group.Terminating() {
		names = append(names, j.group.Lifecycle)
	}
	if j.group.aside() {
		j.add(Finding{Rule: RuleAside, Severity: Amber, Names: []string{j.group.Lifecycle, j.group.Name}})
	}
	if len(names) > 0 {
		j.add(Finding{Rule: RuleAlreadyDraining, Severity: Amber, Names: names})
	}
}

// kept1 drops empty strings.
func kept1(in ...string) []string {
	return slices.DeleteFunc(in, func(s string) bool { return s == "" })
}

// terminationRules: T11. A termination that cannot be done as asked is not replaced by
// another one.
func (j *judge) terminationRules() {
	if j.in.Terminate == KeepRunning || j.path == PathGhost || j.path == PathGone {
		return
	}
	if why := j.noTermination(); why != "" {
		f := Finding{Rule: RuleTermination, Severity: Red, Bars: true, Names: []string{why}}
		if g, ok := j.s.Group.Get(); ok && g.Name != "" {
			f.Group = &g
		}
		switch why {
		case "owner_unknown":
			f.Missing = []Unknown{named("group", j.s.Group.Why())}
		case "protection_unknown":
			f.Missing = []Unknown{named("ec2", j.s.EC2.Why())}
		case "rehearsal_unknown":
			f.Missing = []Unknown{named(rehearsalFact, j.s.Rehearsal.Why())}
		}
		j.add(f)
	}
}

// named is u as the snapshot calls the fact.
func named(fact string, u Unknown) Unknown {
	u.Fact = fact
	return u
}

func (j *judge) noTermination() string {
	switch {
	case j.in.Purpose == EndMachine && j.registeredAgain():
		return "registered_again"
	case j.path == PathExternal:
		return "external_host"
	case j.path == PathManaged && j.in.Terminate == Terminate:
		return "" // it ends anyway
	case !j.s.Group.known:
		return "owner_unknown"
	case j.group.Name == "" && j.in.Terminate != Terminate:
		return "no_group"
	case j.group.Name == "" && !j.s.EC2.known:
		return "protection_unknown"
	case j.group.Name == "" && j.machine.DisableTerminate:
		return "termination_protected"
	case j.group.Name == "":
		if why := j.noRehearsal(); why != "" {
			return why
		}
		if !j.machine.TerminationReadOK {
			j.miss(cmp.Or(j.machine.TerminationUnread,
				Unknown{Fact: "termination_protection", Call: "ec2:DescribeInstanceAttribute", Reason: "not read"}), Amber, false)
		}
		return ""
	case j.in.Terminate == Terminate:
		return "in_group"
	case strings.HasPrefix(j.group.Lifecycle, warmed):
		return "warm_pool" // TerminateInstanceInAutoScalingGroup is not for those
	case j.in.Terminate == Shrink && strings.HasSuffix(j.group.Lifecycle, "Standby"):
		return "standby" // its place may be gone from the desired capacity already
	case j.in.Terminate == Shrink && j.group.Desired <= j.group.Min:
		return "at_minimum"
	}
	return ""
}

// registeredAgain: tasks may run on the machine that nobody decided on. Registrations that
// could not be read may be there, and bar as those do that were; where the clusters are too
// many to ask, which no second try mends, two people decide.
func (j *judge) registeredAgain() bool {
	if i, ok := j.s.Instance.Get(); !ok || !i.gone() {
		return true
	}
	for _, u := range j.s.unreadOthers() {
		j.miss(u, Red, u.Reason != reasonTooMany)
	}
	return len(j.s.others()) > 0
}

// taskRules: what happens to tasks whatever their service's arithmetic is.
func (j *judge) taskRules() {
	if j.path.live() {
		lack(j, "tasks", j.s.Tasks, Red)
		if j.hasServiceTasks() {
			lack(j, "protection", j.s.Protection, Red)
		}
	}
	if j.tasksKnown && len(j.tasks) == 0 && (j.path.live() || j.path == PathGhost || j.path == PathHostStopped || j.path == PathDuplicate) {
		j.add(Finding{Rule: RuleEmpty, Severity: Green})
	}
	if !j.path.live() {
		return
	}
	standalone := func(t Task) bool { return t.Class == Standalone && !t.Stopping() }
	if all := j.refs(standalone); len(all) > 0 && j.force() {
		f := Finding{Rule: RuleStandaloneForce, Severity: Red, Tasks: all, Count: len(all)}
		if j.path == PathManaged {
			f.Names = []string{EndsWithMachine}
		}
		j.add(f)
	}
	waiting := j.refs(func(t Task) bool { return standalone(t) && !slices.Contains(j.in.StopTasks, t.ARN) })
	if len(waiting) > 0 && !j.force() {
		j.add(Finding{Rule: RuleStandaloneTask, Severity: Amber, Tasks: waiting, Count: len(waiting)})
	}
	if batch := j.refs(func(t Task) bool { return standalone(t) && batchLike(t.StartedBy) }); len(batch) > 0 {
		j.add(Finding{Rule: RuleBatchLike, Severity: Amber, Tasks: batch})
	}
	if exec := j.refs(func(t Task) bool { return t.Exec }); len(exec) > 0 {
		j.add(Finding{Rule: RuleExec, Severity: Amber, Tasks: exec})
	}
	if eni := j.refs(func(t Task) bool { return len(t.ENIs) > 0 }); len(eni) > 0 {
		f := Finding{Rule: RuleENI, Severity: Green, Tasks: eni, Count: len(eni), Names: j.addresses()}
		if j.force() {
			f.Severity = Amber // the container runs on, without its network
		}
		j.add(f)
	}
	j.protectedTasks()
}

// addresses are the network interfaces that go, each with its address.
func (j *judge) addresses() []string {
	var out []string
	for _, t := range j.tasks {
		for _, e := range t.ENIs {
			out = append(out, strings.TrimSpace(e.ID+" "+e.PrivateIP))
		}
	}
	return sortedOnce(out)
}

// protectedTasks: R5. Whether draining honours scale-in protection is undocumented: it is
// taken not to.
func (j *judge) protectedTasks() {
	protection, _ := j.s.Protection.Get()
	protected := j.refs(func(t Task) bool {
		until, ok := protection[t.ARN]
		return ok && !t.Stopping() && (until.IsZero() || until.After(j.s.ReadAt))
	})
	if len(protected) > 0 {
		j.add(Finding{Rule: RuleProtectedTask, Severity: Red, Tasks: protected, Count: len(protected)})
	}
}

// batchLike knows the startedBy of AWS Batch, EventBridge and Step Functions.
func batchLike(startedBy string) bool {
	s := strings.ToLower(startedBy)
	for _, mark := range []string{"aws-batch", "batch", "events-rule/", "aws step functions", "states"} {
		if strings.HasPrefix(s, mark) {
			return true
		}
	}
	return false
}

// serviceRules: R2, R9, A4, A5, A9 and what is not modelled.
func (j *judge) serviceRules() {
	if !j.path.live() || !j.hasServiceTasks() {
		return
	}
	lack(j, "services", j.s.Services, Red)
	var below, stuck []ServiceImpact
	var deploying, daemons, distinct []string
	for _, name := range sortedKeys(j.services) {
		s, i := j.services[name], j.impacts[name]
		if i.Here == 0 {
			continue
		}
		if s.Deployments > 1 || s.Rollout == "IN_PROGRESS" {
			deploying = append(deploying, name)
		}
		if s.Scheduling == "DAEMON" {
			if len(s.TargetGroups)+len(s.ClassicLBs) > 0 {
				daemons = append(daemons, name)
			}
			continue
		}
		if slices.ContainsFunc(s.Placement, func(p string) bool { return strings.EqualFold(p, "distinctInstance") }) {
			distinct = append(distinct, name)
		}
		low := i.lowest(j.force())
		if s.Desired > 0 && low < s.Running && (low == 0 || j.force() && low < i.Floor) {
			below = append(below, i)
		}
		if !j.force() && i.stuck() {
			stuck = append(stuck, i)
		}
	}
	j.addServices(RuleServiceBelowMin, Red, below)
	j.addServices(RuleDrainImpossible, Red, stuck)
	j.addNames(RuleDeployment, deploying)
	j.addNames(RuleDaemonLB, daemons)
	j.addNames(RuleStaticPorts, distinct)
}

func (j *judge) addServices(r Rule, sev Severity, is []ServiceImpact) {
	if len(is) > 0 {
		j.add(Finding{Rule: r, Severity: sev, Services: is, Count: len(is)})
	}
}

// addNames adds an amber finding about names, if there are any; of one rule the names are
// gathered in one finding.
func (j *judge) addNames(r Rule, names []string) {
	names = sortedOnce(names)
	if len(names) == 0 {
		return
	}
	for i := range j.findings {
		if f := &j.findings[i]; f.Rule == r && f.Severity == Amber {
			f.Names = sortedOnce(append(slices.Clone(f.Names), names...))
			return
		}
	}
	j.add(Finding{Rule: r, Severity: Amber, Names: names})
}

// targetRules: R4, and the target types whose health says nothing of tasks.
func (j *judge) targetRules() {
	if !j.path.live() || !j.hasServiceTasks() {
		return
	}
	worst := Amber
	if !j.s.Services.known || slices.ContainsFunc(sortedKeys(j.services), func(n string) bool { return len(j.services[n].TargetGroups) > 0 }) {
		worst = Red
	}
	lack(j, "target_groups", j.s.TargetGroups, worst)
	var zero []TargetGroupHit
	for _, name := range sortedKeys(j.services) {
		s, i := j.services[name], j.impacts[name]
		for _, arn := range s.TargetGroups {
			g, ok := j.groups[arn]
			if !ok {
				if j.s.TargetGroups.known && i.Here > 0 {
					j.miss(Unknown{Fact: "target_groups", Call: "elasticloadbalancing:DescribeTargetHealth", Reason: reasonIncomplete}, Red, false)
				}
				continue
			}
			if g.TargetType == "lambda" || g.TargetType == "alb" {
				j.miss(Unknown{Fact: "target_type_" + g.TargetType, Call: "elasticloadbalancing:DescribeTargetHealth", Reason: reasonNotModelled}, Amber, false)
			}
			// A drain that must start the replacement first leaves a healthy target all along.
			stopsFirst := j.force() || s.Scheduling == "DAEMON" || i.MayStop > 0
			if g.Healthy > 0 && g.HealthyAfter == 0 && len(g.Here) > 0 && stopsFirst {
				zero = append(zero, hit(g, name))
			}
		}
	}
	if len(zero) > 0 {
		j.add(Finding{Rule: RuleTargetsZero, Severity: Red, TargetGroups: zero, Count: len(zero)})
	}
}

// peerRules: R6 and A10, counting only instances that take tasks now.
func (j *judge) peerRules() {
	if !j.path.live() {
		return
	}
	lack(j, "peers", j.s.Peers, Red)
	peers, ok := j.s.Peers.Get()
	i, known := j.s.Instance.Get()
	if !ok || !known {
		return
	}
	if j.path == PathManaged && len(j.nowhere) == 0 {
		return // its capacity provider launches what tasks need
	}
	ready := slices.DeleteFunc(slices.Clone(peers), func(p Peer) bool { return p.Status != "ACTIVE" || !p.AgentConnected })
	if len(ready) == 0 {
		j.add(Finding{Rule: RuleLastInstance, Severity: Red, Names: []string{j.s.Target.Cluster.Name()}, Rooms: j.nowhere})
		return
	}
	if p := i.CapacityProvider; p != "" && j.usedProvider(p) && !slices.ContainsFunc(ready, func(o Peer) bool { return o.CapacityProvider == p }) {
		j.add(Finding{Rule: RuleLastInstance, Severity: Red, Names: []string{j.s.Target.Cluster.Name(), p}})
	}
	if i.AZ != "" && !slices.ContainsFunc(ready, func(o Peer) bool { return o.AZ == i.AZ }) {
		j.add(Finding{Rule: RuleAZ, Severity: Amber, Names: []string{i.AZ}})
	}
}

func (j *judge) usedProvider(p string) bool {
	for name, s := range j.services {
		if j.impacts[name].Here > 0 && slices.Contains(s.CapacityProviders, p) {
			return true
		}
	}
	return false
}

const stackTag = "aws:cloudformation:stack-name"

// ownerRules: A1, A2 and the instance store.
func (j *judge) ownerRules() {
	if !j.path.live() && j.path != PathHostStopped && j.path != PathMachine {
		return
	}
	if g, ok := j.s.Group.Get(); ok && g.Name != "" {
		hooks, _ := j.s.Hooks.Get()
		j.add(Finding{Rule: RuleGroupOwned, Severity: Amber, Group: &g, Names: []string{g.Name}, Count: len(hooks)})
	}
	stacks := []string{j.group.Stack, j.machine.Tags[stackTag]}
	for _, k := range sortedKeys(j.machine.Tags) {
		if lower := strings.ToLower(k + "=" + j.machine.Tags[k]); !strings.HasPrefix(k, "aws:") &&
			(strings.Contains(lower, "terraform") || strings.Contains(lower, "pulumi") || strings.Contains(lower, "cdk")) {
			stacks = append(stacks, k+"="+j.machine.Tags[k])
		}
	}
	j.addNames(RuleStackOwned, stacks)
}

// definitionRules: A6, A7, A9 and A14, from task definitions and target groups.
func (j *judge) definitionRules() {
	if !j.path.live() || len(j.tasks) == 0 {
		return
	}
	var ports, volumes, dependent []string
	for _, t := range j.tasks {
		d := j.definitions[t.TaskDefinition]
		current := j.definitions[j.services[t.Service].TaskDefinition]
		if t.Class == Replica && len(d.HostPorts)+len(current.HostPorts) > 0 {
			ports = append(ports, t.Service)
		}
		for _, v := range d.HostVolumes {
			volumes = append(volumes, lastPart(t.TaskDefinition)+": "+v)
		}
		for _, e := range slices.Concat(d.MemberOf, current.MemberOf, j.services[t.Service].Placement) {
			if strings.Contains(strings.ReplaceAll(e, " ", ""), "task:group==service:") {
				dependent = append(dependent, e)
			}
		}
	}
	j.addNames(RuleStaticPorts, ports)
	j.addNames(RuleLocalData, volumes)
	j.addNames(RuleDaemonDependent, dependent)
	if eta, limit := j.eta(), j.in.deadline(); eta > limit && !j.force() {
		j.add(Finding{Rule: RuleLongDrain, Severity: Amber, Duration: eta, Limit: limit})
	}
}

func (in Intent) deadline() time.Duration {
	if in.Deadline > 0 {
		return in.Deadline
	}
	return DefaultDeadline
}

// eta is how long the slowest task may take to end once it is told to: its target groups'
// longest deregistration delay, then its containers' stop timeout. 0 when unknown.
func (j *judge) eta() time.Duration {
	var longest time.Duration
	if !j.s.TaskDefinitions.known || !j.s.TargetGroups.known {
		return 0
	}
	for _, t := range j.tasks {
		if t.Class == Standalone && !slices.Contains(j.in.StopTasks, t.ARN) && !t.Stopping() {
			continue
		}
		var delay time.Duration
		for _, arn := range j.services[t.Service].TargetGroups {
			delay = max(delay, j.groups[arn].Deregister)
		}
		longest = max(longest, delay+j.definitions[t.TaskDefinition].StopTimeout)
	}
	return longest
}
