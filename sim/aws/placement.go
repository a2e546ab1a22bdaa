package aws

import (
	"maps"
	"slices"
	"strings"
)

// newTask creates a task on the host in its first state.
func (c *Cloud) newTask(cl *cell, clusterARN string, d *definition, host *instance) *task {
	id := c.hex(32)
	t := &task{
		id: id, arn: cl.key.arn("ecs", "task/"+lastPart(clusterARN)+"/"+id), cluster: clusterARN, definition: d.arn,
		desired: taskRunning, last: taskPending, createdAt: c.now, launch: "FARGATE", cpu: d.spec.CPU, memory: d.spec.Memory,
		group: "family:" + d.spec.Family, version: 1,
	}
	if host != nil {
		t.instance, t.host, t.az, t.launch, t.provider = host.arn, host.ec2ID, host.az, "EC2", host.provider
		if host.external {
			t.launch = "EXTERNAL"
		}
		t.hostPorts = c.ports(cl, d, host)
		host.version++
	}
	if d.spec.NetworkMode == "awsvpc" {
		t.last = taskProvisioning
	}
	cl.tasks[t.arn] = t
	c.touch()
	return t
}

// ports gives each container port its host port: the fixed one, or the next of the ephemeral range in bridge mode.
func (c *Cloud) ports(cl *cell, d *definition, host *instance) map[int]int {
	used := portsOf(cl.tasksOn(host.arn))
	out := map[int]int{}
	next := 32768
	for _, p := range d.spec.Ports {
		port := d.spec.hostPort(p)
		if port == 0 && d.spec.NetworkMode == "bridge" {
			for slices.Contains(used, next) {
				next++
			}
			port = next
			used = append(used, port)
		}
		if port != 0 {
			out[p.ContainerPort] = port
		}
	}
	return out
}

// hostPort is the host port that the mapping fixes, 0 for none.
func (d TaskDefinitionSpec) hostPort(p PortSpec) int {
	switch d.NetworkMode {
	case "host":
		return p.ContainerPort
	case "bridge":
		return p.HostPort
	}
	return 0
}

func portsOf(tasks []*task) []int {
	used := []int{22, 2375, 2376, 51678, 51679}
	for _, t := range tasks {
		if t.alive() {
			used = append(used, slices.Sorted(maps.Values(t.hostPorts))...)
		}
	}
	return used
}

// place chooses the host for one more task: spread over zones, then the one with the fewest tasks. With none it says
// why the closest one was not good enough, in the words of the service events.
func (c *Cloud) place(cl *cell, s *service, d *definition) (*instance, string) {
	why, closest := "Reason: No Container Instances were found in your cluster.", -1
	var best *instance
	var bestRank [2]int
	zones := map[string]int{}
	for _, t := range cl.tasksOf(s.arn) {
		if t.desired == taskRunning {
			zones[t.az]++
		}
	}
	for _, i := range sorted(cl.instances) {
		if i.cluster != s.cluster || i.status != statusActive {
			continue
		}
		met, reason := c.fits(cl, s, d, i)
		if reason != "" {
			if met > closest {
				closest, why = met, "The closest matching (container-instance "+i.id+") "+reason
			}
			continue
		}
		rank := [2]int{zones[i.az], len(cl.tasksOn(i.arn))}
		if best == nil || slices.Compare(rank[:], bestRank[:]) < 0 {
			best, bestRank = i, rank
		}
	}
	return best, why
}

// fits returns "" when the instance can take the task, else the reason and how many requirements came before it.
func (c *Cloud) fits(cl *cell, s *service, d *definition, i *instance) (int, string) {
	if len(s.spec.Strategy) > 0 && !slices.Contains(s.spec.Strategy, i.provider) {
		return 0, "does not belong to the capacity provider of the service."
	}
	for _, name := range d.spec.Requires {
		if _, ok := i.attributes[name]; !ok {
			return 1, "is missing an attribute required by your task."
		}
	}
	for _, expression := range slices.Concat(d.spec.Constraints, s.spec.Constraints) {
		if m, err := parseQuery(expression); err != nil || !m(cl.subject(i)) {
			return 2, "does not satisfy the placement constraints of your task."
		}
	}
	if s.spec.Distinct && slices.ContainsFunc(cl.tasksOn(i.arn), func(t *task) bool { return t.service == s.arn && t.desired == taskRunning }) {
		return 3, "already runs a task of the service (distinctInstance)."
	}
	return c.resources(cl, d, i)
}

func (c *Cloud) resources(cl *cell, d *definition, i *instance) (int, string) {
	if !i.connected {
		return 4, `encountered error "AGENT".`
	}
	tasks := cl.tasksOn(i.arn)
	cpu, memory, enis := cl.remaining(i, tasks)
	if memory < d.spec.Memory {
		return 5, "has insufficient memory available."
	}
	if cpu < d.spec.CPU {
		return 6, "has insufficient CPU units available."
	}
	used := portsOf(tasks)
	for _, p := range d.spec.Ports {
		if port := d.spec.hostPort(p); port != 0 && slices.Contains(used, port) {
			return 7, "is already using a port required by your task."
		}
	}
	if d.spec.NetworkMode == "awsvpc" && enis <= 0 {
		return 8, `encountered error "RESOURCE:ENI".`
	}
	return 9, ""
}

// remaining is what the instance has left: tasks hold theirs until they are STOPPED (aws/containers-roadmap#325).
func (cl *cell) remaining(i *instance, tasks []*task) (cpu, memory, enis int) {
	cpu, memory, enis = i.cpu, i.memory, enisOf(cl.machines[i.ec2ID])-1
	for _, t := range tasks {
		if !t.alive() {
			continue
		}
		cpu -= t.cpu
		memory -= t.memory
		if d := cl.definitions[t.definition]; d != nil && d.spec.NetworkMode == "awsvpc" {
			enis--
		}
	}
	return cpu, memory, enis
}

// enisOf is the number of network interfaces that the instance type takes.
func enisOf(m *machine) int {
	if m == nil {
		return 4
	}
	switch size := m.kind[strings.LastIndexByte(m.kind, '.')+1:]; size {
	case "nano", "micro", "small":
		return 2
	case "medium", "large":
		return 3
	case "4xlarge", "8xlarge", "12xlarge":
		return 8
	case "16xlarge", "24xlarge", "metal":
		return 15
	}
	return 4
}

func (cl *cell) subject(i *instance) subject {
	s := subject{instance: i}
	for _, t := range cl.tasksOn(i.arn) {
		if t.counted() {
			s.running++
		}
		if t.desired == taskRunning {
			s.groups = append(s.groups, t.group)
		}
	}
	return s
}
