package ecsops

import (
	"context"
	"errors"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	asg "github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
)

// PermissionCheck is one line of the self-test's matrix. Call is as IAM spells it.
type PermissionCheck struct {
	Call   string
	OK     bool
	Unsure bool   // nothing that changes nothing could tell; OK is false
	Detail string // AWS's error code, or "" / "dry run"
}

// The calls that change something have no dry run, but for one: only the act tells.
var untried = []string{"ecs:UpdateContainerInstancesState", "ecs:DeregisterContainerInstance", "ecs:StopTask",
	"autoscaling:TerminateInstanceInAutoScalingGroup"}

// A task, task definition, instance … that does not exist: AWS checks permissions first,
// so "not found" proves that the call is allowed.
const (
	noTask     = "00000000000000000000000000000000"
	noMachine  = "i-00000000000000000"
	noNode     = "mi-00000000000000000"
	noGroup    = "ecsbot-permission-check"
	noFamily   = "ecsbot-permission-check:1"
	noProvider = "ecsbot-permission-check"

	terminateCall = "ec2:TerminateInstances"
)

// Permissions calls each read once, and TerminateInstances as a dry run; nothing is
// changed. The mutating ECS and Auto Scaling calls have no dry run: they are not tried,
// and listed as Unsure. So is a denied TerminateInstances: a policy with a condition on
// tags, as ours, denies it for a machine that does not exist and has none.
func (f *Fleet) Permissions(ctx context.Context, cluster ClusterARN) []PermissionCheck {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.TimeBox)
	defer cancel()
	s := f.reading(cluster.Account(), cluster.Region())
	probes := s.probes(cluster)
	if f.cfg.External != ExternalOff || f.cfg.looksAt() != "" {
		probes = append(probes, probe{nodeCall, func(ctx context.Context) error { _, err := s.node(ctx, noNode); return err }})
	}
	if f.cfg.looksAt() != "" {
		probes = append(probes, probe{invocationCall, func(ctx context.Context) error { _, err := s.invocation(ctx, noMachine, noCommand); return err }})
	}
	out := make([]PermissionCheck, len(probes))
	var wg sync.WaitGroup
	for i, p := range probes {
		wg.Go(func() { out[i] = judgeProbe(p.call, p.ask(ctx)) })
	}
	wg.Wait()
	skip := append([]string(nil), untried...)
	if f.cfg.External == ExternalSSM {
		skip = append(skip, "ssm:DeregisterManagedInstance")
	}
	if f.cfg.looksAt() != "" {
		skip = append(skip, sendCall)
	}
	for _, call := range skip {
		out = append(out, PermissionCheck{Call: call, Unsure: true, Detail: "not tried: it has no dry run"})
	}
	return out
}

type probe struct {
	call string
	ask  func(context.Context) error
}

// judgeProbe: an answer, or a complaint that only comes after the permission check.
func judgeProbe(call string, err error) PermissionCheck {
	c := PermissionCheck{Call: call, OK: true}
	if err == nil {
		return c
	}
	c.Detail = reasonOf(err)
	if c.Detail == codeDryRun {
		c.Detail = "dry run"
		return c
	}
	if _, wrong := errors.AsType[*WrongAccountError](err); wrong {
		c.OK = false
		return c
	}
	api, ok := errors.AsType[smithy.APIError](err)
	c.OK = ok && afterPermission(api.ErrorCode())
	if call == terminateCall && ok && api.ErrorCode() == codeUnauthorized {
		c.Unsure, c.Detail = true, "denied for a machine that does not exist, as a condition on tags does"
	}
	return c
}

// afterPermission lists the errors that AWS gives only to callers who may call.
func afterPermission(code string) bool {
	switch code {
	case "InvalidParameterException", "ClientException", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed",
		"InvalidNetworkInterfaceID.NotFound", "TargetGroupNotFound", "LoadBalancerNotFound", "ValidationError", "TaskNotFoundException", "InvocationDoesNotExist", "DaemonNotFoundException":
		return true
	}
	return false
}

func (s *session) probes(cluster ClusterARN) []probe {
	c := aws.String(string(cluster))
	missingGroup := "arn:" + partition(s.region) + ":elasticloadbalancing:" + s.region + ":" + s.account + ":targetgroup/ecsbot-check/0000000000000000"
	missingClassic := "arn:" + partition(s.region) + ":elasticloadbalancing:" + s.region + ":" + s.account + classicMark + "ecsbot-check"
	return append(s.ecsProbes(cluster, c), []probe{
		{"sts:GetCallerIdentity", s.verify},
		{"ec2:DescribeInstances", func(ctx context.Context) error { _, err := s.machine(ctx, noMachine); return err }},
		{"ec2:DescribeInstanceAttribute", func(ctx context.Context) error { _, err := s.terminationProtected(ctx, noMachine); return err }},
		{"ec2:DescribeNetworkInterfaces", func(ctx context.Context) error {
			_, err := s.interfaces(ctx, []string{"eni-00000000000000000"})
			return err
		}},
		{"ec2:DescribeInstanceTypes", func(ctx context.Context) error {
			_, err := s.instanceTypes(ctx, []string{"m5.large"})
			return err
		}},
		{"ec2:DescribeSpotInstanceRequests", func(ctx context.Context) error {
			_, err := s.ec2.DescribeSpotInstanceRequests(ctx, &ec2.DescribeSpotInstanceRequestsInput{MaxResults: aws.Int32(5)})
			return err
		}},
		{terminateCall, func(ctx context.Context) error {
			_, err := s.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{noMachine}, DryRun: aws.Bool(true)})
			return err
		}},
		{"autoscaling:DescribeAutoScalingInstances", func(ctx context.Context) error { _, err := s.membership(ctx, noMachine); return err }},
		{"autoscaling:DescribeAutoScalingGroups", func(ctx context.Context) error {
			_, err := s.asg.DescribeAutoScalingGroups(ctx, &asg.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{noGroup}})
			return err
		}},
		{"autoscaling:DescribeLifecycleHooks", func(ctx context.Context) error { _, err := s.hooks(ctx, noGroup); return err }},
		{"autoscaling:DescribeScalingActivities", func(ctx context.Context) error {
			_, err := s.asg.DescribeScalingActivities(ctx, &asg.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String(noGroup)})
			return err
		}},
		{"elasticloadbalancing:DescribeTargetGroups", func(ctx context.Context) error {
			_, err := s.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{PageSize: aws.Int32(1)})
			return err
		}},
		{"elasticloadbalancing:DescribeTargetGroupAttributes", func(ctx context.Context) error {
			_, err := s.deregistrationDelay(ctx, missingGroup)
			return err
		}},
		{"elasticloadbalancing:DescribeTargetHealth", func(ctx context.Context) error { _, err := s.targetHealth(ctx, missingGroup); return err }},
		{classicHealth, func(ctx context.Context) error { _, err := s.classicTargets(ctx, missingClassic); return err }},
		{classicAttributes, func(ctx context.Context) error { _, err := s.classicSettings(ctx, missingClassic); return err }},
	}...)
}

// missingOf is the ARN of something in the cluster that does not exist.
func missingOf(c ClusterARN, kind string) string {
	return "arn:" + partition(c.Region()) + ":ecs:" + c.Region() + ":" + c.Account() + ":" + kind + "/" + c.Name() + "/" + noGroup
}

func (s *session) ecsProbes(cluster ClusterARN, c *string) []probe {
	return []probe{
		{"ecs:ListClusters", func(ctx context.Context) error {
			_, err := s.ecs.ListClusters(ctx, &ecs.ListClustersInput{MaxResults: aws.Int32(1)})
			return err
		}},
		{"ecs:DescribeClusters", func(ctx context.Context) error { _, err := s.describeCluster(ctx, cluster); return err }},
		{"ecs:ListContainerInstances", func(ctx context.Context) error {
			_, err := s.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: c, MaxResults: aws.Int32(1)})
			return err
		}},
		{"ecs:DescribeContainerInstances", func(ctx context.Context) error {
			_, err := s.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: c, ContainerInstances: []string{noTask}})
			return err
		}},
		{"ecs:ListTasks", func(ctx context.Context) error {
			_, err := s.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: c, MaxResults: aws.Int32(1)})
			return err
		}},
		{"ecs:DescribeTasks", func(ctx context.Context) error {
			_, err := s.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: c, Tasks: []string{noTask}})
			return err
		}},
		{"ecs:GetTaskProtection", func(ctx context.Context) error {
			_, err := s.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: c, Tasks: []string{noTask}})
			return err
		}},
		{"ecs:ListServices", func(ctx context.Context) error {
			_, err := s.ecs.ListServices(ctx, &ecs.ListServicesInput{Cluster: c, MaxResults: aws.Int32(1)})
			return err
		}},
		{"ecs:DescribeServices", func(ctx context.Context) error {
			_, err := s.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: c, Services: []string{noGroup}})
			return err
		}},
		{daemonsCall, func(ctx context.Context) error {
			_, err := s.ecs.ListDaemons(ctx, &ecs.ListDaemonsInput{ClusterArn: c, MaxResults: aws.Int32(1)})
			return err
		}},
		{"ecs:DescribeDaemon", func(ctx context.Context) error {
			_, err := s.ecs.DescribeDaemon(ctx, &ecs.DescribeDaemonInput{DaemonArn: aws.String(missingOf(cluster, "daemon"))})
			return err
		}},
		{"ecs:DescribeDaemonRevisions", func(ctx context.Context) error {
			_, err := s.ecs.DescribeDaemonRevisions(ctx, &ecs.DescribeDaemonRevisionsInput{DaemonRevisionArns: []string{missingOf(cluster, "daemon-revision") + "/" + noTask}})
			return err
		}},
		{"ecs:DescribeTaskDefinition", func(ctx context.Context) error { _, err := s.taskDefinition(ctx, noFamily); return err }},
		{"ecs:DescribeCapacityProviders", func(ctx context.Context) error {
			_, err := s.ecs.DescribeCapacityProviders(ctx, &ecs.DescribeCapacityProvidersInput{CapacityProviders: []string{noProvider}})
			return err
		}},
	}
}
