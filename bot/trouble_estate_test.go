package bot_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
)

// The field is a cluster of what one meets: lone machines, members of a group, ghosts, and
// tasks that end late or never. The herd leaves in waves.
const (
	fieldCluster = "field"
	herdCluster  = "herd"
	groupName    = "grown"
)

func machine(kind string, n int) string {
	return fmt.Sprintf("i-0%08x%08x", []byte(kind)[0], n)
}

// wish is what somebody will ask for.
type wish struct {
	kind string // single, ghosts, herd
	id   string
	in   ecsops.Intent
}

type estateDraw struct {
	hooks     []simaws.HookSpec
	managed   bool
	stopTakes time.Duration
	nightly   time.Duration // how long the standalone task runs; 0 is for ever
	stuck     bool
	protected bool // its machine may not be terminated by the API
}

const lones, members, ghosts, herd = 3, 3, 3, 4

func drawEstate(d *rand.Rand) estateDraw {
	pick := func(all ...time.Duration) time.Duration { return all[d.IntN(len(all))] }
	e := estateDraw{managed: d.IntN(2) == 0, stopTakes: pick(2*time.Second, 20*time.Second), nightly: pick(0, 15*time.Minute, 2*time.Hour),
		stuck: d.IntN(2) == 0, protected: d.IntN(6) == 0}
	if d.IntN(3) > 0 {
		e.hooks = []simaws.HookSpec{{Name: "farewell", Transition: "autoscaling:EC2_INSTANCE_TERMINATING",
			DefaultResult: []string{"CONTINUE", "ABANDON"}[d.IntN(2)], Heartbeat: pick(time.Minute, 10*time.Minute, time.Hour)}}
	}
	return e
}

func (e estateDraw) build(c *simaws.Cloud) error {
	r := c.Region(simaws.DemoAccount, simaws.DemoRegion)
	var errs []error
	ok := func(_ string, err error) { errs = append(errs, err) }
	ok(r.AddCluster(simaws.ClusterSpec{Name: fieldCluster, Providers: []string{"grown-cp"}}))
	ok(r.AddCluster(simaws.ClusterSpec{Name: herdCluster}))
	ok(r.AddGroup(simaws.GroupSpec{Name: groupName, Min: 1, Max: 6, Desired: members, Cluster: fieldCluster, Provider: "grown-cp", InstanceType: "m6i.large", Hooks: e.hooks}))
	ok(r.AddProvider(simaws.ProviderSpec{Name: "grown-cp", Group: groupName, ManagedDraining: e.managed}))
	add := func(spec simaws.InstanceSpec) {
		spec.Age = 48 * time.Hour
		ok(r.AddInstance(spec))
	}
	var web, sheep []string
	for n := range 2 {
		add(simaws.InstanceSpec{Cluster: fieldCluster, EC2ID: machine("rest", n), CPU: 65536, Memory: 253952})
		add(simaws.InstanceSpec{Cluster: herdCluster, EC2ID: machine("rest", 100+n), CPU: 65536, Memory: 253952})
	}
	for n := range lones {
		add(simaws.InstanceSpec{Cluster: fieldCluster, EC2ID: machine("lone", n), Protected: e.protected && n == 0})
		web = append(web, machine("lone", n))
	}
	for n := range members {
		add(simaws.InstanceSpec{Cluster: fieldCluster, EC2ID: machine("member", n), Group: groupName, Provider: "grown-cp"})
		web = append(web, machine("member", n))
	}
	for n := range ghosts {
		add(simaws.InstanceSpec{Cluster: fieldCluster, EC2ID: machine("ghost", n), Terminated: true, TerminatedFor: 20 * time.Minute})
	}
	for n := range herd {
		add(simaws.InstanceSpec{Cluster: herdCluster, EC2ID: machine("herd", n), AZ: simaws.DemoRegion + string(rune('a'+n/2))})
		sheep = append(sheep, machine("herd", n))
	}
	ok(r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: "web", CPU: 64, Memory: 64, StopTakes: e.stopTakes}))
	ok(r.AddService(simaws.ServiceSpec{Cluster: fieldCluster, Name: "web", TaskDefinition: "web", Desired: len(web), MinPercent: 100, MaxPercent: 200, On: web}))
	ok(r.AddService(simaws.ServiceSpec{Cluster: herdCluster, Name: "sheep", TaskDefinition: "web", Desired: len(sheep), MinPercent: 50, MaxPercent: 200, On: sheep}))
	ok(r.RunTask(simaws.TaskSpec{Cluster: fieldCluster, TaskDefinition: "web", On: machine("lone", 1), StartedBy: "nightly", RunsFor: e.nightly}))
	if e.stuck {
		ok(r.AddService(simaws.ServiceSpec{Cluster: fieldCluster, Name: "stuck", TaskDefinition: "web", Desired: 1, MinPercent: 100, MaxPercent: 100, On: []string{machine("lone", 2)}}))
	}
	return errors.Join(errs...)
}

// drawWishes says what people will want, in which order.
func drawWishes(d *rand.Rand) []wish {
	deadline := func() time.Duration {
		return []time.Duration{10 * time.Minute, 0, time.Hour}[d.IntN(3)]
	}
	var out []wish
	for n := range lones {
		in := ecsops.Intent{Purpose: ecsops.Retire, Deadline: deadline()}
		switch d.IntN(8) {
		case 0:
			in.Purpose = ecsops.Reuse
		case 1:
		default:
			in.Terminate = ecsops.Terminate
		}
		out = append(out, wish{kind: "single", id: machine("lone", n), in: in})
	}
	for n := range members - 1 {
		ends := []ecsops.Termination{ecsops.Replace, ecsops.Shrink, ecsops.KeepRunning, ecsops.Replace, ecsops.Shrink}
		out = append(out, wish{kind: "single", id: machine("member", n), in: ecsops.Intent{Purpose: ecsops.Retire, Deadline: deadline(), Terminate: ends[d.IntN(len(ends))]}})
	}
	out = append(out, wish{kind: "ghosts"})
	in := ecsops.Intent{Purpose: ecsops.Retire, Deadline: deadline()}
	if d.IntN(2) == 0 {
		in.Terminate = ecsops.Terminate
	}
	out = append(out, wish{kind: "herd", in: in})
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:2+d.IntN(len(out)-1)]
}
