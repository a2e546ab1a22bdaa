package ecsops

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Inspect reads everything about a target, three round trips deep, within the time box.
// What was not read by then is unknown. Nothing is served from a cache but
// task-definition revisions, which cannot change. It errs only when ctx ends.
func (f *Fleet) Inspect(ctx context.Context, t Target) (Snapshot, error) {
	boxed, cancel := f.boxed(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	r := f.newReader(boxed, &wg, t.Cluster, t.EC2, true)
	r.begin(f.hint(string(t.EC2), t.Cluster))
	r.aim(t.Instance)
	s := r.snapshot(t)
	return s, ctx.Err()
}

// reader runs the reads of one snapshot. Each starts as soon as what it needs is there;
// snapshot waits for them and puts them together. The chain of calls, in short:
// ids → tasks' ARNs → tasks; services' ARNs → services → definitions, target groups.
type reader struct {
	ctx     context.Context //nolint:containedctx // the reader lives for one call and its goroutines share its deadline
	wg      *sync.WaitGroup
	f       *Fleet
	s       *session
	cluster ClusterARN
	fresh   bool
	round   *round // nil but for a verification

	verified    *later[struct{}]
	clusterRead *later[Cluster]
	estimated   *later[time.Duration] // how long the cluster's reads take
	instances   *stream[InstanceARN]
	services    *later[map[string]ecstypes.Service] // every service, or those of the hint
	self        *later[InstanceARN]

	aimed     InstanceARN
	record    *later[record]
	running   *later[[]string]
	stopped   *later[[]string]
	tasks     *later[[]Task]
	here      *later[map[string]Service] // the services with a task on the target
	protect   *later[protection]
	peers     *later[map[InstanceARN]record]
	peerPages *stream[record] // the same, as they come; in any order
	asked     searching       // what a search asks of clusters anyway
	elsewhere *later[Elsewhere]
	provider  *later[CapacityProvider]
	daemons   *later[map[string]DaemonOf]

	id        *later[EC2ID]
	machine   *later[EC2]
	spot      *later[SpotRequest]
	node      *later[Node]
	member    *later[asgtypes.AutoScalingInstanceDetails]
	group     *later[groupState]
	hooks     *later[[]Hook]
	terminate *later[bool]
	rehearsal *later[Rehearsal]
	storage   *later[Storage]

	defs   wanted[TaskDefinition]
	groups wanted[groupRead]
	room   room
}

// groupRead is one target group with its targets.
type groupRead struct {
	settings TargetGroup
	targets  []target
}

// errTooManyServices: reading them all would cost more than one further round trip.
var errTooManyServices = errors.New("too many services to read ahead")

// Up to earlyServices are read before it is known which have tasks here; all of up to
// mostServices are read for what they want of the cluster's room.
const (
	earlyServices = 100
	mostServices  = 1000
)

// newReader starts what needs only the cluster, and the machine if its id is known.
func (f *Fleet) newReader(ctx context.Context, wg *sync.WaitGroup, cluster ClusterARN, machine EC2ID, fresh bool) *reader {
	r := f.clusterReader(ctx, wg, cluster, fresh)
	r.verified = start(ctx, wg, func(ctx context.Context) (struct{}, error) { return struct{}{}, r.s.verify(ctx) })
	if machine != "" {
		r.id = ready(machine)
		r.readMachine()
	}
	return r
}

// beside is a reader of another cluster in the same account and Region: it shares what is
// read about the machine.
func (r *reader) beside(cluster ClusterARN) *reader {
	o := r.f.clusterReader(r.ctx, r.wg, cluster, r.fresh)
	o.node, o.spot, o.id, o.verified, o.machine, o.member, o.group, o.hooks = r.node, r.spot, r.id, r.verified, r.machine, r.member, r.group, r.hooks
	o.terminate, o.rehearsal, o.storage = r.terminate, r.rehearsal, r.storage
	return o
}

func (f *Fleet) clusterReader(ctx context.Context, wg *sync.WaitGroup, cluster ClusterARN, fresh bool) *reader {
	r := &reader{ctx: ctx, wg: wg, f: f, s: f.reading(cluster.Account(), cluster.Region()), cluster: cluster, fresh: fresh}
	r.defs = wanted[TaskDefinition]{r: r, read: r.readDefinition}
	r.room.hosts = wanted[[]InstanceARN]{r: r, read: func(ctx context.Context, name string) ([]InstanceARN, error) {
		return r.s.listInstances(ctx, r.cluster, "task:group == service:"+name)
	}}
	r.clusterRead = start(ctx, wg, func(ctx context.Context) (Cluster, error) { return r.s.describeCluster(ctx, cluster) })
	r.estimated = start(ctx, wg, func(ctx context.Context) (time.Duration, error) {
		c, err := r.clusterRead.wait(ctx)
		if err != nil {
			return 0, err
		}
		return f.estimate(c), nil
	})
	r.instances = flow(withWide(ctx), wg, func(ctx context.Context, put func([]InstanceARN)) error {
		return r.s.instancePages(ctx, cluster, "", put)
	})
	r.self = start(ctx, wg, f.selfInstance)
	return r
}

// begin starts the services, and whatever the hint makes worth asking at once.
func (r *reader) begin(h hint) {
	if r.services != nil {
		return
	}
	listed := flow(r.ctx, r.wg, func(ctx context.Context, put func([]string)) error { return r.s.servicePages(ctx, r.cluster, put) })
	r.services = start(r.ctx, r.wg, func(ctx context.Context) (map[string]ecstypes.Service, error) {
		if len(h.services) > 0 {
			return r.s.describeServices(ctx, r.cluster, h.services)
		}
		arns, few, err := listed.upTo(ctx, earlyServices)
		switch {
		case err != nil:
			return nil, err
		case !few:
			return nil, errTooManyServices
		}
		return r.s.describeServices(ctx, r.cluster, arns)
	})
	r.readEvery(listed, h.services)
	r.wantGroups(h.groups)
	if h.instance != "" {
		r.aim(h.instance)
	}
}

// aim starts what needs the registration's ARN. Aiming again at the same one does nothing;
// at another (a hint was stale) it starts over.
func (r *reader) aim(arn InstanceARN) {
	if r.aimed == arn {
		return
	}
	r.aimed = arn
	r.begin(hint{})
	r.tellIfLong()
	r.record = start(r.ctx, r.wg, func(ctx context.Context) (record, error) {
		all, err := r.s.describeInstances(ctx, r.cluster, []InstanceARN{arn})
		for got, rec := range all {
			if rec.Missing || got == arn || lastPart(string(got)) == lastPart(string(arn)) {
				return rec, nil
			}
		}
		return record{}, err
	})
	if r.id == nil {
		r.id = start(r.ctx, r.wg, func(ctx context.Context) (EC2ID, error) {
			rec, err := r.record.wait(ctx)
			return rec.EC2, err
		})
		r.readMachine()
	}
	r.readTasks(arn)
	r.readElsewhere()
	r.readHere()
	r.readPeers(arn)
	r.readRoom()
	record, providers := r.record, r.room.providers
	r.provider = start(r.ctx, r.wg, func(ctx context.Context) (CapacityProvider, error) {
		rec, err := record.wait(ctx)
		if err != nil || rec.CapacityProvider == "" {
			return CapacityProvider{}, err
		}
		if all, err := providers.wait(ctx); err == nil && all[rec.CapacityProvider].Name != "" {
			return all[rec.CapacityProvider], nil
		}
		return r.s.capacityProvider(ctx, rec.CapacityProvider)
	})
	r.readDaemons(arn)
	r.speculate()
}

// readPeers describes the other instances as the pages of their list come.
func (r *reader) readPeers(arn InstanceARN) {
	described := make(chan []record)
	r.peers = start(withWide(r.ctx), r.wg, func(ctx context.Context) (map[InstanceARN]record, error) {
		defer close(described)
		parts, err := asTheyCome(ctx, r.instances, func(ctx context.Context, page []InstanceARN) (map[InstanceARN]record, error) {
			records, err := r.s.describeInstances(ctx, r.cluster, without(page, arn))
			if err == nil {
				described <- slices.Collect(maps.Values(records))
			}
			return records, err
		})
		return joined(parts), err
	})
	peers := r.peers
	r.peerPages = flow(r.ctx, r.wg, func(_ context.Context, put func([]record)) error {
		for page := range described {
			put(page)
		}
		<-peers.done
		return peers.err
	})
}

func joined[K comparable, V any](parts []map[K]V) map[K]V {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	all := make(map[K]V, n)
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

func without(all []InstanceARN, one InstanceARN) []InstanceARN {
	var out []InstanceARN
	for _, a := range all {
		if a != one {
			out = append(out, a)
		}
	}
	return out
}

// readTasks lists twice, as the default list hides stopping tasks
// (aws/containers-roadmap#2171), then describes the union.
func (r *reader) readTasks(arn InstanceARN) {
	list := func(desired ecstypes.DesiredStatus) *later[[]string] {
		return start(r.ctx, r.wg, func(ctx context.Context) ([]string, error) { return r.s.tasksOn(ctx, r.cluster, arn, desired) })
	}
	running, stopped := list(ecstypes.DesiredStatusRunning), list(ecstypes.DesiredStatusStopped)
	r.running, r.stopped = running, stopped
	r.tasks = start(r.ctx, r.wg, func(ctx context.Context) ([]Task, error) {
		a, err := running.wait(ctx)
		if err != nil {
			return nil, err
		}
		b, err := stopped.wait(ctx)
		if err != nil {
			return nil, err
		}
		return r.s.tasksIn(ctx, r.cluster, a, b, nil)
	})
	tasks := r.tasks
	r.protect = start(r.ctx, r.wg, func(ctx context.Context) (protection, error) {
		arns, err := running.wait(ctx)
		if err != nil {
			return protection{}, err
		}
		p, err := r.s.taskProtection(ctx, r.cluster, arns)
		if err == nil || reasonOf(err) != "InvalidParameterException" {
			return p, err
		}
		// It may be that one standalone task spoils the whole question: ask for service tasks alone.
		all, taskErr := tasks.wait(ctx)
		if taskErr != nil {
			return p, err
		}
		return r.s.taskProtection(ctx, r.cluster, serviceTasks(all))
	})
}

func serviceTasks(all []Task) []string {
	var out []string
	for _, t := range all {
		if t.ofService() && !t.Stopped() {
			out = append(out, t.ARN)
		}
	}
	return out
}

// readMachine starts EC2 and Auto Scaling as soon as the EC2 id is there.
func (r *reader) readMachine() {
	id := r.id
	r.machine = start(r.ctx, r.wg, func(ctx context.Context) (EC2, error) {
		ec2, err := id.wait(ctx)
		if err != nil {
			return EC2{}, err
		}
		return machineOf(ctx, r.s, ec2)
	})
	r.readSpot()
	r.readNode()
	r.member = start(r.ctx, r.wg, func(ctx context.Context) (asgtypes.AutoScalingInstanceDetails, error) {
		ec2, err := id.wait(ctx)
		if err != nil || externalID(ec2) {
			return asgtypes.AutoScalingInstanceDetails{}, err
		}
		return r.s.membership(ctx, ec2)
	})
	r.group = start(r.ctx, r.wg, func(ctx context.Context) (groupState, error) {
		member, err := r.member.wait(ctx)
		if err != nil {
			return groupState{}, err
		}
		return r.s.group(ctx, member)
	})
	r.hooks = start(r.ctx, r.wg, func(ctx context.Context) ([]Hook, error) {
		member, err := r.member.wait(ctx)
		if err != nil || member.AutoScalingGroupName == nil {
			return nil, err
		}
		return r.s.hooks(ctx, *member.AutoScalingGroupName)
	})
	r.terminate = start(r.ctx, r.wg, func(ctx context.Context) (bool, error) {
		member, err := r.member.wait(ctx)
		if err != nil || member.AutoScalingGroupName != nil {
			return false, err // a group terminates its instances whatever their attribute says
		}
		ec2, err := id.wait(ctx)
		if err != nil || externalID(ec2) {
			return false, err
		}
		return r.s.terminationProtected(ctx, ec2)
	})
	r.readRehearsal()
	r.readStorage()
}

func externalID(id EC2ID) bool { return len(id) > 3 && id[:3] == "mi-" }

func machineOf(ctx context.Context, s *session, id EC2ID) (EC2, error) {
	if externalID(id) {
		return EC2{}, reasonError(reasonExternal) // EC2 knows nothing of it
	}
	if id == "" {
		return EC2{}, reasonError(failureMissing)
	}
	return s.machine(ctx, id)
}

// tasksIn describes the union of the lists and of known tasks. What is described as
// MISSING is gone, unless the list of running ones named it just now.
func (s *session) tasksIn(ctx context.Context, cluster ClusterARN, running, stopped, known []string) ([]Task, error) {
	d, err := s.describeTasks(ctx, cluster, sortedOnce(slices.Concat(running, stopped, known)))
	if err != nil {
		return nil, err
	}
	return d.kept(running, known)
}

// kept are the tasks that have not ended and the known ones that have.
func (d described) kept(listed, known []string) ([]Task, error) {
	for _, arn := range d.missing {
		if slices.Contains(listed, arn) {
			return nil, called("ecs:DescribeTasks", reasonError(failureMissing))
		}
	}
	var out []Task
	for _, t := range d.tasks {
		if task := toTask(t); !task.Stopped() || slices.Contains(known, task.ARN) {
			out = append(out, task)
		}
	}
	sortTasks(out)
	return out, nil
}
