package bot_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"ecsbot/bot/figures"
	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

const (
	planRounds    = 9
	planLatency   = 50 * time.Millisecond // injected into every call
	planTrips     = 3                     // from an EC2 id: registration, task ARNs, tasks (and services, definitions, target health)
	planCalls     = 45
	probes        = 9
	planInstances = 60
	planServices  = 40
	planFamilies  = 10
)

// planRun is one cold plan.
type planRun struct {
	took, trip, oneByOne time.Duration
	calls                int
}

// benchPlan measures a plan from an EC2 id, with a Fleet that knows nothing, against three
// single calls and against the same calls one after another.
func benchPlan(t *testing.T, r *report) {
	for _, e := range []struct {
		name   string
		build  func(*simaws.Cloud) error
		judged bool
	}{
		{"10 task definitions and 6 target groups at the target", planEstate, true},
		{"dense: 20 task definitions and 20 target groups at the target", func(c *simaws.Cloud) error { return c.Big(planInstances, planServices) }, false},
	} {
		var runs []planRun
		for range planRounds {
			runs = append(runs, planOnce(t, e.build))
		}
		judgePlan(t, r, e.name, runs, e.judged)
	}
	benchRooms(t, r)
	r.parts++
}

const (
	roomInstances = 1000
	roomServices  = 200
	roomTasks     = 50
	roomTime      = 50 * time.Millisecond
	roomMemory    = 20 << 20
)

// benchRooms measures the capacity simulation alone, on a snapshot that was read.
func benchRooms(t *testing.T, r *report) {
	t.Helper()
	s := roomSnapshot(t)
	var took []time.Duration
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range planRounds {
		began := time.Now()
		if rooms := ecsops.Rooms(s, false); len(rooms) != roomTasks {
			t.Fatalf("%d rooms", len(rooms))
		}
		took = append(took, time.Since(began))
	}
	runtime.ReadMemStats(&after)
	each := (after.TotalAlloc - before.TotalAlloc) / planRounds
	r.note(fmt.Sprintf("where %d tasks go: %d instances, %d services; the aim is time and memory of the other side", roomTasks, roomInstances, roomServices),
		fmt.Sprintf("%s, %.1f MB", millis(figures.Median(took)), float64(each)/(1<<20)), fmt.Sprintf("%s, %d MB", millis(roomTime), roomMemory>>20),
		fmt.Sprintf("%.2f", float64(figures.Median(took))/float64(roomTime)))
}

// roomSnapshot reads a cluster of that size; of the tasks on its first instance so many are kept.
func roomSnapshot(t *testing.T) ecsops.Snapshot {
	t.Helper()
	cloud := servePlanEstate(t, func(c *simaws.Cloud) error { return c.Big(roomInstances, roomServices) })
	defer cloud.Close() // its error is about the SDK's idle connections
	fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{planCluster(cloud)}, TimeBox: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	p, err := fleet.Preview(t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(simaws.BigInstance(0))})
	if err != nil || len(p.Snapshot.Unknowns()) > 0 {
		t.Fatalf("%v, unknown %v", err, p.Snapshot.Unknowns())
	}
	tasks, _ := p.Snapshot.Tasks.Get()
	if len(tasks) < roomTasks {
		t.Fatalf("%d tasks", len(tasks))
	}
	p.Snapshot.Tasks = ecsops.Known(tasks[:roomTasks])
	return p.Snapshot
}

func judgePlan(t *testing.T, r *report, name string, runs []planRun, judged bool) {
	t.Helper()
	pick := func(f func(planRun) time.Duration) time.Duration {
		var all []time.Duration
		for _, run := range runs {
			all = append(all, f(run))
		}
		return figures.Median(all)
	}
	took, trip := pick(func(p planRun) time.Duration { return p.took }), pick(func(p planRun) time.Duration { return p.trip })
	sum, calls := pick(func(p planRun) time.Duration { return p.oneByOne }), 0
	var bound, faster []float64
	for _, run := range runs {
		calls = max(calls, run.calls)
		bound = append(bound, float64(run.took)/float64(planTrips*run.trip))
		faster = append(faster, float64(run.oneByOne)/float64(run.took))
	}
	rows := []row{
		{"plan against three single calls, " + name, millis(took), millis(planTrips * trip), fmt.Sprintf("%.2f", figures.Median(bound)), "≤ 1.25", figures.Median(bound) <= 1.25},
		{"its AWS calls, at most", fmt.Sprint(calls), fmt.Sprint(planCalls), "", fmt.Sprintf("≤ %d", planCalls), calls <= planCalls},
		{"plan against the same calls one after another", millis(took), millis(sum), fmt.Sprintf("%.1f × faster", figures.Median(faster)), "≥ 8 ×", figures.Median(faster) >= 8},
	}
	for _, w := range rows {
		if judged {
			r.judge(t, w)
		} else {
			r.note(w.what, w.ours, w.theirs, w.ratio)
		}
	}
}

// planOnce builds an estate and plans once. The time of a single call is measured
// on the same estate, before and after.
func planOnce(t *testing.T, build func(*simaws.Cloud) error) planRun {
	t.Helper()
	cloud := servePlanEstate(t, build)
	defer cloud.Close() // its error is about the SDK's idle connections
	cloud.LatencyPerCall(planLatency)
	before := probe(t)
	fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{planCluster(cloud)}})
	if err != nil {
		t.Fatal(err)
	}
	logged := len(cloud.Log())
	began := time.Now()
	p, err := fleet.Preview(t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(simaws.BigInstance(0))})
	if err != nil || len(p.Found) != 1 {
		t.Fatalf("%d found, %v", len(p.Found), err)
	}
	plan := ecsops.NewPlan(p.Snapshot, ecsops.Intent{Purpose: ecsops.Retire})
	took := time.Since(began)
	if tasks, _ := p.Snapshot.Tasks.Get(); len(tasks) < 20 || len(p.Snapshot.Unknowns()) > 0 || plan.Digest == "" {
		t.Fatalf("%d tasks, unknown %v", len(tasks), p.Snapshot.Unknowns())
	}
	run := planRun{took: took}
	for _, c := range cloud.Log()[logged:] {
		run.calls++
		run.oneByOne += c.Took
	}
	run.trip = (before + probe(t)) / 2
	return run
}

// probe is the median time of one call, as the SDK's client sees it.
func probe(t *testing.T) time.Duration {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := ecs.NewFromConfig(cfg)
	var all []time.Duration
	for range probes {
		began := time.Now()
		if _, err := client.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{}); err != nil {
			t.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	return figures.Median(all)
}

func servePlanEstate(t *testing.T, build func(*simaws.Cloud) error) *simaws.Cloud {
	t.Helper()
	cloud, err := simaws.New(simaws.Config{Clock: clock.New(time.Now().UTC(), 1), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := build(cloud); err != nil {
		t.Fatal(err)
	}
	if err := cloud.Start(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": cloud.URL(), "AWS_REGION": simaws.DemoRegion,
		"AWS_ACCESS_KEY_ID": simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY": simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
	return cloud
}

// planCluster is the estate's only cluster, as configuration names it.
func planCluster(c *simaws.Cloud) string { return c.State().Clusters[0].ARN }

// planEstate is a cluster of 60 instances and 40 services of ten task definitions.
// Twenty tasks run on the first instance, and six services there are behind a load
// balancer; an Auto Scaling group behind a capacity provider owns the instances.
func planEstate(c *simaws.Cloud) error {
	const cluster, group, provider = "fleet", "fleet-asg", "fleet-cp"
	r := c.Region(simaws.DemoAccount, simaws.DemoRegion)
	if _, err := r.AddCluster(simaws.ClusterSpec{Name: cluster, Providers: []string{provider}}); err != nil {
		return err
	}
	if _, err := r.AddGroup(simaws.GroupSpec{Name: group, Min: 1, Desired: planInstances, Max: 80, Cluster: cluster, Provider: provider}); err != nil {
		return err
	}
	if _, err := r.AddProvider(simaws.ProviderSpec{Name: provider, Group: group, ManagedDraining: true}); err != nil {
		return err
	}
	for i := range planInstances {
		if _, err := r.AddInstance(simaws.InstanceSpec{Cluster: cluster, EC2ID: simaws.BigInstance(i), AZ: simaws.DemoRegion + string("abc"[i%3]),
			CPU: 65536, Memory: 253952, Group: group, Provider: provider}); err != nil {
			return err
		}
	}
	for i := range planFamilies {
		if _, err := r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: planFamily(i), CPU: 64, Memory: 64,
			Ports: []simaws.PortSpec{{ContainerPort: 80}}}); err != nil {
			return err
		}
	}
	for i := range planServices {
		if err := planService(r, cluster, i); err != nil {
			return err
		}
	}
	return nil
}

func planFamily(i int) string { return fmt.Sprintf("family-%d", i) }

func planService(r *simaws.Region, cluster string, i int) error {
	// Every other service has a task on the first instance: all the families are there.
	spec := simaws.ServiceSpec{Cluster: cluster, Name: fmt.Sprintf("service-%02d", i), TaskDefinition: planFamily(i / 2 % planFamilies),
		Desired: 4, MinPercent: 100, MaxPercent: 200}
	if i%6 == 0 && i < 36 {
		tg, err := r.AddTargetGroup(simaws.TargetGroupSpec{Name: spec.Name, Type: "instance", Port: 80, DeregistrationWait: 30 * time.Second, Balancer: "fleet"})
		if err != nil {
			return err
		}
		spec.Balancers = []simaws.BalancerSpec{{TargetGroup: tg, ContainerPort: 80}}
	}
	for k := range 4 {
		at := 1 + (i+k*15)%(planInstances-1)
		if k == 0 && i%2 == 0 {
			at = 0
		}
		spec.On = append(spec.On, simaws.BigInstance(at))
	}
	_, err := r.AddService(spec)
	return err
}
