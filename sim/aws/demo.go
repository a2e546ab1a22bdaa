package aws

import (
	"errors"
	"fmt"
	"time"
)

// The demo estate's names.
const (
	DemoAccount = "123456789012"
	DemoRegion  = "eu-central-1"

	DemoCluster           = "prod"
	DemoStagingCluster    = "staging"
	DemoServerlessCluster = "serverless"

	DemoClean        = "i-0a1b2c3d4e5f60001" // replica services only, and all of them fit elsewhere
	DemoBatch        = "i-0a1b2c3d4e5f60002" // the standalone batch task
	DemoStuck        = "i-0a1b2c3d4e5f60003" // payments, which cannot move
	DemoProtected    = "i-0a1b2c3d4e5f60004" // a task with scale-in protection
	DemoGroupA       = "i-0a1b2c3d4e5f60005" // Auto Scaling group, capacity provider, CloudFormation
	DemoGroupB       = "i-0a1b2c3d4e5f60006" // the same
	DemoGhost        = "i-0a1b2c3d4e5f60007" // EC2 terminated, ECS says ACTIVE
	DemoDisconnected = "i-0a1b2c3d4e5f60008" // EC2 running, agent not connected
	DemoLast         = "i-0a1b2c3d4e5f70001" // the only instance of staging

	DemoBatchTask = "0123456789abcdef0123456789ab0001"      // id of the task of family nightly-report
	DemoRole      = "arn:aws:iam::123456789012:role/ecsbot" // assumable
	DemoGroup     = "prod-asg"
	DemoProvider  = "prod-cp"
)

// DemoRegistration returns the container-instance id of one of the demo's EC2 instances.
func DemoRegistration(ec2ID string) string {
	if len(ec2ID) < 5 {
		return ""
	}
	return "c0ffee00000000000000000000" + "0" + ec2ID[len(ec2ID)-5:]
}

// builder adds things until one cannot be added.
type builder struct {
	*Region
	err error
}

func (b *builder) got(arn string, err error) string {
	b.err = errors.Join(b.err, err)
	return arn
}

// Demo builds the demo estate: account DemoAccount, Region DemoRegion.
//
// Cluster prod has eight instances in three zones:
//
//	…60001 a  m6i.2xlarge  clean: web, api; a single EC2 instance without an owner
//	…60002 b  m6i.2xlarge  nightly-report (standalone, EventBridge), api, worker, log-agent
//	…60003 c  m6i.2xlarge  payments (desired 1, 100/100: cannot move), api, log-agent
//	…60004 a  m6i.2xlarge  encoder (one task protected for two days), log-agent; termination-protected
//	…60005 b  m6i.2xlarge  web, log-agent; prod-asg (min 2, desired 2, max 4), prod-cp with managed draining
//	…60006 c  m6i.2xlarge  web, api, encoder, log-agent; the same group, CloudFormation stack prod-cluster
//	…60007 a  m6i.2xlarge  ghost: EC2 terminated 20 minutes ago, still ACTIVE, agent gone, one stale api task
//	…60008 b  m6i.2xlarge  disconnected: EC2 running, agent gone for 10 minutes, one worker task
//
// Services: web (4, 100/200, awsvpc, ALB ip targets, delay 30 s), api (5, 50/200, bridge, ALB instance targets, delay
// 20 s), payments (1, 100/100), encoder (2, 100/200), worker (2, 0/200), log-agent (daemon where attribute logs exists).
// Cluster staging has one instance with the service hello; serverless has two Fargate tasks of the service site.
func (c *Cloud) Demo() error {
	b := &builder{Region: c.Region(DemoAccount, DemoRegion)}
	for _, name := range []string{DemoCluster, DemoStagingCluster, DemoServerlessCluster} {
		spec := ClusterSpec{Name: name, Tags: []Tag{{"chatops-deregister", "allow"}, {"environment", name}}}
		if name == DemoCluster {
			spec.Providers = []string{DemoProvider}
		}
		b.got(b.AddCluster(spec))
	}
	b.got("", c.AddRole(DemoRole))
	c.demoHosts(b)
	c.demoServices(b)
	if b.err != nil {
		return fmt.Errorf("building the demo estate: %w", b.err)
	}
	return nil
}

func (c *Cloud) demoHosts(b *builder) {
	b.got(b.AddGroup(GroupSpec{Name: DemoGroup, Min: 2, Desired: 2, Max: 4, Cluster: DemoCluster, Provider: DemoProvider, InstanceType: "m6i.2xlarge",
		Tags: []Tag{{"AmazonECSManaged", "true"}, {"Name", "prod-ecs"}}}))
	b.got(b.AddProvider(ProviderSpec{Name: DemoProvider, Group: DemoGroup, ManagedScaling: true, ManagedDraining: true}))
	stack := []Tag{{"aws:cloudformation:stack-name", "prod-cluster"}, {"aws:cloudformation:logical-id", "AutoScalingGroup"},
		{"aws:cloudformation:stack-id", "arn:aws:cloudformation:" + DemoRegion + ":" + DemoAccount + ":stack/prod-cluster/0a1b2c3d-51b0-4a17-8e55-0a1b2c3d4e5f"}}
	const logs, own, grouped = 1, 2, 4
	for n, h := range []struct {
		id, zone, name string
		flags          int
	}{
		{DemoClean, "a", "prod-1", 0}, {DemoBatch, "b", "prod-2", logs}, {DemoStuck, "c", "prod-3", logs}, {DemoProtected, "a", "prod-4", logs | own},
		{DemoGroupA, "b", "prod-asg-1", logs | grouped}, {DemoGroupB, "c", "prod-asg-2", logs | grouped},
		{DemoGhost, "a", "prod-7", 0}, {DemoDisconnected, "b", "prod-8", 0},
	} {
		spec := InstanceSpec{
			Cluster: DemoCluster, EC2ID: h.id, RegisterID: DemoRegistration(h.id), AZ: DemoRegion + h.zone, Type: "m6i.2xlarge", CPU: 8192, Memory: 31640,
			Age: time.Duration(n+3) * 24 * time.Hour, Tags: []Tag{{"Name", h.name}}, Attributes: map[string]string{}, Protected: h.flags&own > 0,
		}
		if h.flags&logs > 0 {
			spec.Attributes["logs"] = "true"
		}
		if h.flags&grouped > 0 {
			spec.Group, spec.Provider, spec.Tags = DemoGroup, DemoProvider, append(spec.Tags, stack...)
		}
		if h.id == DemoGhost {
			spec.Terminated, spec.TerminatedFor = true, 20*time.Minute
		}
		spec.Disconnected = h.id == DemoDisconnected
		b.got(b.AddInstance(spec))
	}
	b.got(b.AddInstance(InstanceSpec{Cluster: DemoStagingCluster, EC2ID: DemoLast, RegisterID: DemoRegistration(DemoLast), AZ: DemoRegion + "a",
		Age: 48 * time.Hour, Tags: []Tag{{"Name", "staging-1"}}}))
}

func (c *Cloud) demoServices(b *builder) {
	web := b.got(b.AddTargetGroup(TargetGroupSpec{Name: "web", Type: "ip", Port: 8080, DeregistrationWait: 30 * time.Second, Balancer: "prod"}))
	api := b.got(b.AddTargetGroup(TargetGroupSpec{Name: "api", Type: "instance", Port: 80, DeregistrationWait: 20 * time.Second, Balancer: "prod"}))
	for _, d := range []TaskDefinitionSpec{
		{Family: "web", Revision: 12, CPU: 512, Memory: 1024, NetworkMode: "awsvpc", Ports: []PortSpec{{ContainerPort: 8080}}},
		{Family: "api", Revision: 7, CPU: 512, Memory: 1024, Ports: []PortSpec{{ContainerPort: 9000}}},
		{Family: "payments", Revision: 31, CPU: 1024, Memory: 2048, Ports: []PortSpec{{ContainerPort: 7000, HostPort: 7000}}},
		{Family: "encoder", Revision: 4, CPU: 2048, Memory: 4096, StopTakes: 8 * time.Second},
		{Family: "worker", Revision: 9, CPU: 256, Memory: 512, StopTakes: 5 * time.Second},
		{Family: "log-agent", Revision: 2, CPU: 128, Memory: 256, NetworkMode: "host", HostVolume: "/var/log"},
		{Family: "nightly-report", Revision: 5, CPU: 1024, Memory: 4096, StopTakes: 10 * time.Second},
		{Family: "hello", Revision: 1, CPU: 128, Memory: 256},
		{Family: "site", Revision: 3, CPU: 256, Memory: 512, NetworkMode: "awsvpc"},
	} {
		b.got(b.AddTaskDefinition(d))
	}
	for _, s := range []ServiceSpec{
		{Name: "web", TaskDefinition: "web", Desired: 4, MinPercent: 100, MaxPercent: 200, Balancers: []BalancerSpec{{web, 8080}}, On: []string{DemoClean, DemoClean, DemoGroupA, DemoGroupB}},
		{Name: "api", TaskDefinition: "api", Desired: 5, MinPercent: 50, MaxPercent: 200, Balancers: []BalancerSpec{{api, 9000}}, On: []string{DemoClean, DemoBatch, DemoStuck, DemoGroupB, DemoGhost}},
		{Name: "payments", TaskDefinition: "payments", Desired: 1, MinPercent: 100, MaxPercent: 100, ExecEnabled: true, On: []string{DemoStuck}},
		{Name: "encoder", TaskDefinition: "encoder", Desired: 2, MinPercent: 100, MaxPercent: 200, On: []string{DemoProtected, DemoGroupB}},
		{Name: "worker", TaskDefinition: "worker", Desired: 2, MinPercent: 0, MaxPercent: 200, On: []string{DemoBatch, DemoDisconnected}},
		{Name: "log-agent", TaskDefinition: "log-agent", Desired: 5, MinPercent: 0, MaxPercent: 100, Daemon: true, Constraints: []string{"attribute:logs exists"},
			On: []string{DemoBatch, DemoStuck, DemoProtected, DemoGroupA, DemoGroupB}},
	} {
		s.Cluster = DemoCluster
		b.got(b.AddService(s))
	}
	b.got(b.RunTask(TaskSpec{Cluster: DemoCluster, TaskDefinition: "nightly-report", On: DemoBatch, StartedBy: "events-rule/nightly-report", ID: DemoBatchTask}))
	b.got(b.AddService(ServiceSpec{Cluster: DemoStagingCluster, Name: "hello", TaskDefinition: "hello", Desired: 1, MinPercent: 100, MaxPercent: 200, On: []string{DemoLast}}))
	b.got(b.AddService(ServiceSpec{Cluster: DemoServerlessCluster, Name: "site", TaskDefinition: "site", Desired: 2, MinPercent: 100, MaxPercent: 200, Fargate: true, On: []string{"", ""}}))
	for _, t := range c.State().TasksOn(DemoProtected) {
		if t.Service == "encoder" {
			b.err = errors.Join(b.err, c.ProtectTask(t.ARN, 48*time.Hour))
		}
	}
}

// Big builds a cluster "big" of n instances and s replica services (desired 4, 100/200, every other one behind a target
// group) in the demo's account and Region, for benchmarks. The first instance's EC2 id is BigInstance(0).
func (c *Cloud) Big(n, s int) error {
	b := &builder{Region: c.Region(DemoAccount, DemoRegion)}
	b.got(b.AddCluster(ClusterSpec{Name: "big"}))
	for i := range n {
		b.got(b.AddInstance(InstanceSpec{Cluster: "big", EC2ID: BigInstance(i), AZ: DemoRegion + string("abc"[i%3]), Type: "m6i.16xlarge", CPU: 65536, Memory: 253952, Age: 24 * time.Hour}))
	}
	for i := range s {
		name := fmt.Sprintf("service-%03d", i)
		b.got(b.AddTaskDefinition(TaskDefinitionSpec{Family: name, CPU: 256, Memory: 512, Ports: []PortSpec{{ContainerPort: 8080}}}))
		spec := ServiceSpec{Cluster: "big", Name: name, TaskDefinition: name, Desired: 4, MinPercent: 100, MaxPercent: 200}
		if i%2 == 0 {
			tg := b.got(b.AddTargetGroup(TargetGroupSpec{Name: name, Type: "instance", Port: 80, DeregistrationWait: 30 * time.Second, Balancer: "big"}))
			spec.Balancers = []BalancerSpec{{tg, 8080}}
		}
		// Every other service has a task on the first instance, so that it holds about s/2 tasks.
		for k := range 4 {
			at := (i + k*max(n/4, 1)) % n
			if k == 0 && i%2 == 0 {
				at = 0
			}
			spec.On = append(spec.On, BigInstance(at))
		}
		b.got(b.AddService(spec))
	}
	if b.err != nil {
		return fmt.Errorf("building the big estate: %w", b.err)
	}
	return nil
}

// BigInstance is the EC2 id of the n-th instance of Big.
func BigInstance(n int) string { return fmt.Sprintf("i-0b16b16b16b%06x", n) }
