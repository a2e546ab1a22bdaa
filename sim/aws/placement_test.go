package aws

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"ecsbot/sim/clock"
)

// placed builds three hosts (a: most memory, c: most CPU left), adds one service that wants so many tasks, and says how
// many each host got.
func placed(t *testing.T, want int, d TaskDefinitionSpec, s ServiceSpec) [3]int {
	t.Helper()
	time0 := clock.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)
	c, err := New(Config{Clock: time0, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{Region: c.Region(DemoAccount, DemoRegion)}
	b.got(b.AddCluster(ClusterSpec{Name: "x", Providers: []string{"p0", "p1"}}))
	for n := range 2 {
		b.got(b.AddGroup(GroupSpec{Name: "g" + strconv.Itoa(n), Max: 3, Desired: n + 1}))
		b.got(b.AddProvider(ProviderSpec{Name: "p" + strconv.Itoa(n), Group: "g" + strconv.Itoa(n)}))
	}
	for n, h := range []InstanceSpec{{CPU: 2000, Memory: 6000, GPUs: 1, Provider: "p0", Group: "g0"}, {CPU: 3000, Memory: 4000, Provider: "p1", Group: "g1"}, {CPU: 4000, Memory: 5000, Provider: "p1", Group: "g1"}} {
		h.Cluster, h.EC2ID, h.RegisterID, h.AZ, h.Type = "x", BigInstance(n), fmt.Sprintf("%032x", n), DemoRegion+string("abc"[n]), "m6i.xlarge"
		h.Attributes = map[string]string{"rack": string("xyy"[n])}
		b.got(b.AddInstance(h))
	}
	d.Family, s.Cluster, s.Name, s.TaskDefinition, s.Desired, s.MinPercent, s.MaxPercent = "f", "x", "s", "f", want, 100, 200
	b.got(b.AddTaskDefinition(d))
	b.got(b.AddService(s))
	if b.err != nil {
		t.Fatal(b.err)
	}
	time0.Advance(10 * time.Minute)
	var out [3]int
	for _, task := range c.State().Tasks {
		for n := range out {
			if task.EC2ID == BigInstance(n) && task.Last == taskRunning {
				out[n]++
			}
		}
	}
	return out
}

// TestPlacement: what AWS documents of placement, one thing at a time.
func TestPlacement(t *testing.T) {
	small := TaskDefinitionSpec{CPU: 100, Memory: 100}
	vpc := TaskDefinitionSpec{CPU: 100, Memory: 100, NetworkMode: "awsvpc"}
	with := func(steps ...PlacementSpec) ServiceSpec { return ServiceSpec{Placement: steps} }
	for why, c := range map[string]struct {
		want int
		d    TaskDefinitionSpec
		s    ServiceSpec
		got  [3]int
	}{
		"by default over zones":                 {3, small, ServiceSpec{}, [3]int{1, 1, 1}},
		"binpack on memory":                     {3, small, with(PlacementSpec{"binpack", "memory"}), [3]int{0, 3, 0}},
		"binpack on CPU":                        {3, small, with(PlacementSpec{"binpack", "cpu"}), [3]int{3, 0, 0}},
		"spread over an attribute, then packed": {4, small, with(PlacementSpec{"spread", "attribute:rack"}, PlacementSpec{"binpack", "memory"}), [3]int{2, 2, 0}},
		"spread over instances":                 {3, small, with(PlacementSpec{"spread", "instanceId"}), [3]int{1, 1, 1}},
		"one GPU":                               {2, TaskDefinitionSpec{Containers: []ContainerSpec{{CPU: 10, Memory: 10, GPUs: 1}}}, ServiceSpec{}, [3]int{1, 0, 0}},
		"a fixed UDP port, once for each":       {5, TaskDefinitionSpec{CPU: 1, Memory: 1, Ports: []PortSpec{{53, 53, true}}}, ServiceSpec{}, [3]int{1, 1, 1}},
		"TCP 22 is the agent's, UDP 22 is not":  {1, TaskDefinitionSpec{CPU: 1, Memory: 1, Ports: []PortSpec{{22, 22, true}}}, ServiceSpec{}, [3]int{1, 0, 0}},
		"TCP 22 is taken":                       {1, TaskDefinitionSpec{CPU: 1, Memory: 1, Ports: []PortSpec{{22, 22, false}}}, ServiceSpec{}, [3]int{0, 0, 0}},
		"the soft limit is what counts":         {6, TaskDefinitionSpec{Containers: []ContainerSpec{{CPU: 1, Memory: 9000, Reservation: 2000}}}, ServiceSpec{}, [3]int{2, 2, 2}},
		"the sum of containers":                 {9, TaskDefinitionSpec{Containers: []ContainerSpec{{CPU: 1, Memory: 1500}, {CPU: 1, Memory: 1000}}}, ServiceSpec{}, [3]int{2, 1, 2}},
		"a provider's own instances":            {3, small, ServiceSpec{Strategy: []string{"p0"}}, [3]int{3, 0, 0}},
		"two providers take turns":              {4, small, ServiceSpec{Strategy: []string{"p0", "p1"}}, [3]int{2, 1, 1}},
		"what one of two has no room for waits": {4, TaskDefinitionSpec{CPU: 2000, Memory: 1}, ServiceSpec{Strategy: []string{"p0", "p1"}}, [3]int{1, 1, 0}},
		"the zones of its subnets":              {2, vpc, ServiceSpec{Zones: []string{DemoRegion + "b"}}, [3]int{0, 2, 0}},
		"one interface is the host's own":       {99, vpc, ServiceSpec{}, [3]int{3, 3, 3}},
		"distinctInstance":                      {4, small, ServiceSpec{Distinct: true}, [3]int{1, 1, 1}},
		"memberOf":                              {2, small, ServiceSpec{Constraints: []string{"attribute:rack == y"}, Placement: []PlacementSpec{{"binpack", "memory"}}}, [3]int{0, 2, 0}},
	} {
		if got := placed(t, c.want, c.d, c.s); got != c.got {
			t.Errorf("%s: %v, want %v", why, got, c.got)
		}
	}
	if got := placed(t, 6, small, with(PlacementSpec{"random", ""})); got[0]+got[1]+got[2] != 6 || got == [3]int{6, 0, 0} {
		t.Errorf("random: %v", got)
	}
}
