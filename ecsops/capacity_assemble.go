package ecsops

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// othersHere are the services without a task on the target that are not where they want to
// be: they compete for room, or give some back.
func (r *reader) othersHere(here map[string]Service, hereErr error) Fact[[]Service] {
	const name, call = "others", "ecs:DescribeServices"
	every, err := r.room.every.wait(r.ctx)
	if err = cmp.Or(hereErr, err); err != nil {
		return fact[[]Service](name, call, nil, err)
	}
	var out []Service
	for _, n := range sortedKeys(every) {
		if _, ok := here[n]; !ok && unsteady(every[n]) {
			s := toService(every[n])
			s.Events = nil
			out = append(out, s)
		}
	}
	if len(out) > othersMost {
		return fact[[]Service](name, call, nil, called(call, reasonError("too many services want room")))
	}
	return Known(out)
}

// unsteady: a service on instances that wants more tasks or fewer, or is replacing them.
func unsteady(s ecstypes.Service) bool {
	if s.LaunchType == ecstypes.LaunchTypeFargate || aws.ToString(s.Status) != "ACTIVE" || fargate(s) {
		return false
	}
	v := toService(s)
	return v.Running != v.Desired || v.Deployments > 1 || v.Rollout == "IN_PROGRESS"
}

func fargate(s ecstypes.Service) bool {
	return slices.ContainsFunc(s.CapacityProviderStrategy, func(i ecstypes.CapacityProviderStrategyItem) bool {
		return aws.ToString(i.CapacityProvider) == "FARGATE" || aws.ToString(i.CapacityProvider) == "FARGATE_SPOT"
	})
}

func distinct(s Service) bool { return slices.Contains(s.Placement, "distinctInstance") }

func distinctOf(services map[string]Service) []string {
	var names []string
	for _, n := range sortedKeys(services) {
		if distinct(services[n]) {
			names = append(names, n)
		}
	}
	return names
}

// hostsHere says where services with distinctInstance have tasks.
func (r *reader) hostsHere(services map[string]Service, err error) Fact[map[string][]InstanceARN] {
	const name, call = "hosts", "ecs:ListContainerInstances"
	if err != nil {
		return fact[map[string][]InstanceARN](name, call, nil, err)
	}
	names := distinctOf(services)
	r.room.hosts.want(names)
	hosts, err := r.room.hosts.all(r.ctx, names)
	return fact(name, call, hosts, err)
}

// roomFacts are those that are not about single services. Machine ids mean something only
// in the target's own account.
func (r *reader) roomFacts(s *Snapshot) {
	_, wrong := r.verified.wait(r.ctx)
	cards, err := r.room.interfaces.wait(r.ctx)
	s.Interfaces = fact("interfaces", "ec2:DescribeInstances", cards, cmp.Or(wrong, err))
	states, err := r.room.lifecycles.wait(r.ctx)
	s.Lifecycles = fact("lifecycles", "autoscaling:DescribeAutoScalingInstances", states, cmp.Or(wrong, err))
	s.Stopping = settle(r, "stopping", "ecs:DescribeTasks", r.room.stopping)
	s.Providers = settle(r, "providers", "ecs:DescribeCapacityProviders", r.room.scaled)
}

// asked are the attributes that the services here and their competitors speak of.
type asked struct {
	requires []Attribute
	named    []string
}

func askedBy(s Snapshot) asked {
	var a asked
	defs, _ := s.TaskDefinitions.Get()
	for _, arn := range sortedKeys(defs) {
		a.requires = append(a.requires, defs[arn].Requires...)
		for _, e := range defs[arn].MemberOf {
			a.named = append(a.named, attributesIn(e)...)
		}
	}
	here, _ := s.Services.Get()
	others, _ := s.Others.Get()
	for _, name := range sortedKeys(here) {
		others = append(others[:len(others):len(others)], here[name])
	}
	for _, v := range others {
		for _, e := range v.Placement {
			a.named = append(a.named, attributesIn(e)...)
		}
	}
	slices.SortFunc(a.requires, func(x, y Attribute) int { return cmp.Compare(x.String(), y.String()) })
	a.requires, a.named = slices.Compact(a.requires), sortedOnce(a.named)
	return a
}

// toPeer keeps of an instance's attributes only what somebody asks for.
func toPeer(arn InstanceARN, rec record, a asked) Peer {
	p := Peer{Instance: arn, EC2: rec.EC2, Status: rec.Status, AgentConnected: rec.AgentConnected, AZ: rec.AZ, CapacityProvider: rec.CapacityProvider,
		Free: rec.free, Registered: rec.registered, Running: rec.running, Pending: rec.pending, Subnet: rec.attributes.value("ecs.subnet-id"), Trunk: rec.TrunkENI}
	for _, need := range a.requires {
		if !need.in(rec.attributes) {
			p.Lacks = append(p.Lacks, need.String())
		}
	}
	for _, name := range a.named {
		if v, ok := rec.attributes.get(name); ok {
			if p.Attributes == nil {
				p.Attributes = map[string]string{}
			}
			p.Attributes[name] = v
		}
	}
	return p
}

func toResources(rs []ecstypes.Resource) Resources {
	var out Resources
	for _, r := range rs {
		switch aws.ToString(r.Name) {
		case "CPU":
			out.CPU = int(r.IntegerValue)
		case "MEMORY":
			out.Memory = int(r.IntegerValue)
		case "GPU": // ids, each one GPU
			out.GPUs = max(len(r.StringSetValue), int(r.IntegerValue))
		case "PORTS":
			out.TCP = numbers(r.StringSetValue)
		case "PORTS_UDP":
			out.UDP = numbers(r.StringSetValue)
		}
	}
	return out
}

func numbers(texts []string) []int {
	var out []int
	for _, t := range texts {
		if n, err := strconv.Atoi(t); err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// add counts in what a stopping task holds.
func (f Freed) add(t ecstypes.Task) Freed {
	f.Any = true
	cpu, cpuErr := strconv.Atoi(aws.ToString(t.Cpu))
	memory, memoryErr := strconv.Atoi(aws.ToString(t.Memory))
	f.All = f.All || cpuErr != nil || memoryErr != nil
	f.CPU, f.Memory = f.CPU+cpu, f.Memory+memory
	f.ENIs += len(toENIs(t.Attachments))
	for _, c := range t.Containers {
		f.GPUs += len(c.GpuIds)
		for _, b := range c.NetworkBindings {
			if b.Protocol == ecstypes.TransportProtocolUdp {
				f.UDP = append(f.UDP, int(aws.ToInt32(b.HostPort)))
			} else {
				f.TCP = append(f.TCP, int(aws.ToInt32(b.HostPort)))
			}
		}
	}
	return f
}

// toGroupState leaves out what is about one member.
func toGroupState(g asgtypes.AutoScalingGroup) groupState {
	out := groupState{Group: toGroup(g, asgtypes.AutoScalingInstanceDetails{}), members: map[EC2ID]string{}}
	for _, i := range g.Instances {
		out.members[EC2ID(aws.ToString(i.InstanceId))] = string(i.LifecycleState)
	}
	return out
}

// sizeOf is what a task of the definition reserves: its own size, or its containers', of
// which the soft memory limit counts where there is one.
func sizeOf(d ecstypes.TaskDefinition, out *TaskDefinition) {
	for _, c := range d.ContainerDefinitions {
		out.CPU += int(c.Cpu)
		soft, hard := int(aws.ToInt32(c.MemoryReservation)), int(aws.ToInt32(c.Memory))
		out.Memory += cmp.Or(soft, hard)
		for _, need := range c.ResourceRequirements {
			n, err := strconv.Atoi(aws.ToString(need.Value))
			if need.Type != ecstypes.ResourceTypeGpu || err != nil {
				out.Odd = string(need.Type)
				continue
			}
			out.GPUs += n
		}
		tcp, udp := portsByProtocol(out.NetworkMode, c.PortMappings)
		out.TCP, out.UDP = append(out.TCP, tcp...), append(out.UDP, udp...)
	}
	if n, err := strconv.Atoi(aws.ToString(d.Cpu)); err == nil {
		out.CPU = n
	}
	if n, err := strconv.Atoi(aws.ToString(d.Memory)); err == nil {
		out.Memory = n
	}
	slices.Sort(out.TCP)
	slices.Sort(out.UDP)
	for _, a := range d.RequiresAttributes {
		out.Requires = append(out.Requires, Attribute{Name: aws.ToString(a.Name), Value: aws.ToString(a.Value)})
	}
}

func portsByProtocol(mode string, ps []ecstypes.PortMapping) (tcp, udp []int) {
	for _, p := range ps {
		ports := hostPorts(mode, []ecstypes.PortMapping{p})
		if p.Protocol == ecstypes.TransportProtocolUdp {
			udp = append(udp, ports...)
		} else {
			tcp = append(tcp, ports...)
		}
	}
	return tcp, udp
}
