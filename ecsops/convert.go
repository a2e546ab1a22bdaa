package ecsops

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	defaultStopTimeout = 30 * time.Second // the agent's; ECS_CONTAINER_STOP_TIMEOUT is in no API
	servicePrefix      = "service:"       // of task.group
	schedulerPrefix    = "ecs-svc/"       // of task.startedBy
	keptEvents         = 10
)

func toInstance(c ecstypes.ContainerInstance) Instance {
	i := Instance{
		Status: aws.ToString(c.Status), StatusReason: aws.ToString(c.StatusReason),
		AgentConnected: c.AgentConnected, Version: c.Version,
		EC2: EC2ID(aws.ToString(c.Ec2InstanceId)), RegisteredAt: aws.ToTime(c.RegisteredAt).UTC(),
		CapacityProvider: aws.ToString(c.CapacityProviderName),
		CPU:              resource(c.RegisteredResources, "CPU"), Memory: resource(c.RegisteredResources, "MEMORY"),
		External: strings.HasPrefix(aws.ToString(c.Ec2InstanceId), "mi-"),
	}
	if c.VersionInfo != nil {
		i.AgentVersion = aws.ToString(c.VersionInfo.AgentVersion)
	}
	for _, a := range c.Attributes {
		switch aws.ToString(a.Name) {
		case "ecs.availability-zone":
			i.AZ = aws.ToString(a.Value)
		case "ecs.instance-type":
			i.Type = aws.ToString(a.Value)
		case "ecs.capability.external":
			i.External = true
		case "bottlerocket.variant":
			i.Bottlerocket = true
		case "ecs.awsvpc-trunk-id":
			i.TrunkENI = true
		}
	}
	return i
}

func resource(rs []ecstypes.Resource, name string) int {
	for _, r := range rs {
		if aws.ToString(r.Name) == name {
			return int(r.IntegerValue)
		}
	}
	return 0
}

// toTask classifies by both markers; when they disagree the task is standalone, the
// class that nobody replaces. Daemons become known with their service (classify).
func toTask(t ecstypes.Task) Task {
	out := Task{
		ARN: aws.ToString(t.TaskArn), Class: Standalone, Group: aws.ToString(t.Group), StartedBy: aws.ToString(t.StartedBy),
		TaskDefinition: aws.ToString(t.TaskDefinitionArn), LastStatus: aws.ToString(t.LastStatus),
		DesiredStatus: aws.ToString(t.DesiredStatus), Health: string(t.HealthStatus),
		StoppedReason: aws.ToString(t.StoppedReason), Exec: t.EnableExecuteCommand, ENIs: toENIs(t.Attachments), Images: toImages(t.Containers),
	}
	if t.StartedAt != nil {
		out.StartedAt = t.StartedAt.UTC()
	}
	if t.StoppingAt != nil {
		out.StoppingAt = t.StoppingAt.UTC()
	}
	if name, ok := strings.CutPrefix(out.Group, servicePrefix); ok && strings.HasPrefix(out.StartedBy, schedulerPrefix) {
		out.Class, out.Service = Replica, name
	}
	return out
}

func toENIs(as []ecstypes.Attachment) []ENI {
	var out []ENI
	for _, a := range as {
		if aws.ToString(a.Type) != "ElasticNetworkInterface" {
			continue
		}
		var e ENI
		for _, d := range a.Details {
			switch aws.ToString(d.Name) {
			case "networkInterfaceId":
				e.ID = aws.ToString(d.Value)
			case "privateIPv4Address":
				e.PrivateIP = aws.ToString(d.Value)
			case "subnetId":
				e.Subnet = aws.ToString(d.Value)
			}
		}
		if e.ID != "" {
			out = append(out, e)
		}
	}
	return out
}

func toService(s ecstypes.Service) Service {
	out := Service{
		Name: aws.ToString(s.ServiceName), ARN: aws.ToString(s.ServiceArn), Scheduling: string(s.SchedulingStrategy),
		Desired: int(s.DesiredCount), Running: int(s.RunningCount), Pending: int(s.PendingCount),
		TaskDefinition: aws.ToString(s.TaskDefinition), Deployments: len(s.Deployments) + len(s.TaskSets),
	}
	if out.Scheduling == "" {
		out.Scheduling = string(ecstypes.SchedulingStrategyReplica)
	}
	out.MinPercent, out.MaxPercent = percents(s)
	for _, d := range s.Deployments {
		if aws.ToString(d.Status) == "PRIMARY" {
			out.Rollout = string(d.RolloutState)
		}
		out.ManagedVolumes = out.ManagedVolumes || len(d.VolumeConfigurations) > 0
	}
	for _, c := range s.PlacementConstraints {
		out.Placement = append(out.Placement, orString(aws.ToString(c.Expression), string(c.Type)))
	}
	for _, p := range s.CapacityProviderStrategy {
		out.CapacityProviders = append(out.CapacityProviders, aws.ToString(p.CapacityProvider))
		out.Strategy = append(out.Strategy, ProviderShare{Provider: aws.ToString(p.CapacityProvider), Base: int(p.Base), Weight: int(p.Weight)})
	}
	out.LaunchType = string(s.LaunchType)
	if n := s.NetworkConfiguration; n != nil && n.AwsvpcConfiguration != nil {
		out.Subnets = n.AwsvpcConfiguration.Subnets
	}
	out.TargetGroups, out.ClassicLBs = balancers(s)
	for _, e := range s.Events[:min(len(s.Events), keptEvents)] {
		out.Events = append(out.Events, ServiceNote{At: aws.ToTime(e.CreatedAt).UTC(), Text: aws.ToString(e.Message)})
	}
	return out
}

// percents are the minimum and maximum as draining applies them: a CODE_DEPLOY or
// EXTERNAL service on EC2 uses the defaults, whatever it says (DeploymentConfiguration).
func percents(s ecstypes.Service) (minimum, maximum int) {
	minimum, maximum = 100, 200
	if s.SchedulingStrategy == ecstypes.SchedulingStrategyDaemon {
		minimum, maximum = 0, 100
	}
	if c := s.DeploymentController; c != nil && (c.Type == ecstypes.DeploymentControllerTypeCodeDeploy || c.Type == ecstypes.DeploymentControllerTypeExternal) {
		return minimum, maximum
	}
	if d := s.DeploymentConfiguration; d != nil {
		if d.MinimumHealthyPercent != nil {
			minimum = int(*d.MinimumHealthyPercent)
		}
		if d.MaximumPercent != nil {
			maximum = int(*d.MaximumPercent)
		}
	}
	return minimum, maximum
}

// balancers are the target groups and Classic load balancers of a service: its own, the
// alternates of blue/green, and those of its task sets. Sorted, each once. Classic ones are among
// the groups by ARN, and by name.
func balancers(s ecstypes.Service) (groups, classic []string) {
	all := slices.Clone(s.LoadBalancers)
	for _, t := range s.TaskSets {
		all = append(all, t.LoadBalancers...)
	}
	for _, lb := range all {
		groups = append(groups, aws.ToString(lb.TargetGroupArn))
		classic = append(classic, aws.ToString(lb.LoadBalancerName))
		groups = append(groups, classicARN(aws.ToString(s.ServiceArn), aws.ToString(lb.LoadBalancerName)))
		if lb.AdvancedConfiguration != nil {
			groups = append(groups, aws.ToString(lb.AdvancedConfiguration.AlternateTargetGroupArn))
		}
	}
	return sortedOnce(groups), sortedOnce(classic)
}

// sortedOnce returns the non-empty strings, sorted, each once; nil when there are none.
func sortedOnce(in []string) []string {
	out := slices.DeleteFunc(slices.Clone(in), func(s string) bool { return s == "" })
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) == 0 {
		return nil
	}
	return out
}

func orString(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func toTaskDefinition(d ecstypes.TaskDefinition) TaskDefinition {
	out := TaskDefinition{ARN: aws.ToString(d.TaskDefinitionArn), NetworkMode: string(d.NetworkMode),
		FamilyAndRev: aws.ToString(d.Family) + ":" + strconv.Itoa(int(d.Revision))}
	if out.NetworkMode == "" {
		out.NetworkMode = string(ecstypes.NetworkModeBridge) // the default on Linux EC2
	}
	for _, c := range d.ContainerDefinitions {
		if out.Main == "" && (c.Essential == nil || *c.Essential) {
			out.Main = aws.ToString(c.Name)
		}
		stop := defaultStopTimeout
		if c.StopTimeout != nil {
			stop = time.Duration(*c.StopTimeout) * time.Second
		}
		out.StopTimeout = max(out.StopTimeout, stop)
		out.HostPorts = append(out.HostPorts, hostPorts(out.NetworkMode, c.PortMappings)...)
	}
	if out.StopTimeout == 0 {
		out.StopTimeout = defaultStopTimeout
	}
	sizeOf(d, &out)
	slices.Sort(out.HostPorts)
	for _, v := range d.Volumes {
		if v.Host != nil && aws.ToString(v.Host.SourcePath) != "" || v.DockerVolumeConfiguration != nil {
			out.HostVolumes = append(out.HostVolumes, aws.ToString(v.Name))
		}
	}
	for _, c := range d.PlacementConstraints {
		out.MemberOf = append(out.MemberOf, aws.ToString(c.Expression))
	}
	return out
}

// hostPorts are the ports that a task takes on its host: static ones in bridge mode,
// every container port in host mode, none in awsvpc (the interface is its own).
func hostPorts(mode string, ps []ecstypes.PortMapping) []int {
	var out []int
	for _, p := range ps {
		port := aws.ToInt32(p.HostPort)
		if mode == "host" && port == 0 {
			port = aws.ToInt32(p.ContainerPort)
		}
		if port > 0 && (mode == "bridge" || mode == "host") {
			out = append(out, int(port))
		}
	}
	return out
}

func toEC2(i ec2types.Instance) EC2 {
	out := EC2{Type: string(i.InstanceType), Spot: i.InstanceLifecycle == ec2types.InstanceLifecycleTypeSpot,
		PublicIP: aws.ToString(i.PublicIpAddress), Tags: map[string]string{}}
	if i.State != nil {
		out.State = string(i.State.Name)
	}
	if i.StateReason != nil {
		out.StateReason = aws.ToString(i.StateReason.Message)
	}
	if i.Placement != nil {
		out.AZ = aws.ToString(i.Placement.AvailabilityZone)
	}
	if i.LaunchTime != nil {
		out.LaunchedAt = i.LaunchTime.UTC()
	}
	if i.Operator != nil && aws.ToBool(i.Operator.Managed) {
		out.ManagedBy = orString(aws.ToString(i.Operator.Principal), "managed")
	}
	for _, t := range i.Tags {
		out.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	out.InstanceStore = i.RootDeviceType == ec2types.DeviceTypeInstanceStore
	out.Interfaces, out.Volumes = len(i.NetworkInterfaces), toVolumes(i)
	return out
}

const ecsManagedTag = "AmazonECSManaged"

func toGroup(g asgtypes.AutoScalingGroup, member asgtypes.AutoScalingInstanceDetails) Group {
	out := Group{
		Name: aws.ToString(g.AutoScalingGroupName), Lifecycle: aws.ToString(member.LifecycleState),
		Health: aws.ToString(member.HealthStatus), Protected: aws.ToBool(member.ProtectedFromScaleIn),
		Min: int(aws.ToInt32(g.MinSize)), Max: int(aws.ToInt32(g.MaxSize)), Desired: int(aws.ToInt32(g.DesiredCapacity)),
		WarmPool: g.WarmPoolConfiguration != nil, MultiAZ: len(g.AvailabilityZones) > 1, CapacityRebal: aws.ToBool(g.CapacityRebalance), Zones: g.AvailabilityZones, Mixed: g.MixedInstancesPolicy != nil,
	}
	for _, p := range g.SuspendedProcesses {
		out.Suspended = append(out.Suspended, aws.ToString(p.ProcessName))
	}
	slices.Sort(out.Suspended)
	for _, t := range g.Tags {
		switch aws.ToString(t.Key) {
		case ecsManagedTag:
			out.ManagedTag = true
		case stackTag:
			out.Stack = aws.ToString(t.Value)
		}
	}
	return out
}

func toCapacityProvider(p ecstypes.CapacityProvider) CapacityProvider {
	out := CapacityProvider{Name: aws.ToString(p.Name), Type: string(p.Type)}
	if out.Type == "" && p.ManagedInstancesProvider != nil {
		out.Type = string(ecstypes.CapacityProviderTypeManagedInstances)
	}
	if a := p.AutoScalingGroupProvider; a != nil {
		out.GroupName = groupOfARN(aws.ToString(a.AutoScalingGroupArn))
		out.TerminationProtection = a.ManagedTerminationProtection == ecstypes.ManagedTerminationProtectionEnabled
		out.ManagedDraining = a.ManagedDraining == ecstypes.ManagedDrainingEnabled
		out.ManagedScaling = a.ManagedScaling != nil && a.ManagedScaling.Status == ecstypes.ManagedScalingStatusEnabled
	}
	return out
}

// groupOfARN is the name in …:autoScalingGroup:uuid:autoScalingGroupName/name; a bare name is itself.
func groupOfARN(arn string) string {
	if _, name, ok := strings.Cut(arn, "autoScalingGroupName/"); ok {
		return name
	}
	return arn
}
