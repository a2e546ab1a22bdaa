package ecsops

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	classic "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// A Classic load balancer is, to the rules, a target group whose targets are EC2 instances: it has healthy ones, and a time
// that it gives open connections. ECS names it by name alone; here it goes by its ARN, as target groups do.
const (
	targetTypeClassic = "classic"
	classicMark       = ":loadbalancer/"

	classicHealth     = "elasticloadbalancing:DescribeInstanceHealth"
	classicAttributes = "elasticloadbalancing:DescribeLoadBalancerAttributes"

	// What the API documents of an instance that is being taken out, and of one that is not there. Nothing else tells
	// them from others: the state of the former is InService.
	// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_InstanceState.html
	classicLeaving = "Instance deregistration currently in progress"
	classicAbsent  = "Instance is not currently registered"
)

// classicARN makes the ARN of a Classic load balancer of the service's account and Region.
func classicARN(serviceARN, name string) string {
	p := strings.SplitN(serviceARN, ":", 6)
	if name == "" || len(p) < 6 {
		return ""
	}
	return strings.Join([]string{p[0], p[1], "elasticloadbalancing", p[3], p[4], "loadbalancer/" + name}, ":")
}

// classicName is the load balancer's name, "" for the ARN of a target group.
func classicName(arn string) string {
	_, name, ok := strings.Cut(arn, classicMark)
	if !ok || strings.Contains(name, "/") { // app/…, net/…, gwy/…: those of version 2
		return ""
	}
	return name
}

// classicSettings reads how long it lets connections end. Draining that is off gives them no time.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/config-conn-drain.html
func (s *session) classicSettings(ctx context.Context, arn string) (TargetGroup, error) {
	g := TargetGroup{ARN: arn, Name: classicName(arn), TargetType: targetTypeClassic}
	out, err := s.classic.DescribeLoadBalancerAttributes(ctx, &classic.DescribeLoadBalancerAttributesInput{LoadBalancerName: aws.String(g.Name)})
	if err != nil {
		return g, called(classicAttributes, err)
	}
	if out.LoadBalancerAttributes == nil || out.LoadBalancerAttributes.ConnectionDraining == nil {
		return g, called(classicAttributes, reasonError(reasonIncomplete))
	}
	if d := out.LoadBalancerAttributes.ConnectionDraining; d.Enabled {
		g.Deregister = defaultDelay
		if d.Timeout != nil {
			g.Deregister = time.Duration(*d.Timeout) * time.Second
		}
	}
	return g, nil
}

// classicTargets reads its instances. One whose state it does not know makes the whole answer unknown: it may be the last
// healthy one.
func (s *session) classicTargets(ctx context.Context, arn string) ([]target, error) {
	out, err := s.classic.DescribeInstanceHealth(ctx, &classic.DescribeInstanceHealthInput{LoadBalancerName: aws.String(classicName(arn))})
	if err != nil {
		return nil, called(classicHealth, err)
	}
	var all []target
	for _, i := range out.InstanceStates {
		state, why := aws.ToString(i.State), aws.ToString(i.Description)
		t := target{id: aws.ToString(i.InstanceId)}
		switch {
		case strings.HasPrefix(why, classicAbsent):
			continue
		case strings.HasPrefix(why, classicLeaving):
			t.state = string(elbtypes.TargetHealthStateEnumDraining)
		case state == "InService":
			t.state = string(elbtypes.TargetHealthStateEnumHealthy)
		case state == "OutOfService":
			t.state = string(elbtypes.TargetHealthStateEnumUnhealthy)
		default:
			return nil, called(classicHealth, reasonError("state "+state))
		}
		all = append(all, t)
	}
	return all, nil
}
