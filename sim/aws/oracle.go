package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Call is one request that the estate received, and what came of it. The log of calls is append-only.
type Call struct {
	Seq            int             `json:"seq"`
	Real           time.Time       `json:"real"`    // arrival
	Virtual        time.Time       `json:"virtual"` // when it was answered
	Account        string          `json:"account"`
	Region         string          `json:"region"`
	Service        string          `json:"service"`
	Action         string          `json:"action"`
	Params         json.RawMessage `json:"params,omitempty"`
	Caller         string          `json:"caller"` // ARN, with the session's name when a role was assumed
	SourceIdentity string          `json:"source_identity,omitempty"`
	Outcome        string          `json:"outcome"` // OK, an error code, ConnectionReset, Hung; " (response lost)" when the client never saw it
	RequestID      string          `json:"request_id"`
	Mutating       bool            `json:"mutating"`
	TookEffect     bool            `json:"took_effect"`
	InFlight       int             `json:"in_flight"` // calls under way at its arrival, itself included
	UserAgent      string          `json:"user_agent,omitempty"`
	Took           time.Duration   `json:"took_ns"` // real time
}

func (c *Cloud) record(r *request, outcome string) {
	c.mu.Lock()
	defer c.unlock()
	call := r.call
	call.Seq, call.Virtual, call.Outcome, call.TookEffect = len(c.calls)+1, c.now, outcome, r.effect
	call.Took = time.Since(call.Real)
	c.calls = append(c.calls, call)
	c.dirty = true
}

// Log returns a copy of the calls so far, in the order in which they were answered.
func (c *Cloud) Log() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// LogSince returns the calls after the one numbered seq.
func (c *Cloud) LogSince(seq int) []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls[min(max(seq, 0), len(c.calls)):])
}

// Change says that something changed; it carries no data: look with State or Log.
type Change struct {
	Seq   uint64    `json:"seq"`
	At    time.Time `json:"at"` // virtual
	Calls int       `json:"calls"`
}

// Subscribe calls f after every change, on the goroutine that made it; f must not block. The returned func ends it.
func (c *Cloud) Subscribe(f func(Change)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchSeq++
	id := c.watchSeq
	c.watchers[id] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers, id)
	}
}

// State is a snapshot of the whole estate, sorted by ARN or id.
type State struct {
	At        time.Time       `json:"at"` // virtual
	Pace      float64         `json:"pace"`
	Calls     int             `json:"calls"`
	Clusters  []ClusterState  `json:"clusters"`
	Instances []InstanceState `json:"instances"`
	Tasks     []TaskState     `json:"tasks"`
	Services  []ServiceState  `json:"services"`
	Hosts     []HostState     `json:"hosts"`
	Forgotten []string        `json:"forgotten,omitempty"` // EC2 ids terminated so long ago that EC2 tells nothing of them any more
	Groups    []GroupState    `json:"groups"`
	Targets   []TargetState   `json:"targets"`

	TargetGroups []TargetGroupState `json:"target_groups"`
}

// ClusterState is a cluster.
type ClusterState struct {
	ARN  string `json:"arn"`
	Name string `json:"name"`
}

// InstanceState is a container instance.
type InstanceState struct {
	ARN       string `json:"arn"`
	Cluster   string `json:"cluster"` // ARN
	EC2ID     string `json:"ec2_id"`
	AZ        string `json:"az"`
	Status    string `json:"status"`
	Connected bool   `json:"connected"`
	Provider  string `json:"provider,omitempty"`
	Version   int    `json:"version"`
	Alive     int    `json:"alive"`          // tasks that are not STOPPED
	Type      string `json:"type"`           // of its EC2 instance, empty for an external one
	Name      string `json:"name,omitempty"` // its Name tag

	CPU        int `json:"cpu"`         // registered CPU units
	Memory     int `json:"memory"`      // registered MiB
	CPUUsed    int `json:"cpu_used"`    // held by tasks that are not STOPPED
	MemoryUsed int `json:"memory_used"` // likewise

	RegisteredAt time.Time `json:"registered_at"`
}

// TaskState is a task.
type TaskState struct {
	ARN        string `json:"arn"`
	Cluster    string `json:"cluster"` // ARN
	Instance   string `json:"instance,omitempty"`
	EC2ID      string `json:"ec2_id,omitempty"`
	Service    string `json:"service,omitempty"` // name
	Group      string `json:"group"`
	Definition string `json:"definition"`
	Desired    string `json:"desired"`
	Last       string `json:"last"`
	Reason     string `json:"reason,omitempty"`
	Protected  bool   `json:"protected,omitempty"`
	Orphan     bool   `json:"orphan,omitempty"` // ECS says STOPPED, the container runs on
	CPU        int    `json:"cpu"`              // units
	Memory     int    `json:"memory"`           // MiB
	Health     string `json:"health,omitempty"` // the worst state of its targets, empty without any
}

// ServiceState is a service.
type ServiceState struct {
	ARN     string   `json:"arn"`
	Name    string   `json:"name"`
	Cluster string   `json:"cluster"` // ARN
	Desired int      `json:"desired"`
	Running int      `json:"running"`
	Pending int      `json:"pending"`
	Healthy int      `json:"healthy"`
	Steady  bool     `json:"steady"`
	Events  []string `json:"events"` // newest first
	Min     int      `json:"min"`    // minimumHealthyPercent
	Max     int      `json:"max"`    // maximumPercent
	Daemon  bool     `json:"daemon,omitempty"`
}

// HostState is an EC2 instance, and the containers that run there whatever ECS says.
type HostState struct {
	EC2ID      string   `json:"ec2_id"`
	State      string   `json:"state"`
	AZ         string   `json:"az"`
	Type       string   `json:"type"`
	Group      string   `json:"group,omitempty"`
	Lifecycle  string   `json:"lifecycle,omitempty"`
	Name       string   `json:"name,omitempty"` // its Name tag
	Containers []string `json:"containers"`     // task ARNs
}

// GroupState is an Auto Scaling group.
type GroupState struct {
	Name    string   `json:"name"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Desired int      `json:"desired"`
	Members []string `json:"members"`
}

// TargetGroupState is a target group.
type TargetGroupState struct {
	ARN  string `json:"arn"`
	Name string `json:"name"`
}

// TargetState is a registered target.
type TargetState struct {
	Group string `json:"group"`
	ID    string `json:"id"`
	Port  int    `json:"port"`
	State string `json:"state"`
	Task  string `json:"task"`
}

// State returns a snapshot, settled to now.
func (c *Cloud) State() State {
	c.mu.Lock()
	defer c.unlock()
	c.settle()
	return c.snapshot()
}

func (c *Cloud) snapshot() State {
	s := State{At: c.now, Pace: c.clock.Pace(), Calls: len(c.calls)}
	keys := slices.SortedFunc(maps.Keys(c.live.cells), func(a, b cellKey) int {
		if a.account != b.account {
			return strings.Compare(a.account, b.account)
		}
		return strings.Compare(a.region, b.region)
	})
	for _, k := range keys {
		c.snapshotCell(&s, c.live.cells[k])
	}
	return s
}

func (c *Cloud) snapshotCell(s *State, cl *cell) {
	for _, x := range sorted(cl.clusters) {
		s.Clusters = append(s.Clusters, ClusterState{x.arn, x.name})
	}
	for _, i := range sorted(cl.instances) {
		s.Instances = append(s.Instances, cl.instanceState(i))
	}
	health := cl.targetHealth()
	containers := map[string][]string{}
	for _, t := range sorted(cl.tasks) {
		if mc := cl.machines[t.host]; mc != nil && mc.state == ec2Running && (t.orphan || slices.Contains([]string{taskActivating, taskRunning, taskDeactivating, taskStopping}, t.last)) {
			containers[t.host] = append(containers[t.host], t.arn)
		}
		s.Tasks = append(s.Tasks, c.taskState(cl, t, health[t.arn]))
	}
	for _, x := range sorted(cl.services) {
		s.Services = append(s.Services, c.serviceState(cl, x))
	}
	for _, mc := range sorted(cl.machines) {
		s.Hosts = append(s.Hosts, HostState{EC2ID: mc.id, State: mc.state, AZ: mc.az, Type: mc.kind, Group: mc.group, Lifecycle: mc.lifecycle,
			Name: nameOf(mc.tags), Containers: containers[mc.id]})
	}
	s.Forgotten = append(s.Forgotten, cl.forgotten...)
	for _, g := range sorted(cl.groups) {
		st := GroupState{Name: g.spec.Name, Min: g.spec.Min, Max: g.spec.Max, Desired: g.desired}
		for _, mc := range sorted(cl.machines) {
			if mc.group == g.spec.Name && mc.inGroup() {
				st.Members = append(st.Members, mc.id)
			}
		}
		s.Groups = append(s.Groups, st)
	}
	for _, g := range sorted(cl.targetGroups) {
		s.TargetGroups = append(s.TargetGroups, TargetGroupState{g.arn, g.spec.Name})
	}
	for k, t := range cl.targets {
		s.Targets = append(s.Targets, TargetState{k.group, k.id, k.port, t.state, t.task})
	}
	slices.SortFunc(s.Targets, func(a, b TargetState) int {
		return strings.Compare(fmt.Sprint(a.Group, a.ID, a.Port), fmt.Sprint(b.Group, b.ID, b.Port))
	})
}

func (cl *cell) instanceState(i *instance) InstanceState {
	st := InstanceState{ARN: i.arn, Cluster: i.cluster, EC2ID: i.ec2ID, AZ: i.az, Status: i.status, Connected: i.connected, Provider: i.provider,
		Version: i.version, RegisteredAt: i.registeredAt, Name: nameOf(i.tags), CPU: i.cpu, Memory: i.memory}
	if mc := cl.machines[i.ec2ID]; mc != nil {
		st.Type = mc.kind
	}
	for _, t := range cl.tasksOn(i.arn) {
		if t.alive() {
			st.Alive++
			st.CPUUsed += t.cpu
			st.MemoryUsed += t.memory
		}
	}
	return st
}

func (c *Cloud) taskState(cl *cell, t *task, health string) TaskState {
	st := TaskState{ARN: t.arn, Cluster: t.cluster, Instance: t.instance, Group: t.group, Definition: t.definition, Desired: t.desired, Last: t.last,
		Reason: t.reason, Protected: t.isProtected(c.now), Orphan: t.orphan, CPU: t.cpu, Memory: t.memory, Health: health}
	if t.service != "" {
		st.Service = lastPart(t.service)
	}
	if i := cl.instances[t.instance]; i != nil {
		st.EC2ID = i.ec2ID
	} else if t.orphan {
		st.EC2ID = t.host
	}
	return st
}

// targetHealth is the worst state of each task's targets, by task ARN.
func (cl *cell) targetHealth() map[string]string {
	badness := []string{"healthy", "initial", "draining", "unhealthy"}
	out := map[string]string{}
	for _, t := range cl.targets {
		if was, ok := out[t.task]; !ok || slices.Index(badness, t.state) > slices.Index(badness, was) {
			out[t.task] = t.state
		}
	}
	return out
}

func nameOf(tags []Tag) string {
	for _, t := range tags {
		if t.Key == "Name" {
			return t.Value
		}
	}
	return ""
}

func (c *Cloud) serviceState(cl *cell, x *service) ServiceState {
	st := ServiceState{ARN: x.arn, Name: x.name, Cluster: x.cluster, Desired: x.spec.Desired, Steady: x.steady,
		Min: x.spec.MinPercent, Max: x.spec.MaxPercent, Daemon: x.spec.Daemon}
	for _, t := range cl.tasksOf(x.arn) {
		if t.counted() {
			st.Running++
		} else if t.pending() {
			st.Pending++
		}
		if c.healthy(cl, t) {
			st.Healthy++
		}
	}
	for _, e := range x.events {
		st.Events = append(st.Events, e.text)
	}
	return st
}

// Instance returns the newest registration of the EC2 instance; an INACTIVE one only when there is no other.
func (s State) Instance(ec2ID string) (InstanceState, bool) {
	var found InstanceState
	ok := false
	for _, i := range s.Instances {
		if i.EC2ID != ec2ID {
			continue
		}
		live, was := i.Status != statusInactive, found.Status != statusInactive
		if !ok || (live && !was) || (live == was && i.RegisteredAt.After(found.RegisteredAt)) {
			found, ok = i, true
		}
	}
	return found, ok
}

// Service returns the service of that name in the cluster of that name.
func (s State) Service(clusterName, name string) (ServiceState, bool) {
	for _, x := range s.Services {
		if x.Name == name && lastPart(x.Cluster) == clusterName {
			return x, true
		}
	}
	return ServiceState{}, false
}

// Host returns the EC2 instance.
func (s State) Host(ec2ID string) (HostState, bool) {
	for _, h := range s.Hosts {
		if h.EC2ID == ec2ID {
			return h, true
		}
	}
	return HostState{}, false
}

// Task returns the task.
func (s State) Task(arn string) (TaskState, bool) {
	for _, t := range s.Tasks {
		if t.ARN == arn {
			return t, true
		}
	}
	return TaskState{}, false
}

// TasksOn returns the tasks on the EC2 instance that are not STOPPED.
func (s State) TasksOn(ec2ID string) []TaskState {
	var out []TaskState
	for _, t := range s.Tasks {
		if t.EC2ID == ec2ID && t.Last != taskStopped {
			out = append(out, t)
		}
	}
	return out
}

// Wait returns when ok accepts the state, looking after every change and jump of the clock; what names it in the error.
// It needs Start, which lets time pass.
func (c *Cloud) Wait(ctx context.Context, what string, ok func(State) bool) error {
	for {
		moved := c.clock.Changed()
		c.mu.Lock()
		c.settle()
		s, changed := c.snapshot(), c.changed
		c.unlock()
		if ok(s) {
			return nil
		}
		select {
		case <-changed:
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s (virtual time %s): %w", what, s.At.Format(time.TimeOnly), context.Cause(ctx))
		case <-c.base.Done():
			return fmt.Errorf("waiting until %s: the estate is closed", what)
		}
	}
}
