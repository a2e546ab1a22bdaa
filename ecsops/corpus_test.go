package ecsops_test

import (
	"fmt"
	"maps"
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
			{Instance: instance + "1", EC2: "i-1", Status: "ACTIVE", AgentConnected: true, AZ: "eu-west-1a"},
			{Instance: instance + "2", EC2: "i-2", Status: "ACTIVE", AgentConnected: true, AZ: "eu-west-1b"},
		}),
		Registrations:    ecsops.Known([]ecsops.Registration(nil)),
		Tasks:            ecsops.Known([]ecsops.Task(nil)),
		Protection:       ecsops.Known(map[string]time.Time{}),
		Services:         ecsops.Known(map[string]ecsops.Service{}),
		TaskDefinitions:  ecsops.Known(map[string]ecsops.TaskDefinition{}),
		TargetGroups:     ecsops.Known(map[string]ecsops.TargetGroup{}),
		EC2:              ecsops.Known(ecsops.EC2{State: "running", Type: "m6i.large", Tags: map[string]string{}, TerminationReadOK: true}),
		Group:            ecsops.Known(ecsops.Group{}),
		Hooks:            ecsops.Known([]ecsops.Hook(nil)),
		CapacityProvider: ecsops.Known(ecsops.CapacityProvider{}),
		Self:             ecsops.Known(ecsops.InstanceARN("")),
	}
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
				*m = put(*m, t.TaskDefinition, ecsops.TaskDefinition{ARN: t.TaskDefinition, NetworkMode: "bridge", StopTimeout: 30 * time.Second})
			}
		})
	})
}

// serve adds a service with one task here for each change, or one when there is none.
func serve(s *ecsops.Snapshot, name string, desired, minimum, maximum, here int, change ...func(*ecsops.Service)) {
	svc := ecsops.Service{Name: name, Scheduling: "REPLICA", Desired: desired, Running: desired, MinPercent: minimum, MaxPercent: maximum,
		TaskDefinition: definitionARN(name), Deployments: 1}
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
	})
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
	peers := rapid.IntRange(0, 2).Draw(t, "peers")
	with(&s.Peers, func(p *[]ecsops.Peer) { *p = (*p)[:peers] })
	if rapid.Bool().Draw(t, "duplicate") {
		s.Registrations = ecsops.Known([]ecsops.Registration{{Instance: instance + "9", Status: "ACTIVE"}})
	}
	return s
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
				v.ClassicLBs = rapid.SampledFrom([][]string{nil, nil, {"old"}}).Draw(t, "classic")
			})
		if rapid.Bool().Draw(t, "balanced") {
			healthy := rapid.IntRange(here, here+2).Draw(t, "healthy")
			balance(s, name, healthy, here, time.Duration(rapid.IntRange(0, 3600).Draw(t, "delay"))*time.Second)
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
		Purpose:   rapid.SampledFrom([]ecsops.Purpose{ecsops.Retire, ecsops.Retire, ecsops.Retire, ecsops.Move}).Draw(t, "purpose"),
		Force:     rapid.Bool().Draw(t, "force"),
		Terminate: rapid.SampledFrom([]ecsops.Termination{ecsops.KeepRunning, ecsops.Terminate, ecsops.Replace, ecsops.Shrink}).Draw(t, "terminate"),
		StopTasks: rapid.SampledFrom([][]string{nil, {taskARN(0)}, {taskARN(1), taskARN(2)}}).Draw(t, "stop"),
	}
}
