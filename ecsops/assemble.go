package ecsops

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// snapshot waits for the reads and puts them together. Each fact that did not come says
// which call it waited for, and why that brought nothing.
func (r *reader) snapshot(t Target) Snapshot {
	s := Snapshot{Target: t, External: r.f.cfg.External}
	tasks, tasksErr := r.tasks.wait(r.ctx)
	services, servicesErr := r.servicesHere(tasks, tasksErr)
	r.wantHere(tasks, services)
	classify(tasks, services)
	daemons, daemonsErr := r.daemons.wait(r.ctx)
	markDaemons(tasks, daemons)
	s.Daemons = fact(daemonsFact, daemonsCall, daemons, daemonsErr)
	s.Tasks = fact("tasks", "ecs:DescribeTasks", tasks, tasksErr)
	s.Services = fact("services", "ecs:DescribeServices", services, servicesErr)
	s.Others = r.othersHere(services, servicesErr)
	s.Hosts = r.hostsHere(services, servicesErr)
	others, _ := s.Others.Get()
	s.TaskDefinitions = r.definitionsHere(tasks, services, others, servicesErr)
	s.TargetGroups = r.groupsHere(t, tasks, services, servicesErr)
	s.Protection = r.protectionHere(tasks, tasksErr)
	r.instanceFacts(&s)
	r.machineFacts(&s)
	s.Cluster = settle(r, "cluster", "ecs:DescribeClusters", r.clusterRead)
	s.Self = settle(r, "self", "ecs:TaskMetadata", r.self)
	r.roomFacts(&s)
	s.ReadAt = r.f.clock.Now().UTC()
	r.remember(s)
	return s
}

func settle[T any](r *reader, name, call string, l *later[T]) Fact[T] {
	v, err := l.wait(r.ctx)
	return fact(name, call, v, err)
}

func (r *reader) instanceFacts(s *Snapshot) {
	rec, err := r.record.wait(r.ctx)
	named := askedBy(*s)
	if err == nil {
		rec.Lacks = toPeer(s.Target.Instance, rec, named).Lacks
	}
	s.Instance = fact("instance", "ecs:DescribeContainerInstances", rec.Instance, err)
	all, peersErr := r.peers.wait(r.ctx)
	var peers []Peer
	var others []Registration
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		i := all[arn].Instance
		switch {
		case i.Missing: // gone since it was listed
		case i.EC2 == s.Target.EC2:
			others = append(others, toRegistration(s.Target.Cluster, arn, i))
		default:
			peers = append(peers, toPeer(arn, all[arn], named))
		}
	}
	s.Peers = fact("peers", "ecs:DescribeContainerInstances", peers, peersErr)
	s.Registrations = fact("registrations", "ecs:DescribeContainerInstances", others, peersErr)
	s.Elsewhere = settle(r, "elsewhere", "ecs:ListContainerInstances", r.elsewhere)
	s.CapacityProvider = settle(r, "capacity_provider", "ecs:DescribeCapacityProviders", r.provider)
}

// machineFacts are those whose ids are no ARNs: they mean something only in the target's
// own account, so they wait for GetCallerIdentity.
func (r *reader) machineFacts(s *Snapshot) {
	_, wrong := r.verified.wait(r.ctx)
	m, err := r.machine.wait(r.ctx)
	if protected, protectErr := r.terminate.wait(r.ctx); protectErr == nil {
		m.DisableTerminate, m.TerminationReadOK = protected, true
	} else {
		m.TerminationUnread = unknownOf("termination_protection", "ec2:DescribeInstanceAttribute", protectErr)
	}
	s.EC2 = fact("ec2", "ec2:DescribeInstances", m, cmp.Or(wrong, err))
	spot, err := r.spot.wait(r.ctx)
	s.Spot = fact("spot", "ec2:DescribeSpotInstanceRequests", spot, cmp.Or(wrong, err))
	n, err := r.node.wait(r.ctx)
	s.Node = fact(nodeFact, nodeCall, n, err)
	answer, err := r.rehearsal.wait(r.ctx)
	s.Rehearsal = fact(rehearsalFact, terminateCall, answer, cmp.Or(wrong, err))
	storage, err := r.storage.wait(r.ctx)
	s.Storage = fact(storageFact, typesCall, storage, cmp.Or(wrong, err))
	g, err := r.group.wait(r.ctx)
	s.Group = fact("group", "autoscaling:DescribeAutoScalingGroups", g.Group, cmp.Or(wrong, err))
	h, err := r.hooks.wait(r.ctx)
	s.Hooks = fact("hooks", "autoscaling:DescribeLifecycleHooks", h, cmp.Or(wrong, err))
}

// readHere reads the services with a task here, and starts what depends on them alone: in a
// large cluster the other services come much later.
func (r *reader) readHere() {
	listed := r.tasks
	r.here = start(r.ctx, r.wg, func(ctx context.Context) (map[string]Service, error) {
		tasks, err := listed.wait(ctx)
		services, err := r.findServices(tasks, err)
		r.wantHere(tasks, services)
		return services, err
	})
}

func (r *reader) wantHere(tasks []Task, services map[string]Service) {
	r.defs.want(definitionsOf(tasks, services))
	r.wantGroups(groupsOf(services))
	r.room.hosts.want(distinctOf(services))
}

// servicesHere are the services with a task here.
func (r *reader) servicesHere(tasks []Task, tasksErr error) (map[string]Service, error) {
	if r.here != nil {
		return r.here.wait(r.ctx)
	}
	return r.findServices(tasks, tasksErr)
}

// findServices asks for those by name that the early read did not bring: there are too many
// services, or the hint was stale.
func (r *reader) findServices(tasks []Task, tasksErr error) (map[string]Service, error) {
	if tasksErr != nil {
		return nil, tasksErr
	}
	var names []string
	for _, t := range tasks {
		names = append(names, t.Service)
	}
	names = sortedOnce(names)
	early, err := r.services.wait(r.ctx)
	if err != nil {
		early = map[string]ecstypes.Service{}
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(n string) bool { _, ok := early[n]; return ok })
	if len(missing) > 0 {
		more, err := r.s.describeServices(r.ctx, r.cluster, missing)
		if err != nil {
			return nil, err
		}
		early = maps.Clone(early)
		maps.Copy(early, more)
	}
	out := make(map[string]Service, len(names))
	for _, n := range names {
		s, ok := early[n]
		if !ok {
			return nil, called("ecs:DescribeServices", reasonError(failureMissing))
		}
		out[n] = toService(s)
	}
	return out, nil
}

// classify marks the tasks of daemon services.
func classify(tasks []Task, services map[string]Service) {
	for i, t := range tasks {
		if t.Class == Replica && services[t.Service].Scheduling == string(ecstypes.SchedulingStrategyDaemon) {
			tasks[i].Class = Daemon
		}
	}
}

// definitionsOf leaves out managed daemons': theirs are another resource, which
// DescribeTaskDefinition does not describe.
func definitionsOf(tasks []Task, services map[string]Service) []string {
	var arns []string
	for _, t := range tasks {
		if t.Class != ManagedDaemon {
			arns = append(arns, t.TaskDefinition)
		}
	}
	for _, s := range services {
		arns = append(arns, s.TaskDefinition)
	}
	return sortedOnce(arns)
}

func groupsOf(services map[string]Service) []string {
	var arns []string
	for _, s := range services {
		arns = append(arns, s.TargetGroups...)
	}
	return sortedOnce(arns)
}

func (r *reader) definitionsHere(tasks []Task, services map[string]Service, others []Service, err error) Fact[map[string]TaskDefinition] {
	const call = "ecs:DescribeTaskDefinition"
	if err != nil {
		return fact[map[string]TaskDefinition]("task_definitions", call, nil, err)
	}
	arns := definitionsOf(tasks, services)
	for _, s := range others {
		arns = append(arns, s.TaskDefinition)
	}
	arns = sortedOnce(arns)
	r.defs.want(arns)
	defs, err := r.defs.all(r.ctx, arns)
	return fact("task_definitions", call, defs, err)
}

func (r *reader) groupsHere(t Target, tasks []Task, services map[string]Service, err error) Fact[map[string]TargetGroup] {
	const call = "elasticloadbalancing:DescribeTargetHealth"
	if err != nil {
		return fact[map[string]TargetGroup]("target_groups", call, nil, err)
	}
	arns := groupsOf(services)
	r.wantGroups(arns)
	read, err := r.groups.all(r.ctx, arns)
	if err == nil && len(read) > 0 {
		_, err = r.verified.wait(r.ctx)
	}
	if err != nil {
		return fact[map[string]TargetGroup]("target_groups", call, nil, err)
	}
	addresses := addressesOf(tasks)
	out := make(map[string]TargetGroup, len(read))
	for arn, g := range read {
		out[arn] = g.settings.count(g.targets, t.EC2, addresses)
	}
	return Known(out)
}

func addressesOf(tasks []Task) map[string]bool {
	out := map[string]bool{}
	for _, t := range tasks {
		for _, e := range t.ENIs {
			if e.PrivateIP != "" {
				out[e.PrivateIP] = true
			}
		}
	}
	return out
}

// protectionHere is known when every service task here has an answer. Standalone tasks
// cannot be protected: their failures say nothing.
func (r *reader) protectionHere(tasks []Task, tasksErr error) Fact[map[string]time.Time] {
	const name, call = "protection", "ecs:GetTaskProtection"
	p, err := r.protect.wait(r.ctx)
	if err = cmp.Or(tasksErr, err); err != nil {
		return fact[map[string]time.Time](name, call, nil, err)
	}
	out := map[string]time.Time{}
	for _, t := range tasks {
		if got, ok := p.until[t.ARN]; ok {
			if got.ProtectionEnabled {
				out[t.ARN] = aws.ToTime(got.ExpirationDate).UTC()
			}
			continue
		}
		if t.ofService() && !t.Stopping() && !t.Stopped() {
			reason := cmp.Or(p.failed[t.ARN], "incomplete answer")
			return fact[map[string]time.Time](name, call, nil, called(call, reasonError(reason)))
		}
	}
	return Known(out)
}

// hint returns what was seen of this EC2 id in this cluster, if lately.
func (f *Fleet) hint(ec2 string, c ClusterARN) hint {
	if ec2 == "" {
		return hint{}
	}
	h, _ := f.cache.hints.get(string(c)+" "+ec2, f.clock.Now(), hintAge)
	return h
}

func (r *reader) remember(s Snapshot) {
	services, ok := s.Services.Get()
	if !ok || s.Target.EC2 == "" || s.Target.Instance == "" {
		return
	}
	h := hint{instance: s.Target.Instance}
	for name, svc := range services {
		h.services = append(h.services, name)
		h.groups = append(h.groups, svc.TargetGroups...)
	}
	h.services, h.groups = sortedOnce(h.services), sortedOnce(h.groups)
	r.f.cache.hints.put(string(r.cluster)+" "+string(s.Target.EC2), h, r.f.clock.Now())
}

func sortTasks(tasks []Task) {
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Compare(a.ARN, b.ARN) })
}
