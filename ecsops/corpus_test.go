package ecsops_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"ecsbot/ecsops"
)

const (
	account  = "123456789012"
	cluster  = ecsops.ClusterARN("arn:aws:ecs:eu-west-1:123456789012:cluster/prod")
	instance = ecsops.InstanceARN("arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/" + hexID)
)

func taskARN(n int) string {
	return fmt.Sprintf("arn:aws:ecs:eu-west-1:123456789012:task/prod/%032x", n)
}

func definitionARN(family string) string {
	return "arn:aws:ecs:eu-west-1:123456789012:task-definition/" + family + ":1"
}

// calm is a connected, ACTIVE, empty instance of a cluster with room, nothing unknown.
func calm() ecsops.Snapshot {
	at := start.Add(-48 * time.Hour)
	return ecsops.Snapshot{
		Target: ecsops.Target{Account: account, Region: "eu-west-1", Cluster: cluster, Instance: instance, EC2: ec2ID, RegisteredAt: at},
		ReadAt: start,
		Instance: ecsops.Known(ecsops.Instance{Status: "ACTIVE", AgentConnected: true, EC2: ec2ID, RegisteredAt: at, AZ: "eu-west-1a",
			Type: "m6i.large", CPU: 2048, Memory: 7764}),
		Cluster: ecsops.Known(ecsops.Cluster{ARN: cluster, Status: "ACTIVE", Instances: 3}),
		Peers: ecsops.Known([]ecsops.Peer{
			roomy("1", "eu-west-1a"), roomy("2", "eu-west-1b"),
		}),
		Registrations:    ecsops.Known([]ecsops.Registration(nil)),
		Elsewhere:        ecsops.Known(ecsops.Elsewhere{}),
		Spot:             ecsops.Known(ecsops.SpotRequest{}),
		Node:             ecsops.Known(ecsops.Node{}),
		Rehearsal:        ecsops.Known(ecsops.RehearsalAllowed),
		Storage:          ecsops.Known(ecsops.Storage{Asked: true}),
		Tasks:            ecsops.Known([]ecsops.Task(nil)),
		Protection:       ecsops.Known(map[string]time.Time{}),
		Services:         ecsops.Known(map[string]ecsops.Service{}),
		TaskDefinitions:  ecsops.Known(map[string]ecsops.TaskDefinition{}),
		TargetGroups:     ecsops.Known(map[string]ecsops.TargetGroup{}),
		EC2:              ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.large", Tags: map[string]string{}, TerminationReadOK: true}),
		Group:            ecsops.Known(ecsops.Group{}),
		Hooks:            ecsops.Known([]ecsops.Hook(nil)),
		CapacityProvider: ecsops.Known(ecsops.CapacityProvider{}),
		Daemons:          ecsops.Known(map[string]ecsops.DaemonOf{}),
		Self:             ecsops.Known(ecsops.InstanceARN("")),
		Others:           ecsops.Known([]ecsops.Service(nil)),
		Hosts:            ecsops.Known(map[string][]ecsops.InstanceARN{}),
		Interfaces:       ecsops.Known(map[ecsops.EC2ID]ecsops.Interfaces{"i-1": {Most: 4, Used: 1}, "i-2": {Most: 4, Used: 1}}),
		Stopping:         ecsops.Known(ecsops.Stopping{}),
		Providers:        ecsops.Known(map[string]ecsops.Provider{}),
		Lifecycles:       ecsops.Known(map[ecsops.EC2ID]string{}),
	}
}

// roomy is another instance of the cluster that has 2,048 CPU units and 7,000 MiB left.
func roomy(n, az string) ecsops.Peer {
	ports := []int{22, 2375, 2376, 51678, 51679}
	return ecsops.Peer{Instance: instance + ecsops.InstanceARN(n), EC2: ecsops.EC2ID("i-" + n), Status: "ACTIVE", AgentConnected: true, AZ: az,
		Free: ecsops.Resources{CPU: 2048, Memory: 7000, TCP: ports}, Registered: ecsops.Resources{CPU: 2048, Memory: 7764, TCP: ports}, Subnet: "subnet-" + az[len(az)-1:]}
}

// another is a later registration of the same machine.
func another(name, n string, connected bool) ecsops.Registration {
	return ecsops.Registration{Cluster: ecsops.MakeClusterARN(account, "eu-west-1", name), Instance: instance + ecsops.InstanceARN(n), Status: "ACTIVE",
		AgentConnected: connected, RegisteredAt: start.Add(-time.Hour)}
}

// peer changes the n-th other instance.
func peer(s *ecsops.Snapshot, n int, change func(*ecsops.Peer)) {
	with(&s.Peers, func(ps *[]ecsops.Peer) { *ps = slices.Clone(*ps); change(&(*ps)[n]) })
}

// define changes the task definition of a service.
func define(s *ecsops.Snapshot, service string, change func(*ecsops.TaskDefinition)) {
	with(&s.TaskDefinitions, func(m *map[string]ecsops.TaskDefinition) {
		d := (*m)[definitionARN(service)]
		change(&d)
		*m = put(*m, definitionARN(service), d)
	})
}

// with changes the value of a known fact; it must not write into shared maps.
func with[T any](f *ecsops.Fact[T], change func(*T)) {
	v, _ := f.Get()
	change(&v)
	*f = ecsops.Known(v)
}

func put[V any](m map[string]V, k string, v V) map[string]V {
	m = maps.Clone(m)
	m[k] = v
	return m
}

// run adds a RUNNING task of a service (or a standalone one for "") and its definition.
func run(s *ecsops.Snapshot, service string, change ...func(*ecsops.Task)) {
	with(&s.Tasks, func(ts *[]ecsops.Task) {
		t := ecsops.Task{ARN: taskARN(len(*ts)), Class: ecsops.Standalone, Group: "family:job", StartedBy: "someone",
			TaskDefinition: definitionARN("job"), LastStatus: "RUNNING", DesiredStatus: "RUNNING"}
		if service != "" {
			t.Class, t.Service, t.Group, t.StartedBy, t.TaskDefinition = ecsops.Replica, service, "service:"+service, "ecs-svc/1", definitionARN(service)
		}
		for _, c := range change {
			c(&t)
		}
		*ts = append((*ts)[:len(*ts):len(*ts)], t)
		with(&s.TaskDefinitions, func(m *map[string]ecsops.TaskDefinition) {
			if _, ok := (*m)[t.TaskDefinition]; !ok {
				*m = put(*m, t.TaskDefinition, ecsops.TaskDefinition{ARN: t.TaskDefinition, NetworkMode: "bridge", StopTimeout: 30 * time.Second, CPU: 256, Memory: 512})
			}
		})
	})
}

// serve adds a service with one task here for each change, or one when there is none.
func serve(s *ecsops.Snapshot, name string, desired, minimum, maximum, here int, change ...func(*ecsops.Service)) {
	svc := ecsops.Service{Name: name, Scheduling: "REPLICA", Desired: desired, Running: desired, MinPercent: minimum, MaxPercent: maximum,
		TaskDefinition: definitionARN(name), Deployments: 1, LaunchType: "EC2"}
	for _, c := range change {
		c(&svc)
	}
	with(&s.Services, func(m *map[string]ecsops.Service) { *m = put(*m, name, svc) })
	for range here {
		run(s, name, func(t *ecsops.Task) {
			if svc.Scheduling == "DAEMON" {
				t.Class = ecsops.Daemon
			}
		})
	}
}

// balance puts a service behind a target group that has so many healthy targets, so many of them here.
func balance(s *ecsops.Snapshot, service string, healthy, here int, delay time.Duration) {
	arn := "arn:tg/" + service
	with(&s.Services, func(m *map[string]ecsops.Service) {
		svc := (*m)[service]
		svc.TargetGroups = []string{arn}
		*m = put(*m, service, svc)
	})
	g := ecsops.TargetGroup{ARN: arn, Name: service, TargetType: "instance", Deregister: delay, Healthy: healthy, HealthyAfter: healthy - here}
	for n := range here {
		g.Here = append(g.Here, fmt.Sprintf("%s:%d", ec2ID, 32768+n))
	}
	with(&s.TargetGroups, func(m *map[string]ecsops.TargetGroup) { *m = put(*m, arn, g) })
}

// old makes the service's load balancer a Classic one.
func old(s *ecsops.Snapshot, service string) {
	with(&s.Services, func(m *map[string]ecsops.Service) {
		svc := (*m)[service]
		svc.ClassicLBs = []string{service}
		*m = put(*m, service, svc)
	})
	with(&s.TargetGroups, func(m *map[string]ecsops.TargetGroup) {
		g := (*m)["arn:tg/"+service]
		g.TargetType = "classic"
		*m = put(*m, "arn:tg/"+service, g)
	})
}

// busy has something of everything that a healthy instance may have.
func busy() ecsops.Snapshot {
	s := calm()
	serve(&s, "web", 4, 100, 200, 2)
	balance(&s, "web", 4, 2, 5*time.Minute)
	serve(&s, "pay", 1, 100, 100, 1)
	serve(&s, "logs", 3, 0, 100, 1, func(v *ecsops.Service) { v.Scheduling = "DAEMON" })
	run(&s, "", func(t *ecsops.Task) { t.StartedBy, t.Exec = "events-rule/nightly", true })
	run(&s, "web", func(t *ecsops.Task) { t.LastStatus, t.DesiredStatus = "DEACTIVATING", "STOPPED" })
	with(&s.Protection, func(m *map[string]time.Time) { *m = put(*m, taskARN(0), start.Add(time.Hour)) })
	owned(&s)
	return s
}

// Disks of a machine: one that goes with it, and one that stays.
var (
	root = ecsops.Volume{ID: "vol-1", Device: "/dev/xvda", Root: true, End: ecsops.VolumeDeleted}
	kept = ecsops.Volume{ID: "vol-2", Device: "/dev/sdf", End: ecsops.VolumeStays}
)

func disks(vs ...ecsops.Volume) func(*ecsops.Snapshot) {
	return func(s *ecsops.Snapshot) { with(&s.EC2, func(e *ecsops.EC2) { e.Volumes = vs }) }
}

func owned(s *ecsops.Snapshot) {
	with(&s.Instance, func(i *ecsops.Instance) { i.CapacityProvider = "cp" })
	s.Group = ecsops.Known(ecsops.Group{Name: "asg", Lifecycle: "InService", Min: 1, Desired: 3, Max: 5, ManagedTag: true, Stack: "stack"})
	s.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{Name: "cp", Type: "EC2_AUTOSCALING", ManagedDraining: true})
}

// snapshots draws consistent snapshots: what one fact says, no other denies.
func snapshots(t *rapid.T) ecsops.Snapshot {
	s := calm()
	status := rapid.SampledFrom([]string{"ACTIVE", "ACTIVE", "DRAINING", "REGISTERING", "DEREGISTERING", "REGISTRATION_FAILED", "INACTIVE", ""}).Draw(t, "status")
	agent := rapid.Bool().Draw(t, "agent")
	with(&s.Instance, func(i *ecsops.Instance) { i.Status, i.Missing, i.AgentConnected = status, status == "", agent })
	state := rapid.SampledFrom([]string{"running", "running", "stopped", "stopping", "shutting-down", "terminated", "not-found", "pending"}).Draw(t, "ec2")
	with(&s.EC2, func(e *ecsops.EC2) {
		e.State, e.Spot = state, rapid.Bool().Draw(t, "spot")
		e.DisableTerminate, e.InstanceStore = rapid.Bool().Draw(t, "protected"), rapid.Bool().Draw(t, "store")
		e.Volumes = rapid.SampledFrom([][]ecsops.Volume{nil, {root}, {root, kept}, {root, {ID: "vol-3"}}}).Draw(t, "volumes")
	})
	s.Rehearsal = ecsops.Known(rapid.SampledFrom([]ecsops.Rehearsal{ecsops.RehearsalAllowed, ecsops.RehearsalAllowed, ecsops.RehearsalDenied, ecsops.RehearsalRefused}).Draw(t, "rehearsal"))
	if e, _ := s.EC2.Get(); e.Spot {
		s.Spot = ecsops.Known(ecsops.SpotRequest{Code: rapid.SampledFrom([]string{"fulfilled", "marked-for-termination", "marked-for-stop", "instance-terminated-no-capacity"}).Draw(t, "spot code"),
			Updated: start.Add(-time.Minute), Stops: rapid.Bool().Draw(t, "spot stops")})
	}
	switch rapid.IntRange(0, 5).Draw(t, "owner") {
	case 0, 1:
		owned(&s)
		with(&s.Group, func(g *ecsops.Group) {
			g.Lifecycle = rapid.SampledFrom([]string{"InService", "Terminating:Wait", "Standby", "Warmed:Stopped"}).Draw(t, "lifecycle")
			g.Desired = rapid.IntRange(1, 3).Draw(t, "desired")
		})
		with(&s.CapacityProvider, func(p *ecsops.CapacityProvider) { p.ManagedDraining = rapid.Bool().Draw(t, "managed draining") })
	case 2:
		with(&s.Instance, func(i *ecsops.Instance) { i.CapacityProvider = "mi" })
		s.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{Name: "mi", Type: "MANAGED_INSTANCES"})
		with(&s.EC2, func(e *ecsops.EC2) { e.ManagedBy = "ecs.amazonaws.com" })
	}
	if rapid.IntRange(0, 9).Draw(t, "external") == 0 {
		s.Target.EC2 = "mi-0123456789abcdef0"
	}
	if rapid.IntRange(0, 9).Draw(t, "self") == 0 {
		s.Self = ecsops.Known(instance)
	}
	drawTasks(t, &s)
	drawRoom(t, &s)
	peers := rapid.IntRange(0, 2).Draw(t, "peers")
	with(&s.Peers, func(p *[]ecsops.Peer) { *p = (*p)[:peers] })
	if rapid.Bool().Draw(t, "duplicate") {
		s.Registrations = ecsops.Known([]ecsops.Registration{another("prod", "9", rapid.Bool().Draw(t, "in use"))})
	}
	if rapid.IntRange(0, 3).Draw(t, "elsewhere") == 0 {
		s.Elsewhere = ecsops.Known(ecsops.Elsewhere{Searched: 1, Found: []ecsops.Registration{another("staging", "8", rapid.Bool().Draw(t, "in use"))}})
	}
	return s
}

// drawRoom makes room scarce here and there, in every way that the simulation knows.
func drawRoom(t *rapid.T, s *ecsops.Snapshot) {
	services, _ := s.Services.Get()
	for n := range 2 {
		peer(s, n, func(p *ecsops.Peer) {
			p.Free.CPU = rapid.SampledFrom([]int{0, 256, 600, 2048}).Draw(t, "cpu left")
			p.Free.Memory = rapid.SampledFrom([]int{0, 512, 1500, 7000}).Draw(t, "memory left")
			p.CapacityProvider = rapid.SampledFrom([]string{"", "cp"}).Draw(t, "provider")
			p.Lacks = rapid.SampledFrom([][]string{nil, nil, {"gpu"}}).Draw(t, "lacks")
			p.Trunk = rapid.IntRange(0, 5).Draw(t, "trunk") == 0
		})
	}
	on := map[string][]ecsops.InstanceARN{}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		v := services[name]
		v.Placement = rapid.SampledFrom([][]string{nil, nil, {"distinctInstance"}, {"attribute:stack == a"}, {"task:group == service:x"}}).Draw(t, "placement")
		if slices.Contains(v.Placement, "distinctInstance") {
			on[name] = rapid.SampledFrom([][]ecsops.InstanceARN{nil, {instance + "1"}}).Draw(t, "hosts")
		}
		define(s, name, func(d *ecsops.TaskDefinition) {
			d.NetworkMode = rapid.SampledFrom([]string{"bridge", "bridge", "awsvpc"}).Draw(t, "network")
			d.TCP = rapid.SampledFrom([][]int{nil, nil, {80}, {40000}}).Draw(t, "ports")
			d.Requires = rapid.SampledFrom([][]ecsops.Attribute{nil, {{Name: "gpu"}}}).Draw(t, "requires")
			if d.NetworkMode == "awsvpc" {
				v.Subnets, d.TCP = []string{"subnet-a", "subnet-b"}, nil
			}
		})
		with(&s.Services, func(m *map[string]ecsops.Service) { *m = put(*m, name, v) })
	}
	s.Hosts = ecsops.Known(on)
	used := rapid.IntRange(1, 4).Draw(t, "interfaces")
	s.Interfaces = ecsops.Known(map[ecsops.EC2ID]ecsops.Interfaces{"i-1": {Most: 4, Used: used}, "i-2": {Most: 4, Used: 4}})
	s.Lifecycles = ecsops.Known(rapid.SampledFrom([]map[ecsops.EC2ID]string{nil, {"i-1": "InService"}, {"i-1": "Terminating:Wait"}}).Draw(t, "lifecycles"))
	s.Stopping = ecsops.Known(rapid.SampledFrom([]ecsops.Stopping{{}, {More: true},
		{Freed: map[ecsops.InstanceARN]ecsops.Freed{instance + "1": {Any: true, CPU: 2048, Memory: 7000}}}}).Draw(t, "stopping"))
	s.Others = ecsops.Known(rapid.SampledFrom([][]ecsops.Service{nil, {{Name: "other", Desired: 3, Running: 1, TaskDefinition: definitionARN("job"), LaunchType: "EC2", Deployments: 1}},
		{{Name: "other", Desired: 1, Running: 3, TaskDefinition: definitionARN("job"), LaunchType: "EC2", Deployments: 1}}}).Draw(t, "others"))
	s.Providers = ecsops.Known(map[string]ecsops.Provider{"cp": {
		CapacityProvider: ecsops.CapacityProvider{Name: "cp", ManagedScaling: rapid.Bool().Draw(t, "managed scaling"), GroupName: "asg"},
		Group:            ecsops.Group{Name: "asg", Min: 0, Desired: 2, Max: rapid.IntRange(2, 6).Draw(t, "max")}}})
}

func drawTasks(t *rapid.T, s *ecsops.Snapshot) {
	for n := range rapid.IntRange(0, 3).Draw(t, "services") {
		name := fmt.Sprintf("svc%d", n)
		desired := rapid.IntRange(0, 4).Draw(t, "desired")
		here := rapid.IntRange(0, 2).Draw(t, "here")
		serve(s, name, desired, rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "min"), rapid.SampledFrom([]int{100, 150, 200}).Draw(t, "max"), here,
			func(v *ecsops.Service) {
				v.Scheduling = rapid.SampledFrom([]string{"REPLICA", "REPLICA", "DAEMON"}).Draw(t, "scheduling")
				v.Running = rapid.IntRange(here, desired+here).Draw(t, "running")
				v.Deployments = rapid.IntRange(1, 2).Draw(t, "deployments")
				v.CapacityProviders = rapid.SampledFrom([][]string{nil, {"cp"}}).Draw(t, "strategy")
				for _, p := range v.CapacityProviders {
					v.LaunchType, v.Strategy = "", append(v.Strategy, ecsops.ProviderShare{Provider: p, Weight: 1})
				}
			})
		if rapid.Bool().Draw(t, "balanced") {
			healthy := rapid.IntRange(here, here+2).Draw(t, "healthy")
			balance(s, name, healthy, here, time.Duration(rapid.IntRange(0, 3600).Draw(t, "delay"))*time.Second)
			if rapid.IntRange(0, 3).Draw(t, "classic") == 0 {
				old(s, name)
			}
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "standalone") {
		run(s, "", func(task *ecsops.Task) {
			task.LastStatus = rapid.SampledFrom([]string{"RUNNING", "PENDING", "STOPPING", "STOPPED"}).Draw(t, "last")
			task.DesiredStatus = "RUNNING"
			if task.LastStatus[:4] == "STOP" {
				task.DesiredStatus = "STOPPED"
			}
		})
	}
	tasks, _ := s.Tasks.Get()
	for _, task := range tasks {
		if task.Class != ecsops.Standalone && rapid.IntRange(0, 4).Draw(t, "protect") == 0 {
			with(&s.Protection, func(m *map[string]time.Time) { *m = put(*m, task.ARN, start.Add(time.Hour)) })
		}
	}
}

func intents(t *rapid.T) ecsops.Intent {
	return ecsops.Intent{
		Purpose:   rapid.SampledFrom([]ecsops.Purpose{ecsops.Retire, ecsops.Retire, ecsops.Retire, ecsops.Move, ecsops.Reuse, ecsops.CleanGhost}).Draw(t, "purpose"),
		Force:     rapid.Bool().Draw(t, "force"),
		Terminate: rapid.SampledFrom([]ecsops.Termination{ecsops.KeepRunning, ecsops.Terminate, ecsops.Replace, ecsops.Shrink}).Draw(t, "terminate"),
		StopTasks: rapid.SampledFrom([][]string{nil, {taskARN(0)}, {taskARN(1), taskARN(2)}}).Draw(t, "stop"),
	}
}
