package ecsops

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	groupsBatch  = 20 // target groups named in one DescribeTargetGroups
	defaultDelay = 300 * time.Second
)

func seconds[T int32 | int](n T) time.Duration { return time.Duration(n) * time.Second }

// targetGroupTypes reads name and type of target groups, by ARN.
func (s *session) targetGroupTypes(ctx context.Context, arns []string) (map[string]TargetGroup, error) {
	parts, err := each(ctx, arns, groupsBatch, func(ctx context.Context, part []string) ([]elbtypes.TargetGroup, error) {
		var got []elbtypes.TargetGroup
		for p := elb.NewDescribeTargetGroupsPaginator(s.elb, &elb.DescribeTargetGroupsInput{TargetGroupArns: part}); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			if err != nil {
				return nil, called("elasticloadbalancing:DescribeTargetGroups", err)
			}
			got = append(got, out.TargetGroups...)
		}
		return got, nil
	})
	if err != nil {
		return nil, err
	}
	all := map[string]TargetGroup{}
	for _, p := range parts {
		for _, g := range p {
			arn := aws.ToString(g.TargetGroupArn)
			all[arn] = TargetGroup{ARN: arn, Name: aws.ToString(g.TargetGroupName), TargetType: string(g.TargetType)}
		}
	}
	return all, nil
}

func (s *session) deregistrationDelay(ctx context.Context, arn string) (time.Duration, error) {
	out, err := s.elb.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: aws.String(arn)})
	if err != nil {
		return 0, called("elasticloadbalancing:DescribeTargetGroupAttributes", err)
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) != "deregistration_delay.timeout_seconds" {
			continue
		}
		n, err := strconv.Atoi(aws.ToString(a.Value))
		if err != nil {
			return 0, called("elasticloadbalancing:DescribeTargetGroupAttributes", err)
		}
		return seconds(n), nil
	}
	return defaultDelay, nil
}

// target is one registered target.
type target struct {
	id    string // EC2 id, IP address …
	port  int
	state string
}

// name is the target as AWS's console has it; instances of Classic load balancers have no port of their own.
func (t target) name() string {
	if t.port == 0 {
		return t.id
	}
	return t.id + ":" + strconv.Itoa(t.port)
}

// targetsOf are the targets of a target group or a Classic load balancer.
func (s *session) targetsOf(ctx context.Context, arn string) ([]target, error) {
	if classicName(arn) != "" {
		return s.classicTargets(ctx, arn)
	}
	return s.targetHealth(ctx, arn)
}

func (s *session) targetHealth(ctx context.Context, arn string) ([]target, error) {
	out, err := s.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	if err != nil {
		return nil, called("elasticloadbalancing:DescribeTargetHealth", err)
	}
	var all []target
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		all = append(all, target{id: aws.ToString(d.Target.Id), port: int(aws.ToInt32(d.Target.Port)), state: string(d.TargetHealth.State)})
	}
	return all, nil
}

// count fills a group's healthy counts, now and without the targets that are ours: the
// machine itself, or the addresses of the tasks on it.
func (g TargetGroup) count(targets []target, machine EC2ID, addresses map[string]bool) TargetGroup {
	g.Healthy, g.HealthyAfter, g.Here = 0, 0, nil
	for _, t := range targets {
		here := t.id == string(machine) || addresses[t.id]
		if here && t.state != string(elbtypes.TargetHealthStateEnumDraining) {
			g.Here = append(g.Here, t.name())
		}
		if t.state != string(elbtypes.TargetHealthStateEnumHealthy) {
			continue
		}
		g.Healthy++
		if !here {
			g.HealthyAfter++
		}
	}
	return g
}
