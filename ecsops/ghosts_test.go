package ecsops_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
)

func (e *estate) ghosts(want func(ecsops.ClusterARN) bool) ecsops.Ghosts {
	e.t.Helper()
	g, err := e.Ghosts(e.t.Context(), want)
	if err != nil {
		e.t.Fatal(err)
	}
	return g
}

func kindsOf(g ecsops.Ghosts) string {
	var out []string
	for _, f := range g.Found {
		out = append(out, string(f.Target.EC2[len(f.Target.EC2)-5:])+" "+string(f.Kind))
	}
	return strings.Join(out, ", ")
}

// host adds an instance whose agent is not connected.
func (e *estate) host(n int, change func(*aws.InstanceSpec)) string {
	e.t.Helper()
	spec := aws.InstanceSpec{Cluster: aws.DemoStagingCluster, EC2ID: fmt.Sprintf("i-0aaaaaaaaaaa%05x", n), Disconnected: true, Age: time.Hour}
	if change != nil {
		change(&spec)
	}
	if _, err := e.Region(aws.DemoAccount, aws.DemoRegion).AddInstance(spec); err != nil {
		e.t.Fatal(err)
	}
	return spec.EC2ID
}

// TestGhostKinds: each registration without an agent is what its plan would make of it.
func TestGhostKinds(t *testing.T) {
	e := demo(t)
	stopped := e.host(1, func(s *aws.InstanceSpec) { s.Disconnected = false })
	if err := e.StopEC2(stopped); err != nil {
		t.Fatal(err)
	}
	e.host(2, func(s *aws.InstanceSpec) { s.Terminated, s.TerminatedFor = true, 30*time.Minute })
	e.host(3, func(s *aws.InstanceSpec) { s.EC2ID = "mi-0aaaaaaaaaaa00003" })
	hidden := e.host(4, nil)
	e.HideEC2(hidden, true)
	e.clock.Advance(time.Minute)
	g := e.ghosts(nil)
	want := "60007 proven, 60008 disconnected, 00001 stopped, 00002 proven, 00004 proven, 00003 unproven"
	if got := kindsOf(g); got != want {
		t.Fatalf("found %s\nwant  %s", got, want)
	}
	if len(g.Unreadable) > 0 || len(g.Searched) != 2 {
		t.Errorf("unreadable %v, searched %v", g.Unreadable, g.Searched)
	}
	demoGhost := g.Found[0]
	p := demoGhost.Proof
	if p.State != "terminated" || p.RequestID == "" || p.At.IsZero() || !strings.Contains(p.Reason, "User initiated") {
		t.Errorf("proof %+v", p)
	}
	if since := start.Add(-20 * time.Minute); p.Since.Sub(since).Abs() > time.Minute {
		t.Errorf("gone since %s, want %s", p.Since, since)
	}
	if demoGhost.Running != 1 {
		t.Errorf("ECS still counts %d tasks, want the stale one", demoGhost.Running)
	}
	if g.Found[4].Proof.State != "not-found" || !g.Found[4].Proof.Since.IsZero() {
		t.Errorf("a machine that EC2 does not know: %+v", g.Found[4].Proof)
	}
	for _, f := range g.Found {
		s, err := e.Inspect(t.Context(), f.Target)
		if err != nil {
			t.Fatal(err)
		}
		if plan(s).ProvenGhost() != (f.Kind == ecsops.GhostProven) {
			t.Errorf("%s is %s, and its plan goes by %s", f.Target.EC2, f.Kind, plan(s).Path)
		}
	}
	one := e.ghosts(func(c ecsops.ClusterARN) bool { return c.Name() == aws.DemoCluster })
	if got := kindsOf(one); got != "60007 proven, 60008 disconnected" || len(one.Searched) != 1 {
		t.Errorf("in one cluster: %s", got)
	}
}

// TestGhostsWithoutProof: whatever cannot be read takes proofs away, and is named.
func TestGhostsWithoutProof(t *testing.T) {
	for _, c := range []struct {
		why, deny string
		proven    int
		kinds     string
		fact      string
	}{
		{"EC2 denied: nothing is proven", "DescribeInstances", 0, "60007 unproven, 60008 unproven", "ec2:DescribeInstances UnauthorizedOperation"},
		{"the list denied: the clusters are named", "ListContainerInstances", 0, "", "ecs:ListContainerInstances AccessDeniedException"},
		{"the description denied", "DescribeContainerInstances", 0, "", "ecs:DescribeContainerInstances AccessDeniedException"},
		{"whose credentials these are is not known", "GetCallerIdentity", 0, "60007 unproven, 60008 unproven", "sts:GetCallerIdentity AccessDenied"},
	} {
		t.Run(c.why, func(t *testing.T) {
			e := demo(t, func(cfg *ecsops.Config) {
				cfg.Clusters = []string{aws.DemoAccount + "/" + aws.DemoRegion + "/" + aws.DemoCluster}
			})
			e.Deny(c.deny)
			g := e.ghosts(nil)
			if len(g.Proven()) != c.proven || kindsOf(g) != c.kinds {
				t.Errorf("found %s", kindsOf(g))
			}
			var named []string
			for _, f := range g.Found {
				if f.Why != nil {
					named = append(named, f.Why.Call+" "+f.Why.Reason)
				}
			}
			for _, u := range g.Unreadable {
				named = append(named, u.Call+" "+u.Reason)
				if !strings.Contains(u.Fact, aws.DemoCluster) || !strings.Contains(u.Fact, aws.DemoRegion) {
					t.Errorf("the cluster is not named: %+v", u)
				}
			}
			if !strings.Contains(strings.Join(named, "; "), c.fact) {
				t.Errorf("named %v, want %s", named, c.fact)
			}
		})
	}
}

// TestGhostOfManagedInstances: a forced deregistration would terminate; and when nobody can
// say whether ECS owned the machine, that is no proof either.
func TestGhostOfManagedInstances(t *testing.T) {
	e := demo(t)
	gone := func(s *aws.InstanceSpec) { s.Terminated, s.Provider = true, aws.DemoProvider }
	e.host(5, gone)
	if got := kindsOf(e.ghosts(nil)); !strings.Contains(got, "00005 proven") {
		t.Errorf("of an Auto Scaling capacity provider: %s", got)
	}
	e.Deny("DescribeCapacityProviders")
	g := e.ghosts(nil)
	if got := kindsOf(g); !strings.Contains(got, "00005 unproven") || !strings.Contains(got, "60007 proven") {
		t.Errorf("the provider is not readable: %s", got)
	}
	for _, f := range g.Of(ecsops.GhostUnproven) {
		if f.Why == nil || f.Why.Call != "ecs:DescribeCapacityProviders" || f.Why.Reason != "AccessDeniedException" {
			t.Errorf("%s: why = %+v", f.Target.EC2, f.Why)
		}
	}
}

// TestGhostsOfAnotherAccount: EC2 of another account knows no such machine; that is no ghost.
func TestGhostsOfAnotherAccount(t *testing.T) {
	const other = "999999999999"
	e := over(t, func(c *aws.Cloud) error {
		c.Region(other, aws.DemoRegion)
		return c.Demo()
	})
	cluster := ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, aws.DemoCluster)
	t.Setenv("AWS_ACCESS_KEY_ID", aws.AccessKeyID(other))
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{string(cluster)}, Clock: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	g, err := f.Ghosts(t.Context(), nil)
	if err != nil || len(g.Proven()) > 0 {
		t.Errorf("under another account's credentials: %s, %v", kindsOf(g), err)
	}
}

// TestGhostCalls: pages of a hundred, EC2 in batches of two hundred by filter, and nothing
// for what works.
func TestGhostCalls(t *testing.T) {
	e := demo(t, func(cfg *ecsops.Config) { cfg.Clusters = []string{aws.DemoStagingCluster} })
	const n = 230
	for i := range n {
		e.host(i, func(s *aws.InstanceSpec) { s.Terminated = i%2 == 0 })
	}
	e.clock.SetPace(1000)
	e.forget()
	g := e.ghosts(nil)
	if len(g.Found) != n || len(g.Proven()) != n/2 {
		t.Errorf("%d found, %d proven", len(g.Found), len(g.Proven()))
	}
	count := map[string]int{}
	for _, c := range e.seen() {
		count[c.Operation]++
	}
	want := map[string]int{"ListContainerInstances": 3, "DescribeContainerInstances": 3, "DescribeInstances": 2}
	for op, most := range want {
		if count[op] != most {
			t.Errorf("%s was called %d times, want %d", op, count[op], most)
		}
	}
	if len(count) > len(want)+1 { // GetCallerIdentity
		t.Errorf("other calls: %v", count)
	}
}

// TestGhostsNameUnreadPlaces: a Region whose clusters cannot be listed is said, and the other
// Regions are still read.
func TestGhostsNameUnreadPlaces(t *testing.T) {
	e := demo(t, func(cfg *ecsops.Config) {
		cfg.Clusters, cfg.Regions, cfg.TimeBox = []string{"*"}, []string{aws.DemoRegion, "eu-north-1"}, time.Second
	})
	e.Hang("eu-north-1")
	defer e.Unhang("eu-north-1")
	g := e.ghosts(nil)
	if got := kindsOf(g); got != "60007 proven, 60008 disconnected" || len(g.Searched) != 3 {
		t.Errorf("of %v: %s", g.Searched, got)
	}
	if len(g.Unreadable) != 1 || !strings.Contains(g.Unreadable[0].Fact, "eu-north-1") || g.Unreadable[0].Call != "ecs:ListClusters" {
		t.Errorf("unreadable: %+v", g.Unreadable)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Ghosts(ctx, nil); err == nil {
		t.Error("a caller who left is told nothing")
	}
}
