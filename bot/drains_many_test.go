package bot_test

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
)

// documented is AWS's table of buckets, as far as drains use them: burst and refill a second.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
var documented = map[string]struct {
	burst, refill float64
	actions       []string
}{
	"cluster resource read":   {100, 20, []string{"ListContainerInstances", "DescribeContainerInstances", "ListTasks", "DescribeTasks"}},
	"cluster resource modify": {100, 40, []string{"UpdateContainerInstancesState", "DeregisterContainerInstance", "StopTask"}},
	"service read":            {100, 20, []string{"DescribeServices", "ListServices"}},
	"task definition read":    {50, 20, []string{"DescribeTaskDefinition"}},
	"task protection":         {200, 80, []string{"GetTaskProtection"}},
}

// tenth is what the estate's own log says of one bucket.
type tenth struct {
	calls  int
	rate   float64 // calls a second
	share  float64 // of a tenth of the refill
	excess float64 // the most calls that ever were beyond a tenth of the bucket
}

// tenths plays a log against a tenth of each bucket.
func tenths(t *testing.T, calls []simaws.Call, length time.Duration) map[string]tenth {
	t.Helper()
	out := map[string]tenth{}
	for name, b := range documented {
		var one tenth
		var at time.Time
		level := b.burst / 10
		for _, c := range calls {
			if !slices.Contains(b.actions, c.Action) {
				continue
			}
			if c.Outcome != "OK" {
				t.Errorf("%s: %s", c.Action, c.Outcome)
			}
			if !at.IsZero() {
				level = min(b.burst/10, level+c.Real.Sub(at).Seconds()*b.refill/10)
			}
			at = c.Real
			level--
			one.calls++
			one.excess = max(one.excess, -level)
		}
		one.rate = float64(one.calls) / length.Seconds()
		one.share = one.rate / (b.refill / 10)
		if one.calls > 0 {
			out[name] = one
		}
	}
	return out
}

// drainsRun is what so many drains in flight cost.
type drainsRun struct {
	buckets    map[string]tenth
	looks      int
	longest    time.Duration // without a look, of any operation
	every      time.Duration // at the end
	real       time.Duration
	heap, peak uint64 // beyond what there was before the first look
}

// manyDrains runs drains for so long. It must not be called in a bubble.
func manyDrains(t *testing.T, d drainsEstate, length time.Duration) drainsRun {
	t.Helper()
	useDirect(t)
	var out drainsRun
	began := realNow()
	synctest.Test(t, func(t *testing.T) {
		r := newDrainsRig(t, d.build)
		r.drain()
		inFlight := map[ecsops.ClusterARN]int{}
		for _, c := range r.cloud.State().Clusters {
			inFlight[ecsops.ClusterARN(c.ARN)] = d.drains
		}
		r.fleet.Drains(inFlight)
		before := heap(true)
		first := time.Now()
		calls := r.run(length, func() bool {
			out.peak = max(out.peak, heap(false)-min(before, heap(false)))
			return false
		})
		out.heap = heap(true) - min(before, heap(true))
		out.buckets = tenths(t, calls, length)
		for _, i := range r.cloud.State().Instances {
			if i.Status != "DRAINING" {
				continue
			}
			target := ecsops.Target{Account: simaws.DemoAccount, Region: simaws.DemoRegion, Cluster: ecsops.ClusterARN(i.Cluster), Instance: ecsops.InstanceARN(i.ARN)}
			last := first
			for _, at := range append(r.looked[target.Key()], first.Add(length)) {
				out.longest, last = max(out.longest, at.Sub(last)), at
			}
			out.looks += len(r.looked[target.Key()])
			out.every = r.fleet.Pace(target, 10*time.Second).Every
		}
	})
	out.real = realNow().Sub(began)
	return out
}

// realNow is the time outside of the bubble.
func realNow() time.Time { return time.Now() }

func heap(collected bool) uint64 {
	if collected {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A hundred drains in one Region: polling keeps to a tenth of every bucket at any moment, and
// nobody is forgotten. make bench does it with a thousand.
func TestManyDrains(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some ten seconds")
	}
	const length = 150 * time.Second
	d := drainsEstate{clusters: 2, drains: 50, tasks: 6, rest: 4}
	got := manyDrains(t, d, length)
	t.Logf("%+v", got)
	for name, b := range got.buckets {
		if b.excess > 1 { // tokens are counted where they are taken, calls where they arrive
			t.Errorf("%s: %.1f calls beyond a tenth of the bucket", name, b.excess)
		}
	}
	if got.every <= 10*time.Second || got.every > time.Minute {
		t.Errorf("looked at every %s", got.every)
	}
	if got.looks < 2*d.clusters*d.drains || got.longest > 90*time.Second {
		t.Errorf("%d looks, longest without one %s", got.looks, got.longest)
	}
}
