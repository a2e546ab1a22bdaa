package page

import (
	"bytes"
	"strings"
	"time"

	simaws "ecsbot/sim/aws"
)

// tellAccount puts the estate into the feed if anything but the time changed.
func (r *run) tellAccount() {
	a := account(r.stage.AWS.State())
	at := a.At
	a.At = time.Time{}
	raw := encode(a)
	if bytes.Equal(raw, r.lastAccount) {
		return
	}
	r.lastAccount = raw
	a.At = at
	r.feed.put("account", a)
}

func last(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func account(st simaws.State) Account {
	a := Account{At: st.At, Clusters: []Cluster{}, Instances: []Instance{}, Hosts: []Host{}, Tasks: []Task{}, Services: []Service{},
		Groups: []Group{}, TargetGroups: []TargetGroup{}}
	for _, c := range st.Clusters {
		a.Clusters = append(a.Clusters, Cluster(c))
	}
	for _, i := range st.Instances {
		a.Instances = append(a.Instances, Instance{ARN: i.ARN, ID: last(i.ARN), EC2ID: i.EC2ID, Cluster: last(i.Cluster), AZ: i.AZ, Type: i.Type,
			Status: i.Status, Connected: i.Connected, Name: i.Name, Provider: i.Provider,
			CPU: Share{Total: i.CPU, Used: i.CPUUsed}, Memory: Share{Total: i.Memory, Used: i.MemoryUsed}})
	}
	for _, h := range st.Hosts {
		a.Hosts = append(a.Hosts, Host{EC2ID: h.EC2ID, State: h.State, AZ: h.AZ, Type: h.Type, Group: h.Group, Lifecycle: h.Lifecycle,
			Name: h.Name, Containers: notNil(h.Containers)})
	}
	for _, t := range st.Tasks {
		a.Tasks = append(a.Tasks, Task{ARN: t.ARN, ID: last(t.ARN), EC2ID: t.EC2ID, Instance: t.Instance, Service: t.Service,
			Cluster: last(t.Cluster), Family: last(t.Definition), Last: t.Last, Desired: t.Desired, Protected: t.Protected, Orphan: t.Orphan,
			Reason: t.Reason, CPU: t.CPU, Memory: t.Memory, Health: t.Health})
	}
	for _, s := range st.Services {
		a.Services = append(a.Services, Service{ARN: s.ARN, Name: s.Name, Cluster: last(s.Cluster), Desired: s.Desired, Running: s.Running,
			Pending: s.Pending, Healthy: s.Healthy, Min: s.Min, Max: s.Max, Daemon: s.Daemon, Steady: s.Steady, Events: notNil(s.Events)})
	}
	for _, g := range st.Groups {
		a.Groups = append(a.Groups, Group{Name: g.Name, Min: g.Min, Max: g.Max, Desired: g.Desired, Members: notNil(g.Members)})
	}
	for _, g := range st.TargetGroups {
		group := TargetGroup{ARN: g.ARN, Name: g.Name, Targets: []Target{}}
		for _, t := range st.Targets {
			if t.Group == g.ARN {
				group.Targets = append(group.Targets, Target{ID: t.ID, Port: t.Port, State: t.State, Task: t.Task})
			}
		}
		a.TargetGroups = append(a.TargetGroups, group)
	}
	return a
}

// notNil makes an empty list of none: JSON's null is not a list.
func notNil(in []string) []string {
	if in == nil {
		return []string{}
	}
	return in
}
