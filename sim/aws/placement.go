package aws

import (
	"slices"
	"strings"
)

// newTask creates a task on the host in its first state.
func (c *Cloud) newTask(cl *cell, clusterARN string, d *definition, host *instance) *task {
	id := c.hex(32)
	cpu, memory, gpus := d.spec.reserves()
	t := &task{
		id: id, arn: cl.key.arn("ecs", "task/"+lastPart(clusterARN)+"/"+id), cluster: clusterARN, definition: d.arn,
		desired: taskRunning, last: taskPending, createdAt: c.now, launch: "FARGATE", cpu: cpu, memory: memory, gpus: gpus,
		group: "family:" + d.spec.Family, version: 1,
	}
	if host != nil {
		t.instance, t.host, t.az, t.launch, t.provider = host.arn, host.ec2ID, host.az, "EC2", host.provider
		switch {
		case host.external:
			t.launch = "EXTERNAL"
		case cl.isManaged(host):
			t.launch = "MANAGED_INSTANCES"
		}
		t.ports = c.ports(cl, d, host)
		host.version++
	}
	if d.spec.NetworkMode == "awsvpc" {
		t.last = taskProvisioning
	}
	cl.putTask(t)
	c.touch()
	return t
}

// reservedPorts are those that the agent keeps for itself and for SSH and Docker.
var reservedPorts = []int{22, 2375, 2376, 51678, 51679}

// ports gives each container port its host port: the fixed one, or the next of the ephemeral range in bridge mode.
func (c *Cloud) ports(cl *cell, d *definition, host *instance) []portUse {
	tcp, udp := portsOf(cl.tasksOn(host.arn))
	next := map[bool]int{false: 32768, true: 32768}
	var out []portUse
	for _, p := range d.spec.Ports {
		port, used := d.spec.hostPort(p), tcp
		if p.UDP {
			used = udp
		}
		if port == 0 && d.spec.NetworkMode == "bridge" {
			for slices.Contains(used, next[p.UDP]) {
				next[p.UDP]++
			}
			port = next[p.UDP]
			next[p.UDP]++
		}
		if port != 0 {
			out = append(out, portUse{p.ContainerPort, port, p.UDP})
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

// hostPort is where the task's TCP container port can be reached on its host, 0 when it cannot.
func (t *task) hostPort(container int) int {
	for _, u := range t.ports {
		if u.container == container && !u.udp {
			return u.host
		}
	}
	return 0
}

// portsOf are the ports that are taken where these tasks are.
func portsOf(tasks []*task) (tcp, udp []int) {
	tcp = slices.Clone(reservedPorts)
	for _, t := range tasks {
		if !t.alive() {
			continue
		}
		for _, u := range t.ports {
			if u.udp {
				udp = append(udp, u.host)
			} else {
				tcp = append(tcp, u.host)
			}
		}
	}
	return tcp, udp
}

// place chooses the host for one more task. With none it says why the closest one was not good enough, in the words of
// the service events.
func (c *Cloud) place(cl *cell, s *service, d *definition) (*instance, string) {
	why, closest := "Reason: No Container Instances were found in your cluster.", -1
	provider := cl.nextProvider(s)
	var able []*instance
	for _, i := range sorted(cl.instances) {
		if i.cluster != s.cluster || i.status != statusActive {
			continue
		}
		met, reason := c.fits(cl, s, d, i)
		if provider != "" && i.provider != provider {
			met, reason = 0, "does not belong to the capacity provider of the service."
		}
		if reason == "" {
			able = append(able, i)
		} else if met > closest {
			closest, why = met, "The closest matching (container-instance "+i.id+") "+reason
		}
	}
	if len(able) == 0 {
		return nil, why
	}
	return c.choose(cl, s, able), ""
}

// nextProvider is the capacity provider that the service's next task is for: the one with the fewest of its tasks, as
// all weigh the same here. A task that does not fit there is not placed by another provider.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-capacity-providers.html
func (cl *cell) nextProvider(s *service) string {
	count := map[string]int{}
	for _, t := range cl.tasksOf(s.arn) {
		if t.desired == taskRunning {
			count[t.provider]++
		}
	}
	best := ""
	for _, name := range s.spec.Strategy {
		if best == "" || count[name] < count[best] {
			best = name
		}
	}
	return best
}

// choose goes through the service's strategy step by step; each keeps the hosts that it likes best. Of those that are
// left it takes the first. Without a strategy a service is spread over zones.
func (c *Cloud) choose(cl *cell, s *service, able []*instance) *instance {
	steps := s.spec.Placement
	if len(steps) == 0 {
		steps = []PlacementSpec{{"spread", "attribute:ecs.availability-zone"}, {"fewest", ""}}
	}
	for _, step := range steps {
		if step.Type == "random" {
			able = []*instance{able[c.rng.IntN(len(able))]}
			continue
		}
		rank := func(i *instance) int { return cl.rank(s, step, i) }
		least := rank(able[0])
		for _, i := range able {
			least = min(least, rank(i))
		}
		able = slices.DeleteFunc(slices.Clone(able), func(i *instance) bool { return rank(i) > least })
	}
	return able[0]
}

// rank orders hosts for one step of a strategy, the best lowest.
func (cl *cell) rank(s *service, step PlacementSpec, i *instance) int {
	tasks := cl.tasksOn(i.arn)
	left := cl.remaining(i, tasks)
	switch {
	case step.Type == "fewest":
		return len(tasks)
	case step.Type == "binpack" && step.Field == "cpu":
		return left.cpu
	case step.Type == "binpack":
		return left.memory
	}
	n := 0
	for _, t := range cl.tasksOf(s.arn) {
		o := cl.instances[t.instance]
		if t.desired == taskRunning && o != nil && spreadValue(o, step.Field) == spreadValue(i, step.Field) {
			n++
		}
	}
	return n
}

func spreadValue(i *instance, field string) string {
	name, ok := strings.CutPrefix(field, "attribute:")
	switch {
	case !ok:
		return i.id
	case name == "ecs.availability-zone":
		return i.az
	}
	return i.attributes[name]
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
		if m, err := c.query(expression); err != nil || !m(cl.subject(i)) {
			return 2, "does not satisfy the placement constraints of your task."
		}
	}
	// The interface of an awsvpc task is made in one of the service's subnets, which must be in the instance's zone.
	if d.spec.NetworkMode == "awsvpc" && len(s.spec.Zones) > 0 && !slices.Contains(s.spec.Zones, i.az) {
		return 2, "is not in an Availability Zone of the subnets of your task."
	}
	if s.spec.Distinct && slices.ContainsFunc(cl.tasksOn(i.arn), func(t *task) bool { return t.service == s.arn && t.desired == taskRunning }) {
		return 3, "already runs a task of the service (distinctInstance)."
	}
	return c.resources(cl, d, i)
}

// query is parseQuery, for expressions that are asked again and again.
func (c *Cloud) query(text string) (matcher, error) {
	if m := c.queries[text]; m != nil {
		return m, nil
	}
	m, err := parseQuery(text)
	if err == nil {
		c.queries[text] = m
	}
	return m, err
}

func (c *Cloud) resources(cl *cell, d *definition, i *instance) (int, string) {
	if !i.connected {
		return 4, `encountered error "AGENT".`
	}
	cpu, memory, gpus := d.spec.reserves()
	left := cl.remaining(i, cl.tasksOn(i.arn))
	if left.memory < memory {
		return 5, "has insufficient memory available."
	}
	if left.cpu < cpu {
		return 6, "has insufficient CPU units available."
	}
	if gpus > 0 && left.gpus < gpus {
		return 6, `encountered error "RESOURCE:GPU".`
	}
	for _, p := range d.spec.Ports {
		used := left.tcp
		if p.UDP {
			used = left.udp
		}
		if port := d.spec.hostPort(p); port != 0 && slices.Contains(used, port) {
			return 7, "is already using a port required by your task."
		}
	}
	if d.spec.NetworkMode == "awsvpc" && left.enis <= 0 {
		return 8, `encountered error "RESOURCE:ENI".`
	}
	return 9, ""
}

// spare is what an instance has left; of ports those that are taken.
type spare struct {
	cpu, memory, gpus, enis int
	tcp, udp                []int
}

// remaining is what the instance has left: tasks hold theirs until they are STOPPED (aws/containers-roadmap#325).
func (cl *cell) remaining(i *instance, tasks []*task) spare {
	left := spare{cpu: i.cpu, memory: i.memory, gpus: i.gpus, enis: taskENIs(i, cl.machines[i.ec2ID])}
	for _, t := range tasks {
		if !t.alive() {
			continue
		}
		left.cpu, left.memory, left.gpus = left.cpu-t.cpu, left.memory-t.memory, left.gpus-t.gpus
		if d := cl.definitions[t.definition]; d != nil && d.spec.NetworkMode == "awsvpc" {
			left.enis--
		}
	}
	left.tcp, left.udp = portsOf(tasks)
	return left
}

// taskENIs is how many awsvpc tasks the instance takes: one for each network interface but the first, or, with ENI
// trunking, what AWS lists for the size of its type.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/eni-trunking-supported-instance-types.html
func taskENIs(i *instance, m *machine) int {
	if _, trunk := i.attributes["ecs.awsvpc-trunk-id"]; !trunk || m == nil {
		return enisOf(m) - 1
	}
	switch m.kind[strings.LastIndexByte(m.kind, '.')+1:] {
	case "large":
		return 10
	case "xlarge":
		return 20
	case "2xlarge":
		return 40
	}
	return 60
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
