package ecsops

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPollEvery: together the looks stay within nine tenths of a tenth of the dearest bucket.
func TestPollEvery(t *testing.T) {
	read := func(tokens float64) map[string]cost { return map[string]cost{"read": {tokens, 20}} }
	for _, c := range []struct {
		why    string
		base   time.Duration
		drains int
		looks  map[string]cost
		want   time.Duration
	}{
		{"nobody", 10 * time.Second, 0, read(4), 10 * time.Second},
		{"one that costs four calls", 10 * time.Second, 1, read(4), 10 * time.Second},
		{"four of them are what the share allows", 10 * time.Second, 4, read(4), 10 * time.Second},
		{"five are not", 10 * time.Second, 5, read(4), 15 * time.Second},
		{"they share calls", 10 * time.Second, 120, read(0.6), 40 * time.Second},
		{"a thousand", 10 * time.Second, 1000, read(0.3), 170 * time.Second},
		{"the configured interval is longer", 5 * time.Minute, 100, read(0.6), 5 * time.Minute},
		{"a second bucket is dearer", 10 * time.Second, 100, map[string]cost{"read": {0.1, 20}, "ec2": {1, 5}}, 225 * time.Second},
		{"never less often than the slowest", 10 * time.Second, 100_000, read(4), slowest},
		{"unless configured so", time.Hour, 100_000, read(4), time.Hour},
	} {
		got := pollEvery(c.base, c.drains, c.looks)
		if got != c.want {
			t.Errorf("%s: every %s, want %s", c.why, got, c.want)
		}
		for name, l := range c.looks {
			if spent := float64(c.drains) * l.tokens / got.Seconds(); got < slowest && spent > l.refill/10 {
				t.Errorf("%s: %.2f calls a second of %s, more than a tenth", c.why, spent, name)
			}
		}
	}
}

// TestPaceNext: looks at one cluster fall on common moments, half a grid off at the most;
// who is on one already stays in step.
func TestPaceNext(t *testing.T) {
	now := time.Unix(1_790_000_003, 0)
	if got := (Pace{Every: 10 * time.Second}).Next(now); !got.Equal(now.Add(10 * time.Second)) {
		t.Errorf("alone: %s", got)
	}
	p := Pace{Every: time.Minute, Grid: 15 * time.Second, Offset: 7 * time.Second}
	for d := range 120 {
		at := now.Add(time.Duration(d) * time.Second)
		next := p.Next(at)
		if wait := next.Sub(at); wait < p.Every-p.Grid/2 || wait > p.Every+p.Grid/2 {
			t.Errorf("the next look is %s away", wait)
		}
		if again := p.Next(next); again.Sub(next) != p.Every {
			t.Errorf("in step, the next look is %s away", again.Sub(next))
		}
		if off := next.Add(-p.Offset); !off.Equal(off.Truncate(p.Grid)) {
			t.Errorf("%s is not on the grid", next)
		}
	}
}

// TestMeter: the average forgets what looks cost long ago.
func TestMeter(t *testing.T) {
	m := newMeter()
	spend := func(looks, tokens int) {
		for range looks {
			for range tokens {
				m.token(clusterResourceRead)
			}
			m.look()
		}
	}
	each := func() float64 { return m.costs()[clusterResourceRead.name].tokens }
	if each() != firstCost {
		t.Errorf("before the first look: %f", each())
	}
	spend(2*meterSpan, 4)
	if c := each(); c < 3.5 || c > 4 {
		t.Errorf("looks of four calls cost %f", c)
	}
	spend(3*meterSpan, 1)
	if c := each(); c < 1 || c > 1.3 {
		t.Errorf("since then of one call, they cost %f", c)
	}
	m.token(serviceRead)
	if got := m.costs()[serviceRead.name]; got.refill != serviceRead.refill || got.tokens <= 0 {
		t.Errorf("another bucket: %+v", got)
	}
}

// TestPaceByPlace: drains of another Region or account share nothing.
func TestPaceByPlace(t *testing.T) {
	f, err := New(t.Context(), Config{Region: "eu-central-1", Clusters: []string{"*"}})
	if err != nil {
		t.Fatal(err)
	}
	here := MakeClusterARN("123456789012", "eu-central-1", "prod")
	f.Drains(map[ClusterARN]int{here: 100, MakeClusterARN("123456789012", "eu-central-1", "dev"): 20, MakeClusterARN("123456789012", "us-east-1", "prod"): 1})
	target := func(c ClusterARN) Target { return Target{Account: c.Account(), Region: c.Region(), Cluster: c} }
	if p := f.Pace(target(here), 10*time.Second); p.Drains != 120 || p.Every != 25*time.Second || p.Grid != p.Every/4 {
		t.Errorf("here: %+v", p)
	}
	if p := f.Pace(target(MakeClusterARN("123456789012", "us-east-1", "prod")), 10*time.Second); p.Drains != 1 || p.Every != 10*time.Second || p.Grid != 0 {
		t.Errorf("in another Region: %+v", p)
	}
	if all := f.Traffics(10 * time.Second); len(all) != 2 {
		t.Errorf("%+v", all)
	}
}

// TestGateIsFair: with far more asking than the budget allows, everyone is let in, none twice
// before another who asked earlier had one turn, and the budget is kept.
func TestGateIsFair(t *testing.T) {
	const targets, clusters, perSecond = 300, 6, 2.0
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	g := newGate()
	now := time.Unix(1_790_000_000, 0)
	type asker struct {
		name    string
		cluster ClusterARN
		next    time.Time
		last    time.Time
		looks   int
	}
	var all []*asker
	for i := range targets {
		all = append(all, &asker{name: fmt.Sprint(i), cluster: ClusterARN(fmt.Sprint(i % clusters)), next: now, last: now})
	}
	free, longest := 10.0, time.Duration(0)
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(time.Second) {
		free = min(10, free+perSecond)
		due := map[ClusterARN]int{}
		for _, i := range dice.Perm(targets) {
			a := all[i]
			if a.next.After(now) {
				continue
			}
			if at := g.enter(visit{key: a.name, cluster: a.cluster, shares: true, tokens: 0.33, beside: targets / clusters}, now, free, perSecond); !at.IsZero() {
				a.next = at
				continue
			}
			due[a.cluster]++
			longest = max(longest, now.Sub(a.last))
			a.last, a.looks, a.next = now, a.looks+1, now.Add(10*time.Second) // far too soon
		}
		for _, n := range due {
			free -= convoyTokens + memberTokens*float64(n)
		}
		clear(g.joint)
		if free < -20 {
			t.Fatalf("%f tokens are owed", -free)
		}
	}
	least, most := all[0].looks, all[0].looks
	for _, a := range all {
		least, most = min(least, a.looks), max(most, a.looks)
	}
	t.Logf("looks in an hour: %d to %d; longest without one: %s", least, most, longest)
	if least == 0 || most > 2*least || longest > 3*time.Hour/time.Duration(least) {
		t.Errorf("between %d and %d looks, longest without one %s", least, most, longest)
	}
}

// TestGateForgets: who does not come for his turn holds nobody up.
func TestGateForgets(t *testing.T) {
	g := newGate()
	now := time.Unix(1_790_000_000, 0)
	for i := range 100 {
		g.enter(visit{key: fmt.Sprint(i), cluster: "c", shares: true, tokens: 0.33, beside: 100}, now, -5, 2)
	}
	now = now.Add(time.Hour)
	if at := g.enter(visit{key: "new", cluster: "c", shares: true}, now, 10, 2); !at.IsZero() || len(g.turns) != 0 {
		t.Errorf("told to come again at %s, %d turns kept", at, len(g.turns))
	}
}

// TestGateKeepsOrder: a newcomer does not slip in before those who wait, though tokens are
// there again; those of a cluster go together; what is urgent waits for nobody and moves
// the turns that nobody has yet.
func TestGateKeepsOrder(t *testing.T) {
	g := newGate()
	now := time.Unix(1_790_000_000, 0)
	ask := func(key string, cluster ClusterARN, free float64) time.Duration {
		at := g.enter(visit{key: key, cluster: cluster, shares: true, tokens: 1, beside: 2}, now, free, 2)
		if at.IsZero() {
			return 0
		}
		return at.Sub(now)
	}
	a, b, c := ask("a", "one", -4), ask("b", "two", -4), ask("c", "one", -4)
	if a != 2*time.Second || b <= a || c != a {
		t.Errorf("turns after %s, %s and %s", a, b, c)
	}
	if d := ask("d", "three", 10); d <= b {
		t.Errorf("a newcomer has his turn after %s, before another's %s", d, b)
	}
	if again := ask("b", "two", 10); again != b {
		t.Errorf("who comes too early is told %s, before it was %s", again, b)
	}
	free := g.next
	if at := g.enter(visit{key: "u", cluster: "one", tokens: 4, urgent: true}, now, -100, 2); !at.IsZero() || g.next.Sub(free) != 2*time.Second {
		t.Errorf("urgent: %s; the next turn is %s later", at, g.next.Sub(free))
	}
	now = now.Add(a)
	if got := ask("a", "one", -50); got != 0 {
		t.Errorf("his turn has come, and he is told %s", got)
	}
}
