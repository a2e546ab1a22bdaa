package ecsops

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"
)

// TestTaskClass: a service task carries both markers; anyone may set one of them.
func TestTaskClass(t *testing.T) {
	for _, c := range []struct {
		group, startedBy string
		class            TaskClass
		service          string
	}{
		{"service:web", "ecs-svc/123", Replica, "web"},
		{"service:web", "someone", Standalone, ""},
		{"family:web", "ecs-svc/123", Standalone, ""},
		{"", "", Standalone, ""},
	} {
		got := toTask(ecstypes.Task{Group: aws.String(c.group), StartedBy: aws.String(c.startedBy)})
		if got.Class != c.class || got.Service != c.service {
			t.Errorf("group %q, startedBy %q: %s of %q", c.group, c.startedBy, got.Class, got.Service)
		}
	}
}

// TestPercents: what draining applies, defaults filled in.
func TestPercents(t *testing.T) {
	own := &ecstypes.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150)}
	for _, c := range []struct {
		why              string
		service          ecstypes.Service
		minimum, maximum int
	}{
		{"replica default", ecstypes.Service{}, 100, 200},
		{"daemon default", ecstypes.Service{SchedulingStrategy: ecstypes.SchedulingStrategyDaemon}, 0, 100},
		{"its own", ecstypes.Service{DeploymentConfiguration: own}, 50, 150},
		{"CODE_DEPLOY uses the defaults", ecstypes.Service{DeploymentConfiguration: own,
			DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeCodeDeploy}}, 100, 200},
		{"EXTERNAL uses the defaults", ecstypes.Service{DeploymentConfiguration: own,
			DeploymentController: &ecstypes.DeploymentController{Type: ecstypes.DeploymentControllerTypeExternal}}, 100, 200},
	} {
		if a, b := percents(c.service); a != c.minimum || b != c.maximum {
			t.Errorf("%s: %d/%d", c.why, a, b)
		}
	}
}

// TestHostPorts: bridge takes what is static, host mode every container port, awsvpc none.
func TestHostPorts(t *testing.T) {
	ports := []ecstypes.PortMapping{{ContainerPort: aws.Int32(80), HostPort: aws.Int32(8080)}, {ContainerPort: aws.Int32(81), HostPort: aws.Int32(0)}}
	for mode, want := range map[string][]int{"bridge": {8080}, "host": {8080, 81}, "awsvpc": nil, "none": nil} {
		if diff := cmp.Diff(want, hostPorts(mode, ports)); diff != "" {
			t.Errorf("%s: %s", mode, diff)
		}
	}
}

// TestBalancers: the service's own, the alternates of blue/green, and those of task sets.
func TestBalancers(t *testing.T) {
	groups, classic := balancers(ecstypes.Service{
		LoadBalancers: []ecstypes.LoadBalancer{
			{TargetGroupArn: aws.String("blue"), AdvancedConfiguration: &ecstypes.AdvancedConfiguration{AlternateTargetGroupArn: aws.String("green")}},
			{LoadBalancerName: aws.String("old")}, {TargetGroupArn: aws.String("blue")},
		},
		TaskSets: []ecstypes.TaskSet{{LoadBalancers: []ecstypes.LoadBalancer{{TargetGroupArn: aws.String("set")}}}},
	})
	if diff := cmp.Diff([]string{"blue", "green", "set"}, groups); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"old"}, classic); diff != "" {
		t.Error(diff)
	}
}
