package aws_test

import (
	"testing"
	"time"

	"ecsbot/sim/aws"
)

const daemonHost = "i-0a1b2c3d4e5f60021"

// withDaemons is the demo estate with a Managed Instance, a task on it, and two daemons.
func withDaemons(t *testing.T) *estate {
	t.Helper()
	e := demo(t)
	r := e.Region(aws.DemoAccount, aws.DemoRegion)
	added := func(_ string, err error) error { return err }
	for _, err := range []error{
		added(r.AddProvider(aws.ProviderSpec{Name: "mi", ManagedInstances: true, Cluster: aws.DemoCluster, ScaleInAfter: 10 * time.Minute})),
		added(r.AddDaemon(aws.DaemonSpec{Cluster: aws.DemoCluster, Name: "agent", CPU: 64, Memory: 64, Providers: []string{"mi"}})),
		added(r.AddDaemon(aws.DaemonSpec{Cluster: aws.DemoCluster, Name: "metrics", CPU: 64, Memory: 64, Providers: []string{"mi"}, NonCritical: true})),
		added(r.AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: daemonHost, RegisterID: aws.DemoRegistration(daemonHost), Managed: true, Provider: "mi"})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := added(r.RunTask(aws.TaskSpec{Cluster: aws.DemoCluster, TaskDefinition: "worker", On: daemonHost, RunsFor: 5 * time.Minute})); err != nil {
		t.Fatal(err)
	}
	e.clock.Advance(time.Minute)
	return e
}

// last is what the tasks on the daemons' host are that have not stopped, by what they run.
func (e *estate) last() map[string]string {
	out := map[string]string{}
	for _, t := range e.State().TasksOn(daemonHost) {
		out[t.Group] = t.Last
	}
	return out
}

// Each new instance gets the daemons; they drain last, and their definition is no task definition.
func TestDaemonsDrainLast(t *testing.T) {
	e := withDaemons(t)
	if got := e.last(); got["daemon:agent"] != "RUNNING" || got["daemon:metrics"] != "RUNNING" {
		t.Fatalf("a new instance has %v", got)
	}
	listed, code := e.ecs("ListTasks", object{"cluster": aws.DemoCluster, "daemonName": "agent", "containerInstance": aws.DemoRegistration(daemonHost)})
	if arns, _ := listed["taskArns"].([]any); code != "" || len(arns) != 1 {
		t.Fatalf("%v, %s", listed, code)
	}
	if _, code := e.ecs("DescribeTaskDefinition", object{"taskDefinition": "arn:aws:ecs:" + aws.DemoRegion + ":" + aws.DemoAccount + ":daemon-task-definition/agent:1"}); code != "ClientException" {
		t.Errorf("described as a task definition: %q", code)
	}
	if _, code := e.ecs("UpdateContainerInstancesState", object{"cluster": aws.DemoCluster, "containerInstances": []string{aws.DemoRegistration(daemonHost)}, "status": "DRAINING"}); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(time.Minute)
	if got := e.last(); got["daemon:agent"] != "RUNNING" || got["family:worker"] != "RUNNING" {
		t.Errorf("beside a task that is left: %v", got)
	}
	e.clock.Advance(5 * time.Minute)
	if got := e.last(); len(got) > 0 {
		t.Errorf("once it ended: %v", got)
	}
}

// An instance that has nothing but daemons is idle.
func TestDaemonsAloneAreIdle(t *testing.T) {
	e := withDaemons(t)
	e.clock.Advance(5 * time.Minute)
	if h, _ := e.State().Host(daemonHost); h.State != "running" {
		t.Fatalf("at once it is %s", h.State)
	}
	e.clock.Advance(11 * time.Minute)
	if h, _ := e.State().Host(daemonHost); h.State != "shutting-down" && h.State != "terminated" {
		t.Errorf("after scaleInAfter it is %s", h.State)
	}
}

// A critical daemon that stops has its instance drained and ended; one that is not does not.
func TestCriticalDaemons(t *testing.T) {
	e := withDaemons(t)
	stop := func(group string) {
		for _, x := range e.State().TasksOn(daemonHost) {
			if x.Group == group {
				if err := e.EndTask(x.ARN); err != nil {
					t.Fatal(err)
				}
			}
		}
		e.clock.Advance(20 * time.Second)
	}
	stop("daemon:metrics")
	if i, _ := e.State().Instance(daemonHost); i.Status != "ACTIVE" {
		t.Errorf("without the daemon that is not critical it is %s", i.Status)
	}
	stop("daemon:agent")
	if i, _ := e.State().Instance(daemonHost); i.Status != "DRAINING" {
		t.Errorf("without the critical daemon it is %s", i.Status)
	}
	e.clock.Advance(10 * time.Minute)
	if h, _ := e.State().Host(daemonHost); h.State != "terminated" {
		t.Errorf("drained, it is %s", h.State)
	}
}

// AWS says of drains that they leave tasks of no service alone: so may the daemons be.
func TestKeepDaemons(t *testing.T) {
	e := withDaemons(t)
	e.KeepDaemons(true)
	if _, code := e.ecs("UpdateContainerInstancesState", object{"cluster": aws.DemoCluster, "containerInstances": []string{aws.DemoRegistration(daemonHost)}, "status": "DRAINING"}); code != "" {
		t.Fatal(code)
	}
	e.clock.Advance(8 * time.Minute)
	if got := e.last(); got["daemon:agent"] != "RUNNING" || got["family:worker"] != "" {
		t.Errorf("%v", got)
	}
}
