package ecsops

import (
	"hash/fnv"
	"maps"
	"math"
	"sync"
	"time"
)

// cost is what one look takes of one bucket, and what the bucket gives back.
type cost struct {
	tokens float64
	refill float64 // a second
}

const (
	// pollShare is polling's part of a documented bucket, all operations and replicas together.
	pollShare = 0.1
	// paceRoom is left of it for what is not asked at a steady pace.
	paceRoom = 0.9
	// paceStep is what a stretched interval is rounded up to.
	paceStep = 5 * time.Second
	// slowest bounds the interval: beyond it looks wait for their turn.
	slowest = 15 * time.Minute
)

// pollEvery is how often each of so many operations may be looked at, so that together they
// keep to polling's share of the dearest bucket; never more often than base. Pure.
func pollEvery(base time.Duration, drains int, looks map[string]cost) time.Duration {
	every := base
	for _, c := range looks {
		need := time.Duration(float64(drains) * c.tokens / (c.refill * pollShare * paceRoom) * float64(time.Second))
		if need > every {
			every = time.Duration(math.Ceil(float64(need)/float64(paceStep))) * paceStep
		}
	}
	return min(every, max(base, slowest))
}

// meter measures what looks cost in one account and Region: a moving average, as it changes
// with how many looks share a call and how much goes on.
type meter struct {
	mu    sync.Mutex
	looks float64            // guarded by mu: decayed
	spent map[string]float64 // guarded by mu: tokens by bucket, decayed alike
	fill  map[string]float64 // guarded by mu: refill by bucket
}

const (
	// meterSpan is over how many looks the average is taken.
	meterSpan = 200
	// firstLooks of firstCost stand in for looks that were not made yet.
	firstLooks = 20
	firstCost  = 0.35
)

func newMeter() *meter {
	return &meter{looks: firstLooks, spent: map[string]float64{clusterResourceRead.name: firstLooks * firstCost},
		fill: map[string]float64{clusterResourceRead.name: clusterResourceRead.refill}}
}

func (m *meter) token(b bucket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent[b.name]++
	m.fill[b.name] = b.refill
}

func (m *meter) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.looks++; m.looks > meterSpan {
		keep := meterSpan / m.looks
		m.looks = meterSpan
		for k := range m.spent {
			m.spent[k] *= keep
		}
	}
}

func (m *meter) costs() map[string]cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]cost, len(m.spent))
	for name, n := range m.spent {
		out[name] = cost{tokens: n / m.looks, refill: m.fill[name]}
	}
	return out
}

// traffic is what shares the budget of an account and Region.
type traffic struct {
	drains    map[string]int     // by account and Region: operations that are polled, of all replicas
	inCluster map[ClusterARN]int // the same by cluster
	replicas  int                // that share the budget
	meters    map[string]*meter  // by account and Region
	gates     map[string]*gate   // likewise
}

// Drains says how many operations are under way in each cluster, of all replicas.
func (f *Fleet) Drains(byCluster map[ClusterARN]int) {
	drains := map[string]int{}
	for c, n := range byCluster {
		drains[place(c.Account(), c.Region())] += n
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traffic.drains, f.traffic.inCluster = drains, maps.Clone(byCluster)
}

// Pace is how often an operation may be looked at.
type Pace struct {
	Every  time.Duration
	Drains int // operations that share AWS's budget in that account and Region
	// Grid is a distance of moments: who looks at its multiples, plus Offset, shares calls
	// with others of the cluster. 0: there are no others.
	Grid, Offset time.Duration
}

// Pace is how often an operation on t is to be looked at, with base as the shortest.
func (f *Fleet) Pace(t Target, base time.Duration) Pace {
	at := place(t.Account, t.Region)
	m := f.meter(at)
	f.mu.Lock()
	drains, beside := f.traffic.drains[at], f.traffic.inCluster[t.Cluster]
	f.mu.Unlock()
	p := Pace{Every: pollEvery(base, drains, m.costs()), Drains: drains}
	if beside > 1 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(t.Cluster)) // never fails
		p.Grid = p.Every / time.Duration(max(1, beside/lookTogether))
		p.Offset = time.Duration(h.Sum32()) % p.Every
	}
	return p
}

// lookTogether is how many looks at one cluster are worth putting together: as many as a
// process makes at a time.
const lookTogether = 25

// Next is the moment of the look after one at now.
func (p Pace) Next(now time.Time) time.Time {
	next := now.Add(p.Every)
	if p.Grid <= 0 {
		return next
	}
	return next.Add(-p.Offset).Round(p.Grid).Add(p.Offset)
}

// Traffic is one account and Region, for metrics.
type Traffic struct {
	Account, Region string
	Drains          int
	Every           time.Duration // between two looks at an operation
}

// Traffics lists where operations are under way; base is as for Pace.
func (f *Fleet) Traffics(base time.Duration) []Traffic {
	f.mu.Lock()
	drains := maps.Clone(f.traffic.drains)
	f.mu.Unlock()
	var out []Traffic
	for at, n := range drains {
		account, region := placed(at)
		p := f.Pace(Target{Account: account, Region: region}, base)
		out = append(out, Traffic{account, region, n, p.Every})
	}
	return out
}

func (f *Fleet) meter(at string) *meter {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.traffic.meters[at] == nil {
		f.traffic.meters[at] = newMeter()
	}
	return f.traffic.meters[at]
}
