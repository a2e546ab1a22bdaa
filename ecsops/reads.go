package ecsops

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	asg "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// One method for each question to AWS, in our terms. Errors are callErrors.

const (
	describeBatch  = 100 // container instances, tasks, clusters, task protection
	servicesBatch  = 10  // DescribeServices
	maxResults     = 100
	filterValues   = 200 // EC2: values of one filter
	failureMissing = "MISSING"
)

// listInstances returns the cluster's registrations that are not INACTIVE; filter is in
// the cluster query language, "" for all.
func (s *session) listInstances(ctx context.Context, cluster ClusterARN, filter string) ([]InstanceARN, error) {
	var out []InstanceARN
	err := s.instancePages(ctx, cluster, filter, func(page []InstanceARN) { out = append(out, page...) })
	return out, err
}

func (s *session) instancePages(ctx context.Context, cluster ClusterARN, filter string, put func([]InstanceARN)) error {
	in := &ecs.ListContainerInstancesInput{Cluster: aws.String(string(cluster)), MaxResults: aws.Int32(maxResults)}
	if filter != "" {
		in.Filter = aws.String(filter)
	}
	for p := ecs.NewListContainerInstancesPaginator(s.ecs, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return called("ecs:ListContainerInstances", err)
		}
		arns := make([]InstanceARN, len(page.ContainerInstanceArns))
		for i, arn := range page.ContainerInstanceArns {
			arns[i] = InstanceARN(arn)
		}
		put(arns)
	}
	return nil
}

// record is a registration with its counts. The counts are for lists only: they leave
// out stopping tasks (aws/aws-cdk#13506).
type record struct {
	Instance
	running, pending int
	free, registered Resources
	attributes       attributes
}

// describeInstances returns what AWS described, by ARN; a MISSING one has Missing set.
// Any other failure, or an ARN that is in neither list, is an error. ids may be bare.
func (s *session) describeInstances(ctx context.Context, cluster ClusterARN, ids []InstanceARN) (map[InstanceARN]record, error) {
	parts, err := each(ctx, ids, describeBatch, func(ctx context.Context, part []InstanceARN) (map[InstanceARN]record, error) {
		in := &ecs.DescribeContainerInstancesInput{Cluster: aws.String(string(cluster))}
		for _, id := range part {
			in.ContainerInstances = append(in.ContainerInstances, string(id))
		}
		out, err := s.ecs.DescribeContainerInstances(ctx, in)
		if err != nil {
			return nil, called("ecs:DescribeContainerInstances", err)
		}
		got, kinds := make(map[InstanceARN]record, len(part)), attributeKinds{}
		for _, c := range out.ContainerInstances {
			got[InstanceARN(aws.ToString(c.ContainerInstanceArn))] = record{toInstance(c), int(c.RunningTasksCount), int(c.PendingTasksCount),
				toResources(c.RemainingResources), toResources(c.RegisteredResources), kinds.of(c.Attributes)}
		}
		for _, f := range out.Failures {
			if reason := aws.ToString(f.Reason); reason != failureMissing {
				return nil, called("ecs:DescribeContainerInstances", reasonError(reason))
			}
			got[InstanceARN(aws.ToString(f.Arn))] = record{Instance: Instance{Missing: true}}
		}
		if len(got) < len(part) {
			return nil, called("ecs:DescribeContainerInstances", reasonError("incomplete answer"))
		}
		return got, nil
	})
	if err != nil {
		return nil, err
	}
	all := make(map[InstanceARN]record, len(ids))
	for _, m := range parts {
		for arn, i := range m {
			all[arn] = i
		}
	}
	return all, nil
}

func (s *session) listTasks(ctx context.Context, in ecs.ListTasksInput) ([]string, error) {
	in.MaxResults = aws.Int32(maxResults)
	var out []string
	for p := ecs.NewListTasksPaginator(s.ecs, &in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, called("ecs:ListTasks", err)
		}
		out = append(out, page.TaskArns...)
	}
	return out, nil
}

func (s *session) tasksOn(ctx context.Context, cluster ClusterARN, instance InstanceARN, desired ecstypes.DesiredStatus) ([]string, error) {
	return s.listTasks(ctx, ecs.ListTasksInput{Cluster: aws.String(string(cluster)), ContainerInstance: aws.String(string(instance)), DesiredStatus: desired})
}

// described is what DescribeTasks said.
type described struct {
	tasks   []ecstypes.Task
	missing []string // failures[]: MISSING
}

func (s *session) describeTasks(ctx context.Context, cluster ClusterARN, arns []string) (described, error) {
	parts, err := each(ctx, arns, describeBatch, func(ctx context.Context, part []string) (described, error) {
		out, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(string(cluster)), Tasks: part})
		if err != nil {
			return described{}, called("ecs:DescribeTasks", err)
		}
		d := described{tasks: out.Tasks}
		for _, f := range out.Failures {
			if reason := aws.ToString(f.Reason); reason != failureMissing {
				return d, called("ecs:DescribeTasks", reasonError(reason))
			}
			d.missing = append(d.missing, aws.ToString(f.Arn))
		}
		if len(d.tasks)+len(d.missing) < len(part) {
			return d, called("ecs:DescribeTasks", reasonError("incomplete answer"))
		}
		return d, nil
	})
	var all described
	for _, p := range parts {
		all.tasks, all.missing = append(all.tasks, p.tasks...), append(all.missing, p.missing...)
	}
	return all, err
}

// protection is what GetTaskProtection said: until when, and why not for the others.
type protection struct {
	until  map[string]ecstypes.ProtectedTask
	failed map[string]string // ARN → reason
}

func (s *session) taskProtection(ctx context.Context, cluster ClusterARN, arns []string) (protection, error) {
	parts, err := each(ctx, arns, describeBatch, func(ctx context.Context, part []string) (protection, error) {
		p := protection{until: map[string]ecstypes.ProtectedTask{}, failed: map[string]string{}}
		out, err := s.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: aws.String(string(cluster)), Tasks: part})
		if err != nil {
			return p, called("ecs:GetTaskProtection", err)
		}
		for _, t := range out.ProtectedTasks {
			p.until[aws.ToString(t.TaskArn)] = t
		}
		for _, f := range out.Failures {
			p.failed[aws.ToString(f.Arn)] = aws.ToString(f.Reason)
		}
		return p, nil
	})
	all := protection{until: map[string]ecstypes.ProtectedTask{}, failed: map[string]string{}}
	for _, p := range parts {
		for k, v := range p.until {
			all.until[k] = v
		}
		for k, v := range p.failed {
			all.failed[k] = v
		}
	}
	return all, err
}

// servicePages puts the ARNs of all services of the cluster.
func (s *session) servicePages(ctx context.Context, cluster ClusterARN, put func([]string)) error {
	in := &ecs.ListServicesInput{Cluster: aws.String(string(cluster)), MaxResults: aws.Int32(maxResults)}
	for p := ecs.NewListServicesPaginator(s.ecs, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return called("ecs:ListServices", err)
		}
		put(page.ServiceArns)
	}
	return nil
}

// describeServices returns services by name, as AWS has them; names that are MISSING are left out.
func (s *session) describeServices(ctx context.Context, cluster ClusterARN, names []string) (map[string]ecstypes.Service, error) {
	return s.servicesWith(ctx, cluster, names, math.MaxInt)
}

// servicesWith keeps so many of each service's events: AWS sends up to a hundred.
func (s *session) servicesWith(ctx context.Context, cluster ClusterARN, names []string, events int) (map[string]ecstypes.Service, error) {
	parts, err := each(ctx, names, servicesBatch, func(ctx context.Context, part []string) ([]ecstypes.Service, error) {
		out, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(string(cluster)), Services: part})
		if err != nil {
			return nil, called("ecs:DescribeServices", err)
		}
		for _, f := range out.Failures {
			if reason := aws.ToString(f.Reason); reason != failureMissing {
				return nil, called("ecs:DescribeServices", reasonError(reason))
			}
		}
		for i, svc := range out.Services {
			if len(svc.Events) > events {
				out.Services[i].Events = slices.Clone(svc.Events[:events])
			}
		}
		return out.Services, nil
	})
	if err != nil {
		return nil, err
	}
	all := make(map[string]ecstypes.Service, len(names))
	for _, p := range parts {
		for _, svc := range p {
			all[aws.ToString(svc.ServiceName)] = svc
		}
	}
	return all, nil
}

func (s *session) describeCluster(ctx context.Context, cluster ClusterARN) (Cluster, error) {
	out, err := s.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{string(cluster)}})
	if err != nil {
		return Cluster{}, called("ecs:DescribeClusters", err)
	}
	if len(out.Clusters) != 1 {
		reason := failureMissing
		if len(out.Failures) > 0 {
			reason = aws.ToString(out.Failures[0].Reason)
		}
		return Cluster{}, called("ecs:DescribeClusters", reasonError(reason))
	}
	c := out.Clusters[0]
	return Cluster{ARN: ClusterARN(aws.ToString(c.ClusterArn)), Status: aws.ToString(c.Status), Instances: int(c.RegisteredContainerInstancesCount), Providers: c.CapacityProviders, services: int(c.ActiveServicesCount)}, nil
}

func (s *session) capacityProvider(ctx context.Context, name string) (CapacityProvider, error) {
	if name == "" {
		return CapacityProvider{}, nil
	}
	out, err := s.ecs.DescribeCapacityProviders(ctx, &ecs.DescribeCapacityProvidersInput{CapacityProviders: []string{name}})
	if err != nil {
		return CapacityProvider{}, called("ecs:DescribeCapacityProviders", err)
	}
	for _, p := range out.CapacityProviders {
		if aws.ToString(p.Name) == name {
			return toCapacityProvider(p), nil
		}
	}
	return CapacityProvider{}, called("ecs:DescribeCapacityProviders", reasonError(failureMissing))
}

func (s *session) taskDefinition(ctx context.Context, arn string) (TaskDefinition, error) {
	out, err := s.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(arn)})
	if err != nil {
		return TaskDefinition{}, called("ecs:DescribeTaskDefinition", err)
	}
	if out.TaskDefinition == nil {
		return TaskDefinition{}, called("ecs:DescribeTaskDefinition", reasonError("incomplete answer"))
	}
	return toTaskDefinition(*out.TaskDefinition), nil
}

// machine reads one EC2 instance. IncludeManagedResources matters: without it an ECS
// Managed Instance may be hidden and would look like a ghost. "not-found" is an answer,
// so callers must not use it before session.verify said that the account is the right one.
func (s *session) machine(ctx context.Context, id EC2ID) (EC2, error) {
	out, err := s.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{string(id)}, IncludeManagedResources: aws.Bool(true)})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidInstanceID.NotFound" {
		return EC2{State: stateNotFound}, nil
	}
	if err != nil {
		return EC2{}, called("ec2:DescribeInstances", err)
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if aws.ToString(i.InstanceId) == string(id) {
				return toEC2(i), nil
			}
		}
	}
	return EC2{State: stateNotFound}, nil
}

const stateNotFound = "not-found"

// machines reads many by filter: one terminated id would fail a call that names ids.
// Ids that are in no answer are absent from the map.
func (s *session) machines(ctx context.Context, ids []EC2ID) (map[EC2ID]EC2, error) {
	parts, err := each(ctx, ids, filterValues, func(ctx context.Context, part []EC2ID) (map[EC2ID]EC2, error) {
		filter := ec2types.Filter{Name: aws.String("instance-id")}
		for _, id := range part {
			filter.Values = append(filter.Values, string(id))
		}
		got := map[EC2ID]EC2{}
		in := &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{filter}, MaxResults: aws.Int32(1000), IncludeManagedResources: aws.Bool(true)}
		for p := ec2.NewDescribeInstancesPaginator(ec2Pages{s.ec2}, in); p.HasMorePages(); {
			page, err := p.NextPage(ctx)
			if err != nil {
				return nil, called("ec2:DescribeInstances", err)
			}
			for _, r := range page.Reservations {
				for _, i := range r.Instances {
					got[EC2ID(aws.ToString(i.InstanceId))] = toEC2(i)
				}
			}
		}
		return got, nil
	})
	all := make(map[EC2ID]EC2, len(ids))
	for _, m := range parts {
		for id, i := range m {
			all[id] = i
		}
	}
	return all, err
}

// terminationProtected asks whether TerminateInstances would be refused.
func (s *session) terminationProtected(ctx context.Context, id EC2ID) (bool, error) {
	out, err := s.ec2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{
		InstanceId: aws.String(string(id)), Attribute: ec2types.InstanceAttributeNameDisableApiTermination})
	if err != nil {
		return false, called("ec2:DescribeInstanceAttribute", err)
	}
	if out.DisableApiTermination == nil || out.DisableApiTermination.Value == nil {
		return false, called("ec2:DescribeInstanceAttribute", reasonError("incomplete answer"))
	}
	return *out.DisableApiTermination.Value, nil
}

// membership is the machine's place in its group; the zero value means in no group.
func (s *session) membership(ctx context.Context, id EC2ID) (asgtypes.AutoScalingInstanceDetails, error) {
	out, err := s.asg.DescribeAutoScalingInstances(ctx, &asg.DescribeAutoScalingInstancesInput{InstanceIds: []string{string(id)}})
	if err != nil {
		return asgtypes.AutoScalingInstanceDetails{}, called("autoscaling:DescribeAutoScalingInstances", err)
	}
	for _, d := range out.AutoScalingInstances {
		if aws.ToString(d.InstanceId) == string(id) {
			return d, nil
		}
	}
	return asgtypes.AutoScalingInstanceDetails{}, nil // unknown ids are left out silently
}

func (s *session) group(ctx context.Context, member asgtypes.AutoScalingInstanceDetails) (groupState, error) {
	name := aws.ToString(member.AutoScalingGroupName)
	if name == "" {
		return groupState{}, nil
	}
	out, err := s.asg.DescribeAutoScalingGroups(ctx, &asg.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return groupState{}, called("autoscaling:DescribeAutoScalingGroups", err)
	}
	for _, g := range out.AutoScalingGroups {
		if aws.ToString(g.AutoScalingGroupName) == name {
			state := toGroupState(g)
			state.Group = toGroup(g, member)
			return state, nil
		}
	}
	return groupState{}, called("autoscaling:DescribeAutoScalingGroups", reasonError(failureMissing))
}

const terminatingTransition = "autoscaling:EC2_INSTANCE_TERMINATING"

func (s *session) hooks(ctx context.Context, group string) ([]Hook, error) {
	if group == "" {
		return nil, nil
	}
	out, err := s.asg.DescribeLifecycleHooks(ctx, &asg.DescribeLifecycleHooksInput{AutoScalingGroupName: aws.String(group)})
	if err != nil {
		return nil, called("autoscaling:DescribeLifecycleHooks", err)
	}
	var hooks []Hook
	for _, h := range out.LifecycleHooks {
		if aws.ToString(h.LifecycleTransition) == terminatingTransition {
			hooks = append(hooks, Hook{Name: aws.ToString(h.LifecycleHookName), Heartbeat: seconds(aws.ToInt32(h.HeartbeatTimeout)), Default: aws.ToString(h.DefaultResult)})
		}
	}
	slices.SortFunc(hooks, func(a, b Hook) int { return strings.Compare(a.Name, b.Name) })
	return hooks, nil
}
