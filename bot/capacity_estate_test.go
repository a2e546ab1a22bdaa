package bot_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	simaws "ecsbot/sim/aws"
)

const roomTarget = "i-0a1b2c3d4e5f90000"

func roomHost(n int) string { return fmt.Sprintf("i-0a1b2c3d4e5f9%04d", n) }

// roomEstate draws a cluster whose first instance is to leave: hosts of several sizes,
// zones and providers, services that may or may not find room for their copies, and what
// gets in their way.
type roomEstate struct {
	*rand.Rand
	r       *simaws.Region
	region  string
	cluster string // of this estate alone, as everything with a name: one Fleet sees them all
	hosts   int    // beside the target
	zones   []string
	ids     []string
	specs   []simaws.InstanceSpec
	named   []simaws.ServiceSpec
	defined []simaws.TaskDefinitionSpec
	stop    []string // standalone tasks that are to be stopping when the plan is made
	drained []string // other hosts that are draining
	err     error
}

func (e *roomEstate) one(of ...int) int      { return of[e.IntN(len(of))] }
func (e *roomEstate) chance(n int) bool      { return e.IntN(n) == 0 }
func (e *roomEstate) zone() string           { return e.zones[e.IntN(len(e.zones))] }
func (e *roomEstate) took(_ string, x error) { e.err = firstOf(e.err, x) }

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// draw builds the estate.
func (e *roomEstate) draw() error {
	e.hosts, e.zones = 1+e.IntN(6), []string{e.region + "a", e.region + "b", e.region + "c"}[:1+e.IntN(3)]
	providers := e.IntN(3)
	spec := simaws.ClusterSpec{Name: e.cluster}
	for n := range providers {
		spec.Providers = append(spec.Providers, e.providerName(n))
	}
	e.took(e.r.AddCluster(spec))
	kinds := e.drawHosts(providers)
	for n := range providers {
		e.provider(n, kinds[n])
	}
	for _, spec := range e.specs {
		e.took(e.r.AddInstance(spec))
	}
	for n := range 1 + e.IntN(4) {
		e.service(n, providers, true)
	}
	for n := range e.IntN(3) {
		e.service(10+n, providers, false)
	}
	e.standalone()
	return e.err
}

func (e *roomEstate) providerName(n int) string { return fmt.Sprintf("%s-cp-%d", e.cluster, n) }

// provider makes a capacity provider with a group of as many machines as there are.
func (e *roomEstate) provider(n int, kind simaws.InstanceSpec) {
	group, desired := fmt.Sprintf("asg-%d", n), 0
	for _, spec := range e.specs {
		if spec.Provider == e.providerName(n) {
			desired++
		}
	}
	g := simaws.GroupSpec{Name: group, Min: 0, Desired: desired, Max: desired + e.one(0, 0, 1, 3), Cluster: e.cluster, Provider: e.providerName(n), InstanceType: kind.Type,
		Host: simaws.HostSpec{CPU: kind.CPU, Memory: kind.Memory, GPUs: kind.GPUs, Attributes: kind.Attributes},
		AZs:  e.zones, Tags: []simaws.Tag{{Key: "AmazonECSManaged", Value: "true"}}}
	e.took(e.r.AddGroup(g))
	e.took(e.r.AddProvider(simaws.ProviderSpec{Name: e.providerName(n), Group: group, ManagedScaling: e.chance(2), ManagedDraining: true}))
}

// kind draws what a machine is like.
func (e *roomEstate) kind() simaws.InstanceSpec {
	spec := simaws.InstanceSpec{Cluster: e.cluster, Type: []string{"m6i.large", "m6i.xlarge", "m6i.2xlarge"}[e.IntN(3)],
		CPU: e.one(1024, 2048, 4096), Memory: e.one(1900, 3800, 7700), GPUs: e.one(0, 0, 1, 2), Attributes: map[string]string{}, Age: 24 * time.Hour}
	if e.chance(2) {
		spec.Attributes["stack"] = []string{"blue", "green"}[e.IntN(2)]
	}
	if e.chance(12) {
		spec.Attributes["ecs.awsvpc-trunk-id"] = "eni-0a1b2c3d4e5f60000"
	}
	return spec
}

// drawHosts draws the machines; those of one provider are alike, as their group launched
// them. It returns what each provider's are like.
func (e *roomEstate) drawHosts(providers int) []simaws.InstanceSpec {
	var kinds []simaws.InstanceSpec
	for range providers {
		kinds = append(kinds, e.kind())
	}
	for n := range e.hosts + 1 {
		spec := e.kind()
		if providers > 0 && e.IntN(3) > 0 {
			p := e.IntN(providers)
			spec = kinds[p]
			spec.Provider, spec.Group = e.providerName(p), fmt.Sprintf("asg-%d", p)
		}
		spec.EC2ID, spec.AZ = roomHost(n), e.zone()
		spec.Disconnected = n > 0 && e.chance(15)
		if n > 0 && e.chance(30) {
			e.drained = append(e.drained, spec.EC2ID)
		}
		e.ids, e.specs = append(e.ids, spec.EC2ID), append(e.specs, spec)
	}
	return kinds
}

// size is a task's: of itself, or of its containers, the soft memory limit below the hard one.
func (e *roomEstate) size(d *simaws.TaskDefinitionSpec) {
	cpu, memory := e.one(64, 128, 256, 512, 1024), e.one(128, 256, 500, 900, 1800, 3600)
	if e.chance(3) {
		d.Containers = []simaws.ContainerSpec{{CPU: cpu / 2, Memory: 2 * memory, Reservation: memory / 2, GPUs: e.one(0, 0, 0, 1)}, {CPU: cpu / 2, Memory: memory / 2}}
		return
	}
	d.CPU, d.Memory = cpu, memory
}

func (e *roomEstate) definition(name string) simaws.TaskDefinitionSpec {
	d := simaws.TaskDefinitionSpec{Family: e.cluster + "-" + name, NetworkMode: []string{"bridge", "bridge", "host", "awsvpc"}[e.IntN(4)], StopTakes: time.Duration(1+e.IntN(8)) * time.Second}
	e.size(&d)
	if e.chance(3) {
		port := e.one(80, 443, 8080)
		d.Ports = append(d.Ports, simaws.PortSpec{ContainerPort: port, HostPort: port, UDP: e.chance(3)})
	}
	if e.chance(4) {
		d.Ports = append(d.Ports, simaws.PortSpec{ContainerPort: 9000, HostPort: 0})
	}
	if e.chance(8) {
		d.Requires = []string{"stack"}
	}
	if e.chance(10) {
		d.Constraints = []string{e.expression()}
	}
	e.took(e.r.AddTaskDefinition(d))
	e.defined = append(e.defined, d)
	return d
}

func (e *roomEstate) expression() string {
	return []string{"attribute:stack == blue", "attribute:stack exists", "attribute:stack != blue", "attribute:stack in [blue, green]", "attribute:ecs.instance-type =~ m6i.x.*",
		"not(attribute:stack == green)", "attribute:ecs.availability-zone == " + e.zone(), "attribute:stack == blue or attribute:ecs.instance-type == m6i.large",
		"task:group == service:svc-00", "runningTasksCount < 3"}[e.IntN(10)]
}

func (e *roomEstate) service(n, providers int, here bool) {
	name := fmt.Sprintf("svc-%02d", n)
	d := e.definition(name)
	s := simaws.ServiceSpec{Cluster: e.cluster, Name: name, TaskDefinition: d.Family, MinPercent: e.one(0, 50, 100, 100), MaxPercent: e.one(100, 150, 200, 200)}
	if e.chance(6) && here {
		s.Constraints = []string{e.expression()}
	}
	if providers > 0 && e.chance(2) {
		s.Strategy = []string{e.providerName(e.IntN(providers))}
		if providers == 2 && e.chance(3) {
			s.Strategy = []string{e.providerName(0), e.providerName(1)}
		}
	}
	if d.NetworkMode == "awsvpc" && e.chance(3) {
		s.Zones = []string{e.zone()}
	}
	s.Distinct = e.chance(6)
	s.Placement = e.strategy()
	if here {
		s.On = append(s.On, e.ids[0])
		for range e.one(0, 0, 1, 2) {
			if !s.Distinct {
				s.On = append(s.On, e.ids[0])
			}
		}
	}
	for range e.IntN(3) {
		if on := e.ids[1+e.IntN(e.hosts)]; !s.Distinct || !contains(s.On, on) {
			s.On = append(s.On, on)
		}
	}
	s.Desired = len(s.On)
	if e.chance(10) || !here && e.chance(3) {
		s.Desired += e.one(1, 2, 2, -1)
	}
	s.Desired = max(s.Desired, 0)
	e.named = append(e.named, s)
	e.took(e.r.AddService(s))
}

func contains(in []string, what string) bool {
	for _, s := range in {
		if s == what {
			return true
		}
	}
	return false
}

func (e *roomEstate) strategy() []simaws.PlacementSpec {
	return [][]simaws.PlacementSpec{nil, {{Type: "random"}}, {{Type: "binpack", Field: "memory"}}, {{Type: "binpack", Field: "cpu"}}, {{Type: "spread", Field: "instanceId"}},
		{{Type: "spread", Field: "attribute:ecs.availability-zone"}, {Type: "binpack", Field: "memory"}}}[e.IntN(6)]
}

// standalone fills hosts; some of it is stopping when the plan is made.
func (e *roomEstate) standalone() {
	for n := 1; n <= e.hosts; n++ {
		if !e.chance(2) {
			continue
		}
		family := fmt.Sprintf("%s-job-%d", e.cluster, n)
		d := simaws.TaskDefinitionSpec{Family: family, CPU: e.one(128, 512, 1024), Memory: e.one(500, 1500, 3000), StopTimeout: 2 * time.Minute, StopTakes: time.Minute}
		e.took(e.r.AddTaskDefinition(d))
		arn, err := e.r.RunTask(simaws.TaskSpec{Cluster: e.cluster, TaskDefinition: family, On: roomHost(n), StartedBy: "someone"})
		e.took("", err)
		if e.chance(6) {
			e.stop = append(e.stop, arn)
		}
	}
}
