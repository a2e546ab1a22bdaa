package bot_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ecsbot/bot/figures"
	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
)

const (
	scaleInstances = 5000
	scaleServices  = 1000
	scaleTasks     = 10 // of each service
	scaleHere      = 20 // services with a task on the target
	scaleGroups    = 2
	scaleRounds    = 3 // cold previews, each by a process of its own
	scaleMemory    = 150 << 20
	scaleTogether  = 2                // previews at once, which share half of each bucket
	scaleRest      = 10 * time.Second // until the buckets are full again: half of the largest, at half its rate
)

// scaleVar makes a test process the one that previews; it holds the cluster's name.
const scaleVar = "ECSBOT_BENCH_PREVIEW"

// togetherVar is how many it makes at once.
const togetherVar = "ECSBOT_BENCH_TOGETHER"

// scaled is what the process that previews says of itself.
type scaled struct {
	Took           time.Duration
	Tasks, Peers   int
	Unknown        []ecsops.Unknown
	Heap, Resident uint64 // bytes, the most of each above what it began with
	Rooms          map[ecsops.RoomVerdict]int
}

// TestBenchScale measures the preview of an instance of a cluster as large as AWS allows a cluster to be, with
// the documented buckets enforced. The bound is what page sizes and half of each bucket allow.
func TestBenchScale(t *testing.T) {
	figures.Wanted(t)
	r := &report{before: figures.Load(t)}
	cloud := servePlanEstate(t, scaleEstate)
	defer cloud.Close() // its error is about the SDK's idle connections
	cloud.LatencyPerCall(planLatency)
	cloud.EnforceBuckets(true)
	var runs []scaled
	var counts map[string]int
	for n := range scaleRounds {
		if n > 0 {
			time.Sleep(scaleRest)
		}
		logged := len(cloud.Log())
		runs = append(runs, previewApart(t, planCluster(cloud), 1))
		counts = map[string]int{}
		for _, c := range cloud.Log()[logged:] {
			counts[c.Service+":"+c.Action]++
			if c.Outcome != "OK" {
				t.Errorf("%s: %s, number %d of %d in flight, after %s", c.Action, c.Outcome, c.Seq-logged, c.InFlight, c.Took)
			}
		}
	}
	judgeScale(t, r, runs, counts)
	time.Sleep(scaleRest)
	both := previewApart(t, planCluster(cloud), scaleTogether)
	if len(both.Unknown) > 0 {
		t.Errorf("%d previews at once: unknown %v", scaleTogether, both.Unknown)
	}
	r.note(fmt.Sprintf("the slower of %d previews at once; both know everything", scaleTogether), millis(both.Took), "", "")
	text := r.text(t)
	t.Logf("\n%s", text)
	figures.Write(t, benchDoc, " of scale", text)
}

func judgeScale(t *testing.T, r *report, runs []scaled, counts map[string]int) {
	t.Helper()
	var took []time.Duration
	var heap, resident uint64
	for _, run := range runs {
		took, heap, resident = append(took, run.Took), max(heap, run.Heap), max(resident, run.Resident)
		if len(run.Unknown) > 0 || run.Peers != scaleInstances-1 || run.Tasks != scaleHere {
			t.Errorf("%d tasks, %d other instances, unknown %v", run.Tasks, run.Peers, run.Unknown)
		}
	}
	bound, by := scaleBound()
	ratio := float64(figures.Median(took)) / float64(bound)
	what := fmt.Sprintf("preview at %d instances, %d services, %d tasks; the other side is the bound by pages and half of each bucket (%s)", scaleInstances, scaleServices, scaleServices*scaleTasks, by)
	r.judge(t, row{what, millis(figures.Median(took)), millis(bound), fmt.Sprintf("%.2f", ratio), "≤ 1.25", ratio <= 1.25})
	r.judge(t, row{"its memory, peak of the heap above what the process began with", fmt.Sprintf("%.0f MB", float64(heap)/(1<<20)), "150 MB",
		fmt.Sprintf("%.2f", float64(heap)/scaleMemory), "< 1", heap < scaleMemory})
	r.note("the same, resident", fmt.Sprintf("%.0f MB", float64(resident)/(1<<20)), "", "")
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		calls = append(calls, fmt.Sprintf("%s %d", name[strings.Index(name, ":")+1:], counts[name]))
	}
	r.note("its AWS calls: "+strings.Join(calls, ", "), fmt.Sprint(sum(counts)), "", "")
	buckets := map[string]int{}
	for name, n := range counts {
		service, action, _ := strings.Cut(name, ":")
		buckets[bucketFor(service, action)] += n
	}
	var shares []string
	for _, name := range slices.Sorted(maps.Keys(buckets)) {
		shares = append(shares, fmt.Sprintf("%s %d", name, buckets[name]))
	}
	r.note("the same by throttling bucket: "+strings.Join(shares, ", "), fmt.Sprint(sum(buckets)), "", "")
	t.Logf("%+v", runs)
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// scaleBound is the least time that a preview of that estate takes with half of each bucket, and
// which bucket says so. ListContainerInstances, DescribeContainerInstances, two ListTasks of the
// target and one of what is stopping, DescribeTasks; ListServices and DescribeServices.
func scaleBound() (time.Duration, string) {
	pages := func(n, size int) int { return (n + size - 1) / size }
	best, by := time.Duration(0), ""
	for name, calls := range map[string]int{
		"cluster resource read": 2*pages(scaleInstances, 100) + 4,
		"service read":          pages(scaleServices, 100) + pages(scaleServices, 10),
	} {
		const burst, refill = 100, 20 // of both
		wait := time.Duration(float64(calls-burst/2) / (refill / 2) * float64(time.Second))
		if wait > best {
			best, by = wait, name
		}
	}
	return best, by
}

// bucketFor names the bucket that AWS documents for a call.
func bucketFor(service, action string) string {
	switch {
	case service == "ec2":
		return "EC2 " + action // each action has its own
	case service != "ecs":
		return service
	case action == "ListServices" || action == "DescribeServices":
		return "service read"
	case action == "DescribeTaskDefinition":
		return "task definition read"
	case action == "DescribeCapacityProviders":
		return "capacity provider read"
	case action == "DescribeClusters" || action == "ListClusters":
		return "cluster read"
	case action == "GetTaskProtection":
		return "task protection"
	}
	return "cluster resource read"
}

// previewApart previews in a process that does nothing else.
func previewApart(t *testing.T, cluster string, together int) scaled {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBenchPreviewApart$", "-test.v")
	cmd.Env = append(os.Environ(), scaleVar+"="+cluster, togetherVar+"="+strconv.Itoa(together))
	out, err := cmd.CombinedOutput()
	_, text, found := strings.Cut(string(out), scaleVar+"=")
	if err != nil || !found {
		t.Fatalf("previewing in a process of its own: %v\n%s", err, out)
	}
	var s scaled
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestBenchPreviewApart is what previewApart runs.
func TestBenchPreviewApart(t *testing.T) {
	cluster := os.Getenv(scaleVar)
	if cluster == "" {
		t.Skip("is run by TestBench in a process of its own")
	}
	fleet, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{cluster}})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	heap, resident := heapBytes(), uint64(procField(t, os.Getpid(), "VmRSS"))<<10
	peak, done := make(chan uint64), make(chan struct{})
	go func() {
		most := uint64(0)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-tick.C:
				most = max(most, heapBytes())
			case <-done:
				peak <- most
				return
			}
		}
	}()
	s := previewTogether(t, fleet)
	close(done)
	s.Heap, s.Resident = <-peak-heap, uint64(procField(t, os.Getpid(), "VmHWM"))<<10-resident
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s=%s\n", scaleVar, text)
}

// previewTogether makes as many previews and plans at once as it was asked to, and says what the slowest was.
func previewTogether(t *testing.T, fleet *ecsops.Fleet) scaled {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(togetherVar))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	all := make([]scaled, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			p, err := fleet.Preview(t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(simaws.BigInstance(i))})
			if err != nil || len(p.Found) != 1 {
				t.Errorf("%d found, %v", len(p.Found), err)
				return
			}
			plan := ecsops.NewPlan(p.Snapshot, ecsops.Intent{Purpose: ecsops.Retire})
			s := scaled{Took: time.Since(began), Unknown: p.Snapshot.Unknowns(), Rooms: map[ecsops.RoomVerdict]int{}}
			tasks, _ := p.Snapshot.Tasks.Get()
			peers, _ := p.Snapshot.Peers.Get()
			s.Tasks, s.Peers = len(tasks), len(peers)
			for _, room := range plan.Rooms() {
				s.Rooms[room.Verdict]++
			}
			all[i] = s
		})
	}
	wg.Wait()
	slowest := slices.MaxFunc(all, func(a, b scaled) int { return cmp.Compare(a.Took, b.Took) })
	slowest.Unknown = nil
	for _, s := range all {
		slowest.Unknown = append(slowest.Unknown, s.Unknown...)
	}
	return slowest
}

// heapBytes is what the heap holds, garbage that was not collected yet included.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// scaleEstate is a cluster of 5,000 instances in two Auto Scaling groups, with 1,000 services of ten
// tasks each; instances have the attributes and services the history that real ones have.
func scaleEstate(c *simaws.Cloud) error {
	const cluster = "vast"
	r := c.Region(simaws.DemoAccount, simaws.DemoRegion)
	var providers []string
	for g := range scaleGroups {
		providers = append(providers, fmt.Sprintf("vast-cp-%d", g))
	}
	if _, err := r.AddCluster(simaws.ClusterSpec{Name: cluster, Providers: providers}); err != nil {
		return err
	}
	for g, provider := range providers {
		group := fmt.Sprintf("vast-asg-%d", g)
		if _, err := r.AddGroup(simaws.GroupSpec{Name: group, Min: 1, Desired: scaleInstances / scaleGroups, Max: scaleInstances, Cluster: cluster, Provider: provider}); err != nil {
			return err
		}
		if _, err := r.AddProvider(simaws.ProviderSpec{Name: provider, Group: group, ManagedScaling: true, ManagedDraining: true}); err != nil {
			return err
		}
	}
	for i := range scaleInstances {
		if _, err := r.AddInstance(simaws.InstanceSpec{Cluster: cluster, EC2ID: simaws.BigInstance(i), AZ: simaws.DemoRegion + string("abc"[i%3]), Type: "m6i.4xlarge",
			CPU: 16384, Memory: 62000, Group: fmt.Sprintf("vast-asg-%d", i%scaleGroups), Provider: providers[i%scaleGroups], Attributes: agentAttributes()}); err != nil {
			return err
		}
	}
	for i := range scaleServices {
		if err := scaleService(r, cluster, i); err != nil {
			return err
		}
	}
	return nil
}

// agentAttributes are as many as an agent registers.
func agentAttributes() map[string]string {
	out := map[string]string{}
	for n := 17; n <= 44; n++ {
		out[fmt.Sprintf("com.amazonaws.ecs.capability.docker-remote-api.1.%d", n)] = ""
	}
	for _, name := range []string{"awslogs", "awsfirelens", "fluentd", "gelf", "journald", "json-file", "syslog", "none"} {
		out["com.amazonaws.ecs.capability.logging-driver."+name] = ""
	}
	for _, name := range []string{"task-iam-role", "task-iam-role-network-host", "privileged-container", "ecr-auth", "selinux", "apparmor"} {
		out["com.amazonaws.ecs.capability."+name] = ""
	}
	for _, name := range []string{"task-cpu-mem-limit", "container-ordering", "container-health-check", "secrets.asm.environment-variables", "secrets.ssm.bootstrap.log-driver",
		"execution-role-ecr-pull", "efsAuth", "full-sync", "env-files.s3", "firelens.options.config.s3", "docker-plugin.local", "task-eia", "storage.ebs-task-volume-attach"} {
		out["ecs.capability."+name] = ""
	}
	return out
}

func scaleService(r *simaws.Region, cluster string, i int) error {
	family := fmt.Sprintf("svc-%04d", i)
	mode := "bridge"
	if i%7 == 0 { // three of those on the target as well: then the interfaces of all instances count
		mode = "awsvpc"
	}
	if _, err := r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: family, CPU: 256, Memory: 512, NetworkMode: mode, Ports: []simaws.PortSpec{{ContainerPort: 8080}},
		Requires: []string{"ecs.capability.execution-role-ecr-pull", "com.amazonaws.ecs.capability.docker-remote-api.1.19"}}); err != nil {
		return err
	}
	spec := simaws.ServiceSpec{Cluster: cluster, Name: family, TaskDefinition: family, Desired: scaleTasks, MinPercent: 100, MaxPercent: 200, History: 99}
	if i%4 == 0 {
		kind := map[bool]string{true: "ip", false: "instance"}[mode == "awsvpc"]
		tg, err := r.AddTargetGroup(simaws.TargetGroupSpec{Name: family, Type: kind, Port: 80, DeregistrationWait: 30 * time.Second, Balancer: "vast"})
		if err != nil {
			return err
		}
		spec.Balancers = []simaws.BalancerSpec{{TargetGroup: tg, ContainerPort: 8080}}
	}
	every := scaleServices / scaleHere
	for k := range scaleTasks {
		at := 1 + (i*scaleTasks+k*int(math.Sqrt(scaleInstances)))%(scaleInstances-1)
		if k == 0 && i%every == 0 {
			at = 0
		}
		spec.On = append(spec.On, simaws.BigInstance(at))
	}
	_, err := r.AddService(spec)
	return err
}
