package aws_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/sim/aws"
)

// bare calls an action without parameters, and returns the error code.
func (e *estate) bare(service, action string, params ...string) string {
	if service == "ecs" {
		_, code := e.ecs(action, object{})
		return code
	}
	_, code := e.query(service, action, params...)
	return code
}

// TestBuckets empties the bucket of each action that is served: how much it holds, how fast it fills, who shares it and
// what is said when it is empty.
func TestBuckets(t *testing.T) {
	type bucket struct {
		burst, refill int
		shared        string // "" when the action has its own
	}
	read, modify := bucket{100, 20, "cluster resource read"}, bucket{100, 40, "cluster resource modify"}
	service, cluster := bucket{100, 20, "service read"}, bucket{50, 20, "cluster read"}
	daemon := bucket{50, 20, "daemon read"} // of these ECS publishes no figures
	scaling, balancing := bucket{100, 10, "autoscaling"}, bucket{100, 20, "elb"}
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
	// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
	want := map[string]bucket{
		"ecs ListClusters": cluster, "ecs DescribeClusters": cluster,
		"ecs ListContainerInstances": read, "ecs DescribeContainerInstances": read, "ecs ListTasks": read, "ecs DescribeTasks": read,
		"ecs UpdateContainerInstancesState": modify, "ecs DeregisterContainerInstance": modify, "ecs StopTask": modify,
		"ecs ListServices": service, "ecs DescribeServices": service, "ecs DescribeTaskDefinition": {50, 20, ""},
		"ecs DescribeCapacityProviders": {50, 20, ""}, "ecs GetTaskProtection": {200, 80, ""}, "ecs ListTagsForResource": {50, 20, ""},
		"ecs ListDaemons": daemon, "ecs DescribeDaemon": daemon, "ecs DescribeDaemonRevisions": daemon,
		"ec2 DescribeInstances":  {50, 10, ""}, // neither ids nor filters nor pages
		"ec2 TerminateInstances": {50, 5, ""},
	}
	said := map[string]string{"ecs": "ThrottlingException", "ec2": "RequestLimitExceeded"}
	served := aws.Operations(false)
	delete(served, "sts") // STS counts for itself
	delete(served, "ssm") // Systems Manager publishes no figures
	for svc, actions := range served {
		t.Run(svc, func(t *testing.T) {
			e := serve(t, (*aws.Cloud).Demo)
			throttled := said[svc]
			if throttled == "" {
				throttled = "Throttling"
			}
			spend := func(action string) (n int) {
				for n < 300 && e.bare(svc, action) != throttled {
					n++
				}
				return n
			}
			for _, action := range actions {
				b, ok := want[svc+" "+action]
				switch {
				case ok:
				case svc == "ec2":
					b = bucket{100, 20, ""}
				case svc == "autoscaling":
					b = scaling
				case strings.HasPrefix(svc, "elasticloadbalancing"):
					b = balancing
				default:
					t.Errorf("%s %s has no bucket in this table", svc, action)
				}
				e.EnforceBuckets(true) // all full
				if n := spend(action); n != b.burst {
					t.Errorf("%s: a burst of %d, documented %d", action, n, b.burst)
				}
				for _, other := range actions {
					o := want[svc+" "+other]
					if svc != "ecs" && svc != "ec2" {
						o = b
					}
					if shares := b.shared != "" && o.shared == b.shared || other == action; (e.bare(svc, other) == throttled) != shares {
						t.Errorf("with the bucket of %s empty, %s is throttled: %t", action, other, !shares)
					}
				}
				e.clock.Advance(time.Second)
				if n := spend(action); n != b.refill {
					t.Errorf("%s: %d more after a second, documented %d", action, n, b.refill)
				}
			}
		})
	}
}

func TestTerminateInstancesCountsInstancesToo(t *testing.T) {
	e := demo(t)
	e.EnforceBuckets(true)
	var ids []string
	for n := range 400 {
		ids = append(ids, fmt.Sprintf("InstanceId.%d", n+1), fmt.Sprintf("i-%017x", n))
	}
	var got []string
	for range 3 {
		got = append(got, e.bare("ec2", "TerminateInstances", ids...))
	}
	if want := []string{"InvalidInstanceID.NotFound", "InvalidInstanceID.NotFound", "RequestLimitExceeded"}; !slices.Equal(got, want) {
		t.Errorf("400 instances at a time: %v, want %v", got, want)
	}
	e.clock.Advance(10 * time.Second)
	if code := e.bare("ec2", "TerminateInstances", ids...); code != "InvalidInstanceID.NotFound" {
		t.Errorf("200 tokens later: %s", code)
	}
}

// lagging is a read, and a deed after which it answers otherwise.
type lagging struct {
	in     object   // of ECS
	params []string // of the others
	deed   func(e *estate, r *aws.Region) error
}

func laggingReads() map[string]lagging {
	added := func(_ string, err error) error { return err }
	prod, clean := object{"cluster": "prod"}, aws.DemoRegistration(aws.DemoClean)
	drain := func(e *estate, _ *aws.Region) error { e.drain(aws.DemoClean); return nil }
	stop := func(e *estate, _ *aws.Region) error {
		e.must("StopTask", object{"cluster": "prod", "task": aws.DemoBatchTask})
		return nil
	}
	machine := func(_ *estate, r *aws.Region) error {
		return added(r.AddInstance(aws.InstanceSpec{Cluster: "prod", EC2ID: aws.BigInstance(1)}))
	}
	service := func(_ *estate, r *aws.Region) error {
		return added(r.AddService(aws.ServiceSpec{Cluster: "prod", Name: "late", TaskDefinition: "worker"}))
	}
	cluster := func(_ *estate, r *aws.Region) error {
		return added(r.AddCluster(aws.ClusterSpec{Name: "late", Tags: []aws.Tag{{Key: "a", Value: "b"}}}))
	}
	late := "arn:aws:elasticloadbalancing:" + aws.DemoRegion + ":" + aws.DemoAccount + ":loadbalancer/late"
	classic := func(e *estate, r *aws.Region) error {
		lb, err := r.AddClassic(aws.ClassicSpec{Name: "late", InstancePort: 1, Draining: time.Minute})
		if err == nil && lb != late {
			err = fmt.Errorf("its ARN is %s", lb)
		}
		return err
	}
	daemon := func(_ *estate, r *aws.Region) error {
		if _, err := r.AddProvider(aws.ProviderSpec{Name: "mi", ManagedInstances: true, Cluster: "prod"}); err != nil {
			return err
		}
		return added(r.AddDaemon(aws.DaemonSpec{Cluster: "prod", Name: "late", Providers: []string{"mi"}}))
	}
	group := func(_ *estate, r *aws.Region) error {
		return added(r.AddTargetGroup(aws.TargetGroupSpec{Name: "late", Type: "ip", Port: 80, Balancer: "later"}))
	}
	of := []string{"AutoScalingGroupName", aws.DemoGroup}
	return map[string]lagging{
		"ecs ListClusters":               {deed: cluster},
		"ecs DescribeClusters":           {in: object{"clusters": []string{"prod"}}, deed: machine},
		"ecs ListContainerInstances":     {in: prod, deed: machine},
		"ecs DescribeContainerInstances": {in: object{"cluster": "prod", "containerInstances": []string{clean}}, deed: drain},
		"ecs ListTasks":                  {in: prod, deed: stop},
		"ecs DescribeTasks":              {in: object{"cluster": "prod", "tasks": []string{aws.DemoBatchTask}}, deed: stop},
		"ecs ListServices":               {in: prod, deed: service},
		"ecs DescribeServices":           {in: object{"cluster": "prod", "services": []string{"late"}}, deed: service},
		"ecs DescribeTaskDefinition": {in: object{"taskDefinition": "worker"}, deed: func(_ *estate, r *aws.Region) error {
			return added(r.AddTaskDefinition(aws.TaskDefinitionSpec{Family: "worker", CPU: 1, Memory: 1}))
		}},
		"ecs DescribeCapacityProviders": {in: object{}, deed: func(_ *estate, r *aws.Region) error {
			return added(r.AddProvider(aws.ProviderSpec{Name: "late", Group: aws.DemoGroup}))
		}},
		"ecs ListDaemons":               {in: object{"clusterArn": "prod"}, deed: daemon},
		"ecs DescribeDaemon":            {in: object{"daemonArn": "arn:aws:ecs:" + aws.DemoRegion + ":" + aws.DemoAccount + ":daemon/prod/late"}, deed: daemon},
		"ecs DescribeDaemonRevisions":   {in: object{"daemonRevisionArns": []string{"arn:aws:ecs:" + aws.DemoRegion + ":" + aws.DemoAccount + ":daemon-revision/prod/late/1000000000000000001"}}, deed: daemon},
		"ecs GetTaskProtection":         {in: object{"cluster": "prod", "tasks": []string{"protected"}}, deed: func(e *estate, _ *aws.Region) error { return e.ProtectTask(e.protected(), 0) }},
		"ecs ListTagsForResource":       {in: object{"resourceArn": "arn:aws:ecs:" + aws.DemoRegion + ":" + aws.DemoAccount + ":cluster/late"}, deed: cluster},
		"ec2 DescribeInstances":         {params: []string{"InstanceId.1", aws.BigInstance(1)}, deed: machine},
		"ec2 DescribeInstanceStatus":    {params: []string{"InstanceId.1", aws.BigInstance(1)}, deed: machine},
		"ec2 DescribeInstanceAttribute": {params: []string{"InstanceId", aws.BigInstance(1), "Attribute", "disableApiTermination"}, deed: machine},
		"ec2 DescribeInstanceTypes":     {params: []string{"InstanceType.1", "m6i.large"}}, // the same for ever
		"ec2 DescribeSpotInstanceRequests": {deed: func(_ *estate, r *aws.Region) error {
			return added(r.AddInstance(aws.InstanceSpec{Cluster: "prod", EC2ID: aws.BigInstance(1), Spot: true}))
		}},
		"ec2 DescribeNetworkInterfaces": {deed: func(_ *estate, r *aws.Region) error {
			return added(r.RunTask(aws.TaskSpec{Cluster: "prod", TaskDefinition: "web", On: aws.DemoClean}))
		}},
		"autoscaling DescribeAutoScalingInstances": {deed: func(e *estate, _ *aws.Region) error { return e.Standby(aws.DemoGroupA, true) }},
		"autoscaling DescribeAutoScalingGroups":    {deed: func(e *estate, _ *aws.Region) error { return e.Suspend(aws.DemoGroup, "Launch", true) }},
		"autoscaling DescribeLifecycleHooks": {params: of, deed: func(e *estate, _ *aws.Region) error {
			return e.AddHook(aws.DemoGroup, aws.HookSpec{Name: "late", Transition: terminatingHook})
		}},
		"autoscaling DescribeScalingActivities": {params: of, deed: func(e *estate, _ *aws.Region) error { return e.Retire(aws.DemoGroupA, false) }},
		"autoscaling DescribeWarmPool": {params: of, deed: func(_ *estate, r *aws.Region) error {
			return added(r.AddInstance(aws.InstanceSpec{Cluster: "prod", EC2ID: aws.BigInstance(1), Group: aws.DemoGroup, Lifecycle: "Warmed:Stopped"}))
		}},
		"elasticloadbalancing DescribeTargetGroups":          {deed: group},
		"elasticloadbalancing DescribeLoadBalancers":         {deed: group},
		"elasticloadbalancing DescribeTargetGroupAttributes": {params: []string{"TargetGroupArn", "web"}, deed: func(e *estate, _ *aws.Region) error { return e.SetDraining("web", time.Hour) }},
		"elasticloadbalancing DescribeTargetHealth": {params: []string{"TargetGroupArn", "web"}, deed: func(e *estate, _ *aws.Region) error {
			_, code := e.deregister(aws.DemoClean, true)
			return asError(code)
		}},
		"elasticloadbalancing classic DescribeLoadBalancers":          {deed: classic},
		"elasticloadbalancing classic DescribeLoadBalancerAttributes": {params: []string{"LoadBalancerName", "late"}, deed: classic},
		"elasticloadbalancing classic DescribeInstanceHealth":         {params: []string{"LoadBalancerName", "late"}, deed: classic},
	}
}

// protected is the demo estate's protected task.
func (e *estate) protected() string {
	for _, x := range e.State().Tasks {
		if x.Protected {
			return x.ARN
		}
	}
	e.t.Fatal("no task is protected")
	return ""
}

func asError(code string) error {
	if code != "" {
		return fmt.Errorf("refused: %s", code)
	}
	return nil
}

var requestIDs = regexp.MustCompile(`(?i)<requestid>[^<]*</requestid>`)

// TestEveryReadLags: what a read answers while it lags is what it answered before, word for word, and then something else.
func TestEveryReadLags(t *testing.T) {
	table := laggingReads()
	served := aws.Operations(true)
	delete(served, "sts")
	delete(served, "ssm") // TestManagedNodes
	for svc, actions := range served {
		for _, action := range actions {
			name := svc + " " + action
			t.Run(name, func(t *testing.T) {
				l, ok := table[name]
				if !ok {
					t.Fatal("is not in this table: what changes its answer?")
				}
				e := demo(t)
				if len(l.params) == 2 && l.params[1] == "web" {
					l.params[1] = e.targetGroup("web")
				}
				if action == "GetTaskProtection" {
					l.in["tasks"] = []string{e.protected()}
				}
				ask := func() string {
					if svc == "ecs" {
						got, code := e.ecs(action, l.in)
						raw, err := json.Marshal(got)
						if err != nil {
							t.Fatal(err)
						}
						return string(raw) + code
					}
					body, code := e.query(svc, action, l.params...)
					return requestIDs.ReplaceAllString(body, "") + code
				}
				e.Lag(10 * time.Second)
				e.clock.Advance(30 * time.Second)
				before := ask()
				if l.deed == nil {
					return
				}
				if err := l.deed(e, e.Region(aws.DemoAccount, aws.DemoRegion)); err != nil {
					t.Fatal(err)
				}
				e.clock.Advance(9 * time.Second)
				if got := ask(); got != before {
					t.Errorf("9 s later it answers\n%s\ninstead of\n%s", got, before)
				}
				e.clock.Advance(2 * time.Second)
				if got := ask(); got == before {
					t.Errorf("11 s later it still answers\n%s", got)
				}
			})
		}
	}
}
