package ecsops

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	asg "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	providersBatch = 10  // DescribeCapacityProviders answers so many at once
	typesBatch     = 100 // DescribeInstanceTypes
	membersBatch   = 50  // DescribeAutoScalingInstances
	membersMost    = 100 // beyond this many machines without a provider all groups are listed instead
	groupPages     = 10  // of such a list
	distinctMost   = 4   // services with distinctInstance whose hosts are asked for before it is known that they are here
	othersMost     = 20  // task definitions of services elsewhere that want more
)

// room are the reads of the capacity simulation that no rule needs besides.
type room struct {
	every      *later[map[string]ecstypes.Service]
	providers  *later[map[string]CapacityProvider]
	scaled     *later[map[string]Provider]
	lifecycles *later[map[EC2ID]string]
	interfaces *later[map[EC2ID]Interfaces]
	stopping   *later[Stopping]
	hosts      wanted[[]InstanceARN]
}

// readEvery reads all services of the cluster, but for those that are being read. Of many
// it keeps as few events as a Service has.
func (r *reader) readEvery(listed *stream[string], hinted []string) {
	early := r.services
	r.room.every = start(r.ctx, r.wg, func(ctx context.Context) (map[string]ecstypes.Service, error) {
		_, few, err := listed.upTo(ctx, earlyServices)
		switch {
		case err != nil:
			return nil, err
		case few && len(hinted) == 0:
			return early.wait(ctx)
		case !few && r.tooMany(ctx, listed):
			return nil, called("ecs:DescribeServices", errTooManyServices)
		}
		parts, err := asTheyCome(withWide(ctx), listed, func(ctx context.Context, page []string) (map[string]ecstypes.Service, error) {
			rest := slices.DeleteFunc(slices.Clone(page), func(arn string) bool { return slices.Contains(hinted, lastPart(arn)) })
			return r.s.servicesWith(ctx, r.cluster, rest, keptEvents)
		})
		if err != nil {
			return nil, err
		}
		if len(hinted) > 0 {
			known, err := early.wait(ctx)
			if err != nil {
				return nil, err
			}
			parts = append(parts, known)
		}
		return joined(parts), nil
	})
}

// tooMany asks the cluster, which counts its services; where it could not be read, the list.
func (r *reader) tooMany(ctx context.Context, listed *stream[string]) bool {
	if c, err := r.clusterRead.wait(ctx); err == nil {
		return c.services > mostServices
	}
	_, few, err := listed.upTo(ctx, mostServices)
	return err == nil && !few
}

// readRoom starts what needs the registration's ARN, or is not worth asking before.
func (r *reader) readRoom() {
	r.readStopping(r.aimed)
	if r.room.providers == nil { // aimed a second time, the cluster is the same
		r.readProviders()
	}
	r.readLifecycles()
	r.readInterfaces()
}

// readStopping looks at one page of what ended lately in the cluster: mostly that is all.
func (r *reader) readStopping(target InstanceARN) {
	r.room.stopping = start(r.ctx, r.wg, func(ctx context.Context) (Stopping, error) {
		out, err := r.s.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String(string(r.cluster)),
			DesiredStatus: ecstypes.DesiredStatusStopped, MaxResults: aws.Int32(maxResults)})
		if err != nil {
			return Stopping{}, called("ecs:ListTasks", err)
		}
		if aws.ToString(out.NextToken) != "" {
			return Stopping{More: true}, nil
		}
		d, err := r.s.describeTasks(ctx, r.cluster, out.TaskArns)
		s := Stopping{Freed: map[InstanceARN]Freed{}}
		for _, t := range d.tasks {
			on := InstanceARN(aws.ToString(t.ContainerInstanceArn))
			if on != "" && on != target && aws.ToString(t.LastStatus) != "STOPPED" {
				s.Freed[on] = s.Freed[on].add(t)
			}
		}
		return s, err
	})
}

// readProviders describes the cluster's capacity providers and their groups.
func (r *reader) readProviders() {
	r.room.providers = start(r.ctx, r.wg, func(ctx context.Context) (map[string]CapacityProvider, error) {
		c, err := r.clusterRead.wait(ctx)
		if err != nil {
			return nil, err
		}
		return r.s.capacityProviders(ctx, c.Providers)
	})
	r.room.scaled = start(r.ctx, r.wg, func(ctx context.Context) (map[string]Provider, error) {
		described, err := r.room.providers.wait(ctx)
		if err != nil {
			return nil, err
		}
		own, err := r.group.wait(ctx) // the target's own group is read anyway
		if err != nil {
			own = groupState{}
		}
		var names []string
		for _, p := range described {
			if p.GroupName != own.Name {
				names = append(names, p.GroupName)
			}
		}
		groups, err := r.s.groupStates(ctx, sortedOnce(names))
		if err != nil {
			return nil, err
		}
		out := map[string]Provider{}
		for name, p := range described {
			state := groups[p.GroupName]
			if p.GroupName != "" && p.GroupName == own.Name {
				state = own
			}
			state.Lifecycle, state.Health, state.Protected = "", "", false // the target's, not the group's
			out[name] = Provider{CapacityProvider: p, Group: state.Group, members: state.members}
		}
		return out, nil
	})
}

// unlisted is the state of an instance that says it is of a provider whose group does not
// have it: detached, or terminated.
const unlisted = "Unlisted"

// readLifecycles gathers what Auto Scaling means to do with the other instances: their
// providers' groups say, and for those without a provider Auto Scaling is asked.
func (r *reader) readLifecycles() {
	peers := r.peers
	r.room.lifecycles = start(r.ctx, r.wg, func(ctx context.Context) (map[EC2ID]string, error) {
		all, err := peers.wait(ctx)
		if err != nil {
			return nil, err
		}
		own, err := r.group.wait(ctx)
		if err != nil {
			own = groupState{}
		}
		var lone []EC2ID
		for _, o := range all {
			if _, known := own.members[o.EC2]; o.EC2 != "" && o.CapacityProvider == "" && !known && !externalID(o.EC2) {
				lone = append(lone, o.EC2)
			}
		}
		slices.Sort(lone)
		states, err := r.s.memberStates(ctx, lone)
		if err != nil {
			return nil, err
		}
		maps.Copy(states, own.members)
		return states, r.providedStates(ctx, all, states)
	})
}

func (r *reader) providedStates(ctx context.Context, all map[InstanceARN]record, states map[EC2ID]string) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(all)), func(o record) bool { return o.CapacityProvider != "" }) {
		return nil
	}
	providers, err := r.room.scaled.wait(ctx)
	if err != nil {
		return err
	}
	for _, o := range all {
		p, ok := providers[o.CapacityProvider]
		if o.CapacityProvider == "" || ok && p.GroupName == "" {
			continue // none, or one of another kind
		}
		states[o.EC2] = cmp.Or(states[o.EC2], p.members[o.EC2], unlisted)
	}
	return nil
}

// readInterfaces counts network interfaces, if some service of the cluster has awsvpc tasks.
func (r *reader) readInterfaces() {
	pages := r.peerPages
	if pages == nil { // the peers come all at once
		pages = r.onePage(r.peers)
	}
	here := r.here
	r.room.interfaces = start(r.ctx, r.wg, func(ctx context.Context) (map[EC2ID]Interfaces, error) {
		if !r.mayUseAwsvpc(ctx, here) {
			return nil, nil
		}
		types := map[string]bool{}
		batches := flow(ctx, r.wg, func(ctx context.Context, put func([]EC2ID)) error {
			return inBatches(ctx, pages, filterValues, put, func(o record) (EC2ID, bool) {
				if o.Status != string(ecstypes.ContainerInstanceStatusActive) || o.EC2 == "" || externalID(o.EC2) {
					return "", false
				}
				types[o.Type] = true
				return o.EC2, true
			})
		})
		parts, err := asTheyCome(withWide(ctx), batches, r.s.machines)
		if err != nil {
			return nil, err
		}
		limits, err := r.typesOf(ctx, sortedKeys(types)) // complete: the batches have ended
		out := map[EC2ID]Interfaces{}
		for id, m := range joined(parts) {
			out[id] = Interfaces{Most: limits[m.Type].interfaces, Used: m.Interfaces}
		}
		return out, err
	})
}

func (r *reader) onePage(all *later[map[InstanceARN]record]) *stream[record] {
	return flow(r.ctx, r.wg, func(ctx context.Context, put func([]record)) error {
		records, err := all.wait(ctx)
		put(slices.Collect(maps.Values(records)))
		return err
	})
}

// inBatches puts what pick takes of each page in batches of one size; the last may be smaller.
func inBatches[In, Out any](ctx context.Context, in *stream[In], size int, put func([]Out), pick func(In) (Out, bool)) error {
	var batch []Out
	for n := 0; ; n++ {
		page, ok, err := in.page(ctx, n)
		if err != nil {
			return err
		}
		for _, x := range page {
			if v, ok := pick(x); ok {
				batch = append(batch, v)
			}
		}
		for len(batch) >= size || !ok && len(batch) > 0 {
			put(batch[:min(size, len(batch))])
			batch = batch[min(size, len(batch)):]
		}
		if !ok {
			return nil
		}
	}
}

// mayUseAwsvpc: some service with a task here may have awsvpc tasks. Where all services are
// read at once they are asked, as it is not known yet which are here.
func (r *reader) mayUseAwsvpc(ctx context.Context, here *later[map[string]Service]) bool {
	early, err := r.services.wait(ctx)
	if err == nil && slices.ContainsFunc(slices.Collect(maps.Values(early)), usesAwsvpc) {
		return true
	}
	if here == nil { // the reads of several targets
		every, err := r.room.every.wait(ctx)
		return err != nil || slices.ContainsFunc(slices.Collect(maps.Values(every)), usesAwsvpc)
	}
	services, err := here.wait(ctx)
	return err != nil || slices.ContainsFunc(slices.Collect(maps.Values(services)), func(s Service) bool { return len(s.Subnets) > 0 })
}

func usesAwsvpc(s ecstypes.Service) bool {
	return s.NetworkConfiguration != nil && s.NetworkConfiguration.AwsvpcConfiguration != nil && s.LaunchType != ecstypes.LaunchTypeFargate
}

// capacityProviders reads providers by name. Fargate's are left out: they bring no instances.
func (s *session) capacityProviders(ctx context.Context, names []string) (map[string]CapacityProvider, error) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return strings.HasPrefix(n, "FARGATE") })
	parts, err := each(ctx, names, providersBatch, func(ctx context.Context, part []string) ([]ecstypes.CapacityProvider, error) {
		out, err := s.ecs.DescribeCapacityProviders(ctx, &ecs.DescribeCapacityProvidersInput{CapacityProviders: part})
		if err != nil {
			return nil, called("ecs:DescribeCapacityProviders", err)
		}
		return out.CapacityProviders, nil
	})
	all := map[string]CapacityProvider{}
	for _, p := range slices.Concat(parts...) {
		all[aws.ToString(p.Name)] = toCapacityProvider(p)
	}
	return all, err
}

// groupState is a group with the lifecycle states of its members.
type groupState struct {
	Group
	members map[EC2ID]string
}

func (s *session) groupStates(ctx context.Context, names []string) (map[string]groupState, error) {
	all := map[string]groupState{}
	if len(names) == 0 {
		return all, nil
	}
	in := &asg.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: names, MaxRecords: aws.Int32(maxResults)}
	for p := asg.NewDescribeAutoScalingGroupsPaginator(s.asg, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, called("autoscaling:DescribeAutoScalingGroups", err)
		}
		for _, g := range page.AutoScalingGroups {
			all[aws.ToString(g.AutoScalingGroupName)] = toGroupState(g)
		}
	}
	return all, nil
}

// memberStates are the lifecycle states of machines that are in some group, by id.
func (s *session) memberStates(ctx context.Context, ids []EC2ID) (map[EC2ID]string, error) {
	states := map[EC2ID]string{}
	if len(ids) > membersMost {
		return states, s.allMembers(ctx, states)
	}
	parts, err := each(ctx, ids, membersBatch, func(ctx context.Context, part []EC2ID) (map[EC2ID]string, error) {
		in := &asg.DescribeAutoScalingInstancesInput{}
		for _, id := range part {
			in.InstanceIds = append(in.InstanceIds, string(id))
		}
		out, err := s.asg.DescribeAutoScalingInstances(ctx, in)
		if err != nil {
			return nil, called("autoscaling:DescribeAutoScalingInstances", err)
		}
		got := map[EC2ID]string{}
		for _, d := range out.AutoScalingInstances {
			got[EC2ID(aws.ToString(d.InstanceId))] = aws.ToString(d.LifecycleState)
		}
		return got, nil
	})
	for _, m := range parts {
		maps.Copy(states, m)
	}
	return states, err
}

// allMembers lists every group of the account and Region: fewer calls than asking for
// thousands of machines by fifties.
func (s *session) allMembers(ctx context.Context, states map[EC2ID]string) error {
	p := asg.NewDescribeAutoScalingGroupsPaginator(s.asg, &asg.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(maxResults)})
	for n := 0; p.HasMorePages(); n++ {
		if n == groupPages {
			return called("autoscaling:DescribeAutoScalingGroups", reasonError("too many groups"))
		}
		page, err := p.NextPage(ctx)
		if err != nil {
			return called("autoscaling:DescribeAutoScalingGroups", err)
		}
		for _, g := range page.AutoScalingGroups {
			maps.Copy(states, toGroupState(g).members)
		}
	}
	return nil
}
