package aws_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

// classic builds "one" with two instances and a service of a task on the first, at a fixed port behind the Classic load balancer "front".
func classic(draining time.Duration) func(*aws.Cloud) error {
	return func(c *aws.Cloud) error {
		lb, err := c.Region(aws.DemoAccount, aws.DemoRegion).AddClassic(aws.ClassicSpec{Name: "front", InstancePort: 8080, Draining: draining})
		if err != nil {
			return err
		}
		return oneService(2, aws.ServiceSpec{Desired: 1, MinPercent: 100, MaxPercent: 200, Balancers: []aws.BalancerSpec{{TargetGroup: lb, ContainerPort: 80}}},
			aws.TaskDefinitionSpec{CPU: 128, Memory: 256, Ports: []aws.PortSpec{{ContainerPort: 80, HostPort: 8080}}})(c)
	}
}

var stateForm = regexp.MustCompile(`<Description>(.*?)</Description><InstanceId>i-0b16b16b16b00000(\d)</InstanceId><ReasonCode>(.*?)</ReasonCode><State>(.*?)</State>`)

// health is what DescribeInstanceHealth says: the last digit of each id with its state and description.
func (e *estate) health(params ...string) string {
	body, code := e.query("elasticloadbalancing classic", "DescribeInstanceHealth", append([]string{"LoadBalancerName", "front"}, params...)...)
	if code != "" {
		return code
	}
	var out []string
	for _, m := range stateForm.FindAllStringSubmatch(body, -1) {
		out = append(out, fmt.Sprintf("%s %s: %s", m[2], m[4], m[1]))
	}
	return strings.Join(out, "; ")
}

func TestClassicLoadBalancer(t *testing.T) {
	e := serve(t, classic(30*time.Second))
	e.cluster = "one"
	if got := e.health(); got != "0 InService: N/A" {
		t.Errorf("at first: %s", got)
	}
	if got := e.health("Instances.member.1.InstanceId", aws.BigInstance(1)); !strings.Contains(got, "1 OutOfService: Instance is not currently registered") {
		t.Errorf("the other by name: %s", got)
	}
	if got := e.health("Instances.member.1.InstanceId", "i-00000000000000000"); got != "InvalidInstance" {
		t.Errorf("nobody: %s", got)
	}
	lb := first(first(e.must("DescribeServices", object{"cluster": "one", "services": []string{"app"}}), "services"), "loadBalancers")
	if lb["loadBalancerName"] != "front" || lb["targetGroupArn"] != nil {
		t.Errorf("the service's load balancer: %v", lb)
	}
	body, _ := e.query("elasticloadbalancing classic", "DescribeLoadBalancerAttributes", "LoadBalancerName", "front")
	if !strings.Contains(body, "<ConnectionDraining><Enabled>true</Enabled><Timeout>30</Timeout></ConnectionDraining>") || !strings.Contains(body, "doc/2012-06-01/") {
		t.Errorf("attributes: %s", body)
	}
	if body, _ := e.query("elasticloadbalancing classic", "DescribeLoadBalancers"); !strings.Contains(body, "<LoadBalancerName>front</LoadBalancerName>") {
		t.Errorf("load balancers: %s", body)
	}
	// The two APIs know nothing of each other's.
	if body, _ := e.query("elasticloadbalancing", "DescribeTargetGroups"); strings.Contains(body, "front") {
		t.Errorf("version 2 shows it: %s", body)
	}
	for _, action := range []string{"DescribeInstanceHealth", "DescribeLoadBalancerAttributes"} {
		if _, code := e.query("elasticloadbalancing classic", action, "LoadBalancerName", "none"); code != "LoadBalancerNotFound" {
			t.Errorf("%s of none: %q", action, code)
		}
	}
	if _, code := e.query("elasticloadbalancing classic", "DescribeTargetGroups"); code != "InvalidAction" {
		t.Errorf("an action of version 2: %q", code)
	}
	if _, err := e.Break(aws.Break{What: "confuse-classic", On: true}); err != nil {
		t.Fatal(err)
	}
	if got := e.health(); got != "0 Unknown: A transient error occurred. Please try again later." {
		t.Errorf("confused: %s", got)
	}
	e.ConfuseClassic(false)
	e.drain(aws.BigInstance(0))
	saw := map[string]bool{}
	e.until("the drain ends", 4*time.Minute, func(s aws.State) bool {
		got := e.health()
		saw[got] = true
		if !strings.Contains(got, "InService: ") {
			t.Fatalf("nobody serves: %s", got)
		}
		return len(s.TasksOn(aws.BigInstance(0))) == 0
	})
	e.clock.Advance(time.Minute)
	if got := e.health(); got != "1 InService: N/A" {
		t.Errorf("at last: %s", got)
	}
	for _, want := range []string{
		"0 InService: N/A; 1 OutOfService: Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
		"0 InService: Instance deregistration currently in progress.; 1 InService: N/A",
	} {
		if !saw[want] {
			t.Errorf("never saw %q in %v", want, saw)
		}
	}
	if got := events(e, "one", "app"); !strings.Contains(got, "deregistered 1 instances in (elb front)") {
		t.Errorf("events: %s", got)
	}
	e.stop(aws.BigInstance(1))
	e.clock.Advance(time.Minute)
	if got := e.health(); got != "1 OutOfService: Instance is in stopped state." {
		t.Errorf("stopped: %s", got)
	}
}

func TestClassicWithoutDrainingCutsAtOnce(t *testing.T) {
	e := serve(t, classic(0))
	e.cluster = "one"
	if body, _ := e.query("elasticloadbalancing classic", "DescribeLoadBalancerAttributes", "LoadBalancerName", "front"); !strings.Contains(body, "<ConnectionDraining><Enabled>false</Enabled></ConnectionDraining>") {
		t.Errorf("attributes: %s", body)
	}
	if _, code := e.deregister(aws.BigInstance(0), true); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(time.Second)
	if got := e.health(); strings.Contains(got, "0 InService") {
		t.Errorf("after the force: %s", got)
	}
}

func TestWhatECSDoesNotRegister(t *testing.T) {
	for _, c := range []struct{ kind, mode string }{{"lambda", "bridge"}, {"alb", "bridge"}, {"ip", "bridge"}, {"instance", "awsvpc"}} {
		t.Run(c.kind+" "+c.mode, func(t *testing.T) {
			e := serve(t, func(*aws.Cloud) error { return nil })
			r := e.Region(aws.DemoAccount, aws.DemoRegion)
			g, err := r.AddTargetGroup(aws.TargetGroupSpec{Name: "g", Type: c.kind, Port: 80})
			if err != nil {
				t.Fatal(err)
			}
			if err := oneService(1, aws.ServiceSpec{Balancers: []aws.BalancerSpec{{TargetGroup: g, ContainerPort: 80}}}, aws.TaskDefinitionSpec{CPU: 1, Memory: 1, NetworkMode: c.mode})(e.Cloud); err == nil || !strings.Contains(err.Error(), "target type "+c.kind) {
				t.Errorf("adding the service: %v", err)
			}
		})
	}
}
