package ecsops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// manyTimeBox is longer than one inspection's: of a hundred instances the tasks are listed one
// instance at a time, within half of the bucket that all of them share.
const manyTimeBox = 25 * time.Second

// InspectMany is Inspect for several targets of one cluster, in their order. What is about
// the cluster is read once for all; tasks, their protection and machines are described in
// the largest batches that AWS takes. It costs one or two lists for each target, and the
// rest hardly more than one inspection. It errs when the targets are of several clusters,
// or ctx ends.
func (f *Fleet) InspectMany(ctx context.Context, targets []Target) ([]Snapshot, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	cluster := targets[0].Cluster
	for _, t := range targets {
		if t.Cluster != cluster {
			return nil, fmt.Errorf("inspecting %s with instances of %s: one cluster at a time", t.Cluster, cluster)
		}
	}
	boxed, cancel := context.WithTimeout(ctx, max(f.cfg.TimeBox, manyTimeBox))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	m := f.newMany(boxed, &wg, targets)
	out := make([]Snapshot, len(targets))
	for i, t := range targets {
		m.aimAt(t)
		out[i] = m.r.snapshot(t)
	}
	return out, ctx.Err()
}

// many are the reads that several snapshots share. One reader is pointed at each target in
// turn; what it waits for was started for all.
type many struct {
	r       *reader
	targets []Target

	records  *later[map[InstanceARN]record]
	running  map[InstanceARN]*later[[]string]
	stopped  map[InstanceARN]*later[[]string]
	tasks    *later[map[string]Task] // by ARN, of all targets
	protect  *later[protection]
	ids      *later[[]EC2ID]
	others   *later[manyElsewhere]
	machines *later[map[EC2ID]EC2]
	members  *later[map[EC2ID]asgtypes.AutoScalingInstanceDetails]

	rehearsals *later[map[EC2ID]rehearsed]

	mu     sync.Mutex
	groups map[string]*later[groupState] // guarded by mu
	hooks  map[string]*later[[]Hook]     // guarded by mu
}

func (f *Fleet) newMany(ctx context.Context, wg *sync.WaitGroup, targets []Target) *many {
	base := f.clusterReader(ctx, wg, targets[0].Cluster, true)
	base.verified = start(ctx, wg, func(ctx context.Context) (struct{}, error) { return struct{}{}, base.s.verify(ctx) })
	base.begin(hint{})
	m := &many{targets: targets, running: map[InstanceARN]*later[[]string]{}, stopped: map[InstanceARN]*later[[]string]{},
		groups: map[string]*later[groupState]{}, hooks: map[string]*later[[]Hook]{}}
	m.records = start(withWide(ctx), wg, func(ctx context.Context) (map[InstanceARN]record, error) {
		parts, err := asTheyCome(ctx, base.instances, func(ctx context.Context, page []InstanceARN) (map[InstanceARN]record, error) {
			return base.s.describeInstances(ctx, base.cluster, page)
		})
		if err != nil {
			return nil, err
		}
		all := joined(parts)
		var rest []InstanceARN
		for _, t := range targets {
			if _, ok := all[t.Instance]; !ok { // one that is INACTIVE is in no list
				rest = append(rest, t.Instance)
			}
		}
		slices.Sort(rest)
		left, err := base.s.describeInstances(ctx, base.cluster, slices.Compact(rest))
		maps.Copy(all, left)
		return all, err
	})
	// The capacity simulation's reads are about the whole cluster: what they say of an instance
	// that is no peer of some target is not looked at there.
	base.peers, base.group = m.records, ready(groupState{}) // no own group is known yet: all providers' groups are read
	base.readRoom()
	m.r = base.pointed()
	m.readTasks()
	m.readMachines()
	m.readRehearsals()
	m.readElsewhere()
	return m
}

// pointed is a reader that shares what r reads about the cluster, and may be pointed at one
// target after the other: r's own reads never see that.
func (r *reader) pointed() *reader {
	o := &reader{ctx: r.ctx, wg: r.wg, f: r.f, s: r.s, cluster: r.cluster, fresh: r.fresh,
		verified: r.verified, clusterRead: r.clusterRead, instances: r.instances, services: r.services, self: r.self}
	o.defs = wanted[TaskDefinition]{r: o, read: o.readDefinition}
	o.room.every, o.room.providers, o.room.scaled = r.room.every, r.room.providers, r.room.scaled
	o.room.lifecycles, o.room.interfaces, o.room.stopping = r.room.lifecycles, r.room.interfaces, r.room.stopping
	o.room.hosts = wanted[[]InstanceARN]{r: o, read: r.room.hosts.read}
	return o
}

// readTasks lists what runs on each target, and what was told to stop, and describes the
// union in hundreds.
func (m *many) readTasks() {
	r := m.r
	for _, t := range m.targets {
		list := func(desired ecstypes.DesiredStatus) *later[[]string] {
			return start(r.ctx, r.wg, func(ctx context.Context) ([]string, error) { return r.s.tasksOn(ctx, r.cluster, t.Instance, desired) })
		}
		m.running[t.Instance], m.stopped[t.Instance] = list(ecstypes.DesiredStatusRunning), list(ecstypes.DesiredStatusStopped)
	}
	m.tasks = start(r.ctx, r.wg, func(ctx context.Context) (map[string]Task, error) {
		running, err := m.listed(ctx, m.running)
		if err != nil {
			return nil, err
		}
		stopped, err := m.listed(ctx, m.stopped)
		if err != nil {
			return nil, err
		}
		found, err := r.s.tasksIn(ctx, r.cluster, running, stopped, nil)
		out := make(map[string]Task, len(found))
		for _, t := range found {
			out[t.ARN] = t
		}
		return out, err
	})
	m.protect = start(r.ctx, r.wg, func(ctx context.Context) (protection, error) {
		all, err := m.tasks.wait(ctx)
		if err != nil {
			return protection{}, err
		}
		// Of service tasks alone: one standalone task may spoil the whole question.
		return r.s.taskProtection(ctx, r.cluster, serviceTasks(slices.Collect(maps.Values(all))))
	})
}

func (m *many) listed(ctx context.Context, lists map[InstanceARN]*later[[]string]) ([]string, error) {
	var out []string
	for _, t := range m.targets {
		arns, err := lists[t.Instance].wait(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, arns...)
	}
	return out, nil
}

// readMachines asks EC2 and Auto Scaling for all targets at once.
func (m *many) readMachines() {
	r := m.r
	m.ids = start(r.ctx, r.wg, func(ctx context.Context) ([]EC2ID, error) {
		all, err := m.records.wait(ctx)
		if err != nil {
			return nil, err
		}
		var ids []EC2ID
		for _, t := range m.targets {
			ids = append(ids, machineIn(t, all[t.Instance]))
		}
		return machineIDs(ids...), nil
	})
	m.machines = start(r.ctx, r.wg, func(ctx context.Context) (map[EC2ID]EC2, error) {
		some, err := m.ids.wait(ctx)
		if err != nil {
			return nil, err
		}
		return r.s.machines(ctx, some)
	})
	m.members = start(r.ctx, r.wg, func(ctx context.Context) (map[EC2ID]asgtypes.AutoScalingInstanceDetails, error) {
		some, err := m.ids.wait(ctx)
		if err != nil {
			return nil, err
		}
		return r.s.memberships(ctx, some)
	})
}

// machineIn is the machine of a target. The target remembers it when ECS, an hour after a
// deregistration, tells nothing of the registration any more.
func machineIn(t Target, rec record) EC2ID { return cmp.Or(t.EC2, rec.EC2) }

// manyElsewhere is what the other clusters know of all machines.
type manyElsewhere struct {
	clusters int
	common   Elsewhere // Searched and Unread hold for each
	found    map[EC2ID][]Registration
}

func (m *many) readElsewhere() {
	r := m.r
	m.others = start(r.ctx, r.wg, func(ctx context.Context) (manyElsewhere, error) {
		out := manyElsewhere{found: map[EC2ID][]Registration{}}
		clusters, common, err := r.otherClusters(ctx)
		out.clusters, out.common = len(clusters), common
		if err != nil || len(clusters) == 0 {
			return out, err
		}
		ids, err := m.ids.wait(ctx)
		if err != nil {
			return out, err
		}
		var mu sync.Mutex
		out.common = r.searchElsewhere(ctx, clusters, common, func(ctx context.Context, c ClusterARN) ([]Registration, error) {
			found, err := r.s.machinesIn(ctx, c, ids)
			mu.Lock()
			defer mu.Unlock()
			for id, regs := range found {
				out.found[id] = append(out.found[id], regs...)
			}
			return nil, err
		})
		return out, nil
	})
}

// elsewhereOf is one machine's part.
func (m *many) elsewhereOf(id *later[EC2ID]) *later[Elsewhere] {
	return start(m.r.ctx, m.r.wg, func(ctx context.Context) (Elsewhere, error) {
		all, err := m.others.wait(ctx)
		if err != nil {
			return Elsewhere{}, err
		}
		ec2, err := id.wait(ctx)
		switch {
		case all.clusters == 0:
			return all.common, nil
		case err != nil:
			return Elsewhere{}, err
		case ec2 == "" || externalID(ec2):
			return Elsewhere{}, reasonError(failureMissing)
		}
		out := all.common
		out.Found = append(slices.Clone(out.Found), all.found[ec2]...)
		slices.SortFunc(out.Found, func(a, b Registration) int {
			return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Instance, b.Instance))
		})
		return out, nil
	})
}

// memberships are the machines' places in their groups; those in none are absent.
func (s *session) memberships(ctx context.Context, ids []EC2ID) (map[EC2ID]asgtypes.AutoScalingInstanceDetails, error) {
	parts, err := each(ctx, ids, membersBatch, func(ctx context.Context, part []EC2ID) ([]asgtypes.AutoScalingInstanceDetails, error) {
		in := &autoscaling.DescribeAutoScalingInstancesInput{}
		for _, id := range part {
			in.InstanceIds = append(in.InstanceIds, string(id))
		}
		out, err := s.asg.DescribeAutoScalingInstances(ctx, in)
		if err != nil {
			return nil, called("autoscaling:DescribeAutoScalingInstances", err)
		}
		return out.AutoScalingInstances, nil
	})
	all := map[EC2ID]asgtypes.AutoScalingInstanceDetails{}
	for _, p := range parts {
		for _, d := range p {
			all[EC2ID(aws.ToString(d.InstanceId))] = d
		}
	}
	return all, err
}

// aimAt points the reader at one target: every read that is about it is a part of a shared one.
func (m *many) aimAt(t Target) {
	r := m.r
	r.aimed = t.Instance
	r.record = derived(r, m.records, func(all map[InstanceARN]record) record { return all[t.Instance] })
	r.peers = derived(r, m.records, func(all map[InstanceARN]record) map[InstanceARN]record {
		peers := maps.Clone(all)
		delete(peers, t.Instance)
		return peers
	})
	r.running, r.stopped = m.running[t.Instance], m.stopped[t.Instance]
	r.tasks = start(r.ctx, r.wg, func(ctx context.Context) ([]Task, error) { return m.tasksOf(ctx, t.Instance) })
	r.protect = m.protect
	r.provider = m.providerOf(r.record)
	r.id = derived(r, r.record, func(rec record) EC2ID { return machineIn(t, rec) })
	r.elsewhere = m.elsewhereOf(r.id)
	if every, err := r.room.every.wait(r.ctx); err == nil {
		r.services = ready(every) // also where they are too many to be read ahead
	}
	m.aimMachine()
	r.readDaemons(t.Instance)
}

func derived[T, U any](r *reader, of *later[T], f func(T) U) *later[U] {
	return start(r.ctx, r.wg, func(ctx context.Context) (U, error) {
		v, err := of.wait(ctx)
		if err != nil {
			var zero U
			return zero, err
		}
		return f(v), nil
	})
}

func (m *many) tasksOf(ctx context.Context, arn InstanceARN) ([]Task, error) {
	all, err := m.tasks.wait(ctx)
	if err != nil {
		return nil, err
	}
	running, err := m.running[arn].wait(ctx)
	if err != nil {
		return nil, err
	}
	stopped, err := m.stopped[arn].wait(ctx)
	if err != nil {
		return nil, err
	}
	var out []Task
	for _, id := range sortedOnce(slices.Concat(running, stopped)) {
		if t, ok := all[id]; ok {
			out = append(out, t)
		}
	}
	sortTasks(out)
	return out, nil
}

// providerOf reads a provider that is none of the cluster's own by itself.
func (m *many) providerOf(rec *later[record]) *later[CapacityProvider] {
	r := m.r
	return start(r.ctx, r.wg, func(ctx context.Context) (CapacityProvider, error) {
		got, err := rec.wait(ctx)
		if err != nil || got.CapacityProvider == "" {
			return CapacityProvider{}, err
		}
		if all, err := r.room.providers.wait(ctx); err == nil && all[got.CapacityProvider].Name != "" {
			return all[got.CapacityProvider], nil
		}
		return r.s.capacityProvider(ctx, got.CapacityProvider)
	})
}

func (m *many) aimMachine() {
	r := m.r
	id := r.id
	r.machine = start(r.ctx, r.wg, func(ctx context.Context) (EC2, error) {
		ec2, err := id.wait(ctx)
		switch {
		case err != nil:
			return EC2{}, err
		case externalID(ec2):
			return EC2{}, reasonError(reasonExternal)
		case ec2 == "":
			return EC2{}, reasonError(failureMissing)
		}
		all, err := m.machines.wait(ctx)
		if got, ok := all[ec2]; ok || err != nil {
			return got, err
		}
		return EC2{State: stateNotFound}, nil
	})
	r.member = start(r.ctx, r.wg, func(ctx context.Context) (asgtypes.AutoScalingInstanceDetails, error) {
		ec2, err := id.wait(ctx)
		if err != nil || externalID(ec2) {
			return asgtypes.AutoScalingInstanceDetails{}, err
		}
		all, err := m.members.wait(ctx)
		return all[ec2], err
	})
	member := r.member
	r.group = start(r.ctx, r.wg, func(ctx context.Context) (groupState, error) {
		place, err := member.wait(ctx)
		if err != nil || place.AutoScalingGroupName == nil {
			return groupState{}, err
		}
		g, err := m.groupOf(place).wait(ctx)
		g.Lifecycle, g.Health, g.Protected = aws.ToString(place.LifecycleState), aws.ToString(place.HealthStatus), aws.ToBool(place.ProtectedFromScaleIn)
		return g, err
	})
	r.hooks = start(r.ctx, r.wg, func(ctx context.Context) ([]Hook, error) {
		place, err := member.wait(ctx)
		if err != nil || place.AutoScalingGroupName == nil {
			return nil, err
		}
		return m.hooksOf(*place.AutoScalingGroupName).wait(ctx)
	})
	r.terminate = start(r.ctx, r.wg, func(ctx context.Context) (bool, error) {
		place, err := member.wait(ctx)
		if err != nil || place.AutoScalingGroupName != nil {
			return false, err // a group terminates its instances whatever their attribute says
		}
		ec2, err := id.wait(ctx)
		if err != nil || externalID(ec2) {
			return false, err
		}
		return r.s.terminationProtected(ctx, ec2)
	})
	m.aimRehearsal(id)
	r.readStorage()
	r.readSpot()
	r.readNode()
}

// groupOf and hooksOf read a group once, however many targets are in it.
func (m *many) groupOf(place asgtypes.AutoScalingInstanceDetails) *later[groupState] {
	name := aws.ToString(place.AutoScalingGroupName)
	return once(m, m.groups, name, func(ctx context.Context) (groupState, error) { return m.r.s.group(ctx, place) })
}

func (m *many) hooksOf(group string) *later[[]Hook] {
	return once(m, m.hooks, group, func(ctx context.Context) ([]Hook, error) { return m.r.s.hooks(ctx, group) })
}

func once[T any](m *many, in map[string]*later[T], key string, read func(context.Context) (T, error)) *later[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if in[key] == nil {
		in[key] = start(m.r.ctx, m.r.wg, read)
	}
	return in[key]
}

// FilterError says that ECS does not take a cluster query.
type FilterError struct {
	Filter  string
	Message string // ECS's own words; foreign: escape before showing
}

func (e *FilterError) Error() string { return "ECS does not take the filter: " + e.Message }

// Matching returns the cluster's container instances that a cluster query matches, by EC2 id.
// ECS itself evaluates it. A query that it does not take is a *FilterError.
func (f *Fleet) Matching(ctx context.Context, cluster ClusterARN, filter string) ([]Listed, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.TimeBox)
	defer cancel()
	arns, err := f.reading(cluster.Account(), cluster.Region()).listInstances(ctx, cluster, filter)
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidParameterException" {
		return nil, &FilterError{Filter: filter, Message: api.ErrorMessage()}
	}
	if err != nil {
		return nil, fmt.Errorf("listing container instances of %s by a filter: %w", cluster.Name(), err)
	}
	out, err := f.describeListed(ctx, cluster, arns, "")
	if err != nil {
		return nil, fmt.Errorf("describing container instances of %s: %w", cluster.Name(), err)
	}
	return out, nil
}
