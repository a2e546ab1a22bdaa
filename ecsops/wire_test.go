package ecsops_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecsbot/ecsops"
	"ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// estate is a simulated account with a Fleet that sees it over the wire.
type estate struct {
	*aws.Cloud
	*ecsops.Fleet
	t     *testing.T
	clock *clock.Paced
	mu    sync.Mutex
	calls []ecsops.Call // guarded by mu
}

func (e *estate) observe(c ecsops.Call) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, c)
}

func (e *estate) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = nil
}

func (e *estate) seen() []ecsops.Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// over serves an estate and gives a Fleet for its account. Time is manual.
func over(t *testing.T, build func(*aws.Cloud) error, change ...func(*ecsops.Config)) *estate {
	t.Helper()
	e := &estate{t: t, clock: clock.New(start, 0)}
	cloud, err := aws.New(aws.Config{Clock: e.clock, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := build(cloud); err != nil {
		t.Fatal(err)
	}
	if err := cloud.Start(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cloud.Close() }) // keep-alive connections of the SDK may still be open
	e.Cloud = cloud
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": cloud.URL(), "AWS_ACCESS_KEY_ID": aws.AccessKeyID(aws.DemoAccount), "AWS_SECRET_ACCESS_KEY": "sim",
		"AWS_REGION": aws.DemoRegion, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
	cfg := ecsops.Config{Clusters: []string{aws.DemoCluster, aws.DemoStagingCluster}, Clock: e.clock, Observe: e.observe}
	for _, c := range change {
		c(&cfg)
	}
	if e.Fleet, err = ecsops.New(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	return e
}

func demo(t *testing.T, change ...func(*ecsops.Config)) *estate {
	return over(t, func(c *aws.Cloud) error { return c.Demo() }, change...)
}

func (e *estate) preview(id string) ecsops.Snapshot {
	e.t.Helper()
	p, err := e.Preview(e.t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(id)})
	if err != nil || len(p.Found) != 1 {
		e.t.Fatalf("Preview(%s) = %d found, %v", id, len(p.Found), err)
	}
	return p.Snapshot
}

func plan(s ecsops.Snapshot) ecsops.Plan {
	return ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire})
}

func rules(p ecsops.Plan) string {
	var out []string
	for _, f := range p.Findings {
		out = append(out, string(f.Rule))
	}
	return strings.Join(out, " ")
}

func has(p ecsops.Plan, r ecsops.Rule) bool {
	return slices.ContainsFunc(p.Findings, func(f ecsops.Finding) bool { return f.Rule == r })
}

// TestDemoPlans reads each instance of the demo estate and judges it.
func TestDemoPlans(t *testing.T) {
	e := demo(t)
	for _, c := range []struct {
		why, id string
		path    ecsops.Path
		verdict ecsops.Severity
		rules   []ecsops.Rule
	}{
		{"replicas that fit", aws.DemoClean, ecsops.PathDrain, ecsops.Green, []ecsops.Rule{"T2", "T7", "T14"}},
		{"a standalone task of EventBridge blocks; worker's minimum of 0 lets it fall", aws.DemoBatch, ecsops.PathDrain, ecsops.Amber, []ecsops.Rule{"T1", "A11", "A14"}},
		{"payments: desired 1 at 100/100 can never move", aws.DemoStuck, ecsops.PathDrain, ecsops.Red, []ecsops.Rule{"R9", "A9", "A13"}},
		{"an encoder under scale-in protection", aws.DemoProtected, ecsops.PathDrain, ecsops.Red, []ecsops.Rule{"R5"}},
		{"in an Auto Scaling group", aws.DemoGroupA, ecsops.PathDrain, ecsops.Amber, []ecsops.Rule{"A1", "A2"}},
		{"EC2 terminated", aws.DemoGhost, ecsops.PathGhost, ecsops.Green, []ecsops.Rule{"T5"}},
		{"agent lost, machine running", aws.DemoDisconnected, ecsops.PathDisconnected, ecsops.Red, []ecsops.Rule{"R8"}},
		{"the only instance of its cluster", aws.DemoLast, ecsops.PathDrain, ecsops.Red, []ecsops.Rule{"R6"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			s := e.preview(c.id)
			if missing := s.Unknowns(); len(missing) > 0 {
				t.Fatalf("unknown facts: %v", missing)
			}
			p := plan(s)
			if p.Path != c.path || p.Verdict != c.verdict {
				t.Errorf("path %s, verdict %s, findings %s; want %s, %s", p.Path, p.Verdict, rules(p), c.path, c.verdict)
			}
			for _, r := range c.rules {
				if !has(p, r) {
					t.Errorf("no %s among %s", r, rules(p))
				}
			}
			if string(s.Target.EC2) != c.id || s.Target.InstanceID() != aws.DemoRegistration(c.id) {
				t.Errorf("target %+v", s.Target)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	e := demo(t)
	registration := aws.DemoRegistration(aws.DemoClean)
	arn := ecsops.InstanceARN("arn:aws:ecs:" + aws.DemoRegion + ":" + aws.DemoAccount + ":container-instance/prod/" + registration)
	for _, c := range []struct {
		why string
		ref ecsops.Ref
	}{
		{"EC2 id, any allowed cluster", ecsops.Ref{EC2: aws.DemoClean}},
		{"EC2 id in its cluster", ecsops.Ref{EC2: aws.DemoClean, Cluster: "prod"}},
		{"registration id", ecsops.Ref{InstanceID: registration}},
		{"ARN", ecsops.Ref{Instance: arn, Cluster: "prod", Account: aws.DemoAccount, Region: aws.DemoRegion}},
		{"cluster's ARN", ecsops.Ref{EC2: aws.DemoClean, Cluster: string(ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, "prod"))}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, err := e.Resolve(t.Context(), c.ref)
			if err != nil || len(got) != 1 || got[0].Target.Instance != arn || got[0].Target.EC2 != aws.DemoClean {
				t.Fatalf("Resolve(%+v) = %+v, %v", c.ref, got, err)
			}
			if got[0].Name != "prod-1" || got[0].EC2State != "running" || got[0].Target.RegisteredAt.IsZero() {
				t.Errorf("listed as %+v", got[0])
			}
		})
	}
}

// TestDeletedCluster: a configured cluster that was deleted has no registrations, and makes
// no plan of another cluster less certain.
func TestDeletedCluster(t *testing.T) {
	e := demo(t, func(c *ecsops.Config) { c.Clusters = append(c.Clusters, "deleted") })
	p, err := e.Preview(t.Context(), ecsops.Ref{EC2: aws.DemoClean, Cluster: "prod"})
	if err != nil || len(p.Found) != 1 {
		t.Fatalf("%+v, %v", p.Found, err)
	}
	if now := plan(p.Snapshot); now.Verdict != ecsops.Green {
		t.Errorf("%s: %+v", now.Verdict, now.Findings)
	}
	e.Deny("ListContainerInstances")
	if s, err := e.Inspect(t.Context(), p.Snapshot.Target); err != nil || plan(s).Verdict == ecsops.Green {
		t.Errorf("unread: %s, %v", plan(s).Verdict, err)
	}
}

func TestResolveNothing(t *testing.T) {
	e := demo(t)
	_, err := e.Resolve(t.Context(), ecsops.Ref{EC2: "i-0a1b2c3d4e5f60011"})
	missing, ok := errors.AsType[*ecsops.NotFoundError](err)
	if !ok || len(missing.Searched) != 2 || !slices.Contains(missing.Nearest, aws.DemoClean) || len(missing.Unreadable) != 0 {
		t.Fatalf("Resolve = %#v", err)
	}
	_, err = e.Resolve(t.Context(), ecsops.Ref{EC2: aws.DemoClean, Cluster: "prd"})
	wrong, ok := errors.AsType[*ecsops.UnknownClusterError](err)
	if !ok || !slices.Contains(wrong.Nearest, "prod") {
		t.Fatalf("Resolve in prd = %#v", err)
	}
	e.Deny("ListContainerInstances")
	_, err = e.Resolve(t.Context(), ecsops.Ref{EC2: aws.DemoClean})
	missing, ok = errors.AsType[*ecsops.NotFoundError](err)
	if !ok || len(missing.Unreadable) != 2 || missing.Unreadable[0].Reason != "AccessDeniedException" {
		t.Fatalf("denied: Resolve = %#v", err)
	}
}

// TestFargateOnly: a cluster without any container instance is told from one that has others.
func TestFargateOnly(t *testing.T) {
	e := demo(t, func(c *ecsops.Config) { c.Clusters = []string{"*"} })
	for _, c := range []struct {
		deny    string
		cluster string
		want    []ecsops.EmptyCluster
	}{
		{"", aws.DemoServerlessCluster, []ecsops.EmptyCluster{{Cluster: ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, aws.DemoServerlessCluster), Fargate: 2}}},
		{"DescribeClusters", aws.DemoServerlessCluster, []ecsops.EmptyCluster{{Cluster: ecsops.MakeClusterARN(aws.DemoAccount, aws.DemoRegion, aws.DemoServerlessCluster), Fargate: -1}}},
		{"", aws.DemoStagingCluster, nil},
	} {
		e.Deny(c.deny)
		_, err := e.Resolve(t.Context(), ecsops.Ref{EC2: aws.DemoClean, Cluster: c.cluster})
		e.Allow(c.deny)
		if missing, ok := errors.AsType[*ecsops.NotFoundError](err); !ok || !slices.Equal(missing.Empty, c.want) {
			t.Errorf("%s: %#v", c.cluster, err)
		}
	}
}

// TestSeveralRegistrations: an agent that lost its data registers the same EC2 id again.
func TestSeveralRegistrations(t *testing.T) {
	e := demo(t)
	if _, err := e.ReRegister(aws.DemoClean, "prod"); err != nil {
		t.Fatal(err)
	}
	p, err := e.Preview(t.Context(), ecsops.Ref{EC2: aws.DemoClean})
	if err != nil || len(p.Found) != 2 || p.Found[0].Target.Instance == p.Found[1].Target.Instance {
		t.Fatalf("Preview = %+v, %v", p.Found, err)
	}
	s, err := e.Inspect(t.Context(), p.Found[0].Target)
	if err != nil || !has(plan(s), ecsops.RuleDuplicate) {
		t.Fatalf("findings %s, %v", rules(plan(s)), err)
	}
}

// TestElsewhere: the machine is registered in a cluster that nobody named. A preview of the
// one that was named finds it, with one list for each other cluster, and says which of the
// two is in use.
func TestElsewhere(t *testing.T) {
	e := demo(t)
	before := e.preview(aws.DemoClean)
	elsewhere, ok := before.Elsewhere.Get()
	if !ok || elsewhere.Searched != 1 || len(elsewhere.Found) != 0 {
		t.Fatalf("of one registration: %+v, %t", elsewhere, ok)
	}
	arn, err := e.ReRegister(aws.DemoClean, aws.DemoStagingCluster)
	if err != nil {
		t.Fatal(err)
	}
	named := ecsops.Ref{EC2: aws.DemoClean, Cluster: aws.DemoCluster}
	read := func() ecsops.Plan {
		t.Helper()
		e.forget()
		p, err := e.Preview(t.Context(), named)
		if err != nil || len(p.Found) != 1 || p.Found[0].Target.Cluster.Name() != aws.DemoCluster {
			t.Fatalf("Preview = %+v, %v", p.Found, err)
		}
		return plan(p.Snapshot)
	}
	p := read()
	i := slices.IndexFunc(p.Findings, func(f ecsops.Finding) bool { return f.Rule == ecsops.RuleDuplicate })
	if i < 0 || len(p.Findings[i].Registrations) != 1 {
		t.Fatalf("findings %s", rules(p))
	}
	if r := p.Findings[i].Registrations[0]; string(r.Instance) != arn || r.Cluster.Name() != aws.DemoStagingCluster || !r.AgentConnected || p.Findings[i].Names[0] != ecsops.LeftOver {
		t.Errorf("T4 %+v", p.Findings[i])
	}
	if p.Path != ecsops.PathDisconnected || !has(p, ecsops.RuleAgentLost) {
		t.Errorf("with tasks whose containers may run: path %s, %s", p.Path, rules(p))
	}
	lists := 0
	for _, c := range e.seen() {
		if c.Operation == "ListContainerInstances" {
			lists++
		}
	}
	if lists > 4 { // the search, the whole cluster, the one other cluster, and distinctInstance's
		t.Errorf("%d lists of container instances", lists)
	}

	e.DenyIn("ListContainerInstances", aws.DemoStagingCluster)
	p = read()
	want := ecsops.Unknown{Fact: "registrations in staging", Call: "ecs:ListContainerInstances", Reason: "AccessDeniedException"}
	if missing := p.Snapshot.Unknowns(); len(missing) != 1 || missing[0] != want || has(p, ecsops.RuleDuplicate) || !has(p, ecsops.RuleIncomplete) {
		t.Errorf("unread: %v, %s", missing, rules(p))
	}
}

// TestLeftOver: a registration without tasks whose agent answers under a newer one is only a
// record. It goes with force=false; what ECS still counted there would be refused.
func TestLeftOver(t *testing.T) {
	e := demo(t)
	r := e.Region(aws.DemoAccount, aws.DemoRegion)
	if _, err := r.AddInstance(aws.InstanceSpec{Cluster: aws.DemoCluster, EC2ID: "i-0a1b2c3d4e5f60009", Age: time.Hour}); err != nil {
		t.Fatal(err)
	}
	old := e.preview("i-0a1b2c3d4e5f60009")
	if _, err := e.ReRegister("i-0a1b2c3d4e5f60009", aws.DemoCluster); err != nil {
		t.Fatal(err)
	}
	s, err := e.Inspect(t.Context(), old.Target)
	p := plan(s)
	if err != nil || p.Path != ecsops.PathDuplicate || p.Verdict != ecsops.Amber || p.Has(ecsops.StepForce) || p.Has(ecsops.StepDrain) || !p.Has(ecsops.StepDeregister) {
		t.Fatalf("path %s, verdict %s, steps %v, %s, %v", p.Path, p.Verdict, p.Steps, rules(p), err)
	}
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDeregister, Target: old.Target, Session: "op"}); out.Result != ecsops.OK {
		t.Fatalf("Do = %+v", out)
	}
}

// TestDeniedReads refuses each read in turn: the verdict never turns greener, and the
// missing fact is named with its call.
func TestDeniedReads(t *testing.T) {
	e := demo(t)
	for _, id := range []string{aws.DemoClean, aws.DemoProtected, aws.DemoGroupB, aws.DemoGhost, aws.DemoDisconnected} {
		whole := e.preview(id)
		before := plan(whole)
		for call, fact := range map[string]string{
			"DescribeContainerInstances": "instance", "DescribeClusters": "cluster", "ListTasks": "tasks", "DescribeTasks": "tasks",
			"GetTaskProtection": "protection", "DescribeServices": "services", "DescribeInstances": "ec2",
			"DescribeAutoScalingInstances": "group", "GetCallerIdentity": "",
		} {
			e.Deny(call)
			s, err := e.Inspect(t.Context(), whole.Target)
			e.Allow(call)
			if err != nil {
				t.Fatal(err)
			}
			after := plan(s)
			if after.Verdict.Rank() < before.Verdict.Rank() {
				t.Errorf("%s without %s: %s became %s", id, call, before.Verdict, after.Verdict)
			}
			if fact == "" {
				continue
			}
			i := slices.IndexFunc(s.Unknowns(), func(u ecsops.Unknown) bool { return u.Fact == fact })
			if i < 0 || !strings.HasSuffix(s.Unknowns()[i].Call, ":"+call) || s.Unknowns()[i].Reason == "" {
				t.Errorf("%s without %s: unknown %v", id, call, s.Unknowns())
			}
			if !has(after, ecsops.RuleIncomplete) {
				t.Errorf("%s without %s: no A12 in %s", id, call, rules(after))
			}
		}
	}
}

// TestPages makes every page one record long: nothing may be lost behind the first.
func TestPages(t *testing.T) {
	e := demo(t)
	whole := plan(e.preview(aws.DemoGroupB))
	e.PageSize(1)
	e.clock.Advance(time.Minute)
	paged := plan(e.preview(aws.DemoGroupB))
	if diff := ecsops.Diff(whole, paged); len(diff) > 0 || whole.Digest != paged.Digest {
		t.Fatalf("one record to a page changes the plan: %+v", diff)
	}
	cold := demo(t) // with nothing in its caches
	cold.PageSize(1)
	for _, u := range cold.preview(aws.DemoGroupB).Unknowns() {
		t.Errorf("with one record to a page, not read: %+v", u)
	}
}

// TestTimeBox: a Region that does not answer leaves unknown facts, in time.
func TestTimeBox(t *testing.T) {
	e := demo(t, func(c *ecsops.Config) { c.TimeBox = 300 * time.Millisecond })
	target := e.preview(aws.DemoClean).Target
	e.Hang(aws.DemoRegion)
	began := time.Now()
	s, err := e.Inspect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %s with a time box of 300 ms", took)
	}
	for _, u := range s.Unknowns() {
		if u.Reason != "timed out" || u.Call == "" {
			t.Errorf("unknown %+v", u)
		}
	}
	if n := len(s.Unknowns()); n != len(ecsops.FactNames())-3 { // self needs no AWS, node is of external hosts, and nobody rehearses an end that is not wanted
		t.Errorf("%d facts unknown", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Inspect(ctx, target); !errors.Is(err, context.Canceled) {
		t.Errorf("Inspect with a cancelled context: %v", err)
	}
}

// TestADeadConnection: an answer that never begins costs no fact; it is asked for again.
func TestADeadConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("waits three seconds for an answer that does not come")
	}
	e := demo(t)
	real, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(real)
	var mu sync.Mutex
	asked := 0
	stuck := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetTaskProtection") {
			mu.Lock()
			asked++
			first := asked == 1
			mu.Unlock()
			if first {
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not see the client leave
				<-r.Context().Done()
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	defer stuck.Close()
	t.Setenv("AWS_ENDPOINT_URL", stuck.URL)
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"prod"}, Clock: e.clock, TimeBox: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Preview(t.Context(), ecsops.Ref{EC2: aws.DemoProtected})
	mu.Lock()
	defer mu.Unlock()
	if err != nil || len(p.Snapshot.Unknowns()) > 0 || asked != 2 {
		t.Errorf("asked %d times, unknown %v, %v", asked, p.Snapshot.Unknowns(), err)
	}
}

// TestThrottledReads: reads are retried, also when ECS wraps throttling as ClientException.
func TestThrottledReads(t *testing.T) {
	for _, disguised := range []bool{false, true} {
		e := demo(t)
		e.DisguiseThrottling(disguised)
		e.Throttle("DescribeTasks", 2)
		if missing := e.preview(aws.DemoClean).Unknowns(); len(missing) > 0 {
			t.Errorf("disguised %t: unknown %v", disguised, missing)
		}
	}
}

// TestWrongAccount: EC2 of another account knows no such machine; that is no ghost.
func TestWrongAccount(t *testing.T) {
	const other = "999999999999"
	e := over(t, func(c *aws.Cloud) error {
		c.Region(other, aws.DemoRegion)
		return c.Demo()
	})
	target := e.preview(aws.DemoDisconnected).Target
	t.Setenv("AWS_ACCESS_KEY_ID", aws.AccessKeyID(other))
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{string(target.Cluster)}, Clock: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Inspect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := s.EC2.Get(); ok {
		t.Errorf("EC2 is known as %+v under another account's credentials", m)
	}
	if why := s.EC2.Why(); why.Reason != "wrong account" || why.Call != "sts:GetCallerIdentity" {
		t.Errorf("why = %+v", why)
	}
	out := f.Do(t.Context(), ecsops.Action{Kind: ecsops.ActDrain, Target: target})
	if out.Result != ecsops.Refused {
		t.Errorf("Do under another account's credentials: %+v", out)
	}
	for _, c := range e.Log() {
		if c.Mutating {
			t.Errorf("a mutating call went out: %+v", c)
		}
	}
}

// TestBucketsHold: with AWS's documented buckets enforced, many previews and looks in a row
// stay within our share of them, so that AWS never throttles.
func TestBucketsHold(t *testing.T) {
	e := demo(t)
	e.clock.SetPace(100)
	e.EnforceBuckets(true)
	target := e.preview(aws.DemoClean).Target
	for range 12 {
		if missing := e.preview(aws.DemoGroupA).Unknowns(); len(missing) > 0 {
			t.Fatalf("unknown %v", missing)
		}
		if _, err := e.Look(t.Context(), target, ecsops.LookFor{EC2: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range e.Log() {
		if c.Outcome != "OK" {
			t.Fatalf("%s: %s", c.Action, c.Outcome)
		}
	}
}

// TestFilterIsNotTrusted: a filter that finds another machine's registration finds nothing.
func TestFilterIsNotTrusted(t *testing.T) {
	e := demo(t)
	real, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(real)
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".ListContainerInstances") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			changed := strings.ReplaceAll(string(body), "ec2InstanceId == "+aws.DemoClean, "ec2InstanceId == "+aws.DemoStuck)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
		}
		proxy.ServeHTTP(w, r)
	}))
	defer liar.Close()
	t.Setenv("AWS_ENDPOINT_URL", liar.URL)
	f, err := ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"prod"}, Clock: e.clock})
	if err != nil {
		t.Fatal(err)
	}
	ref := ecsops.Ref{EC2: aws.DemoClean}
	if p, err := f.Preview(t.Context(), ref); !isNotFound(err) {
		t.Errorf("Preview = %+v, %v", p.Found, err)
	}
	if found, err := f.Resolve(t.Context(), ref); !isNotFound(err) {
		t.Errorf("Resolve = %+v, %v", found, err)
	}
	if p, err := f.Preview(t.Context(), ecsops.Ref{EC2: aws.DemoBatch}); err != nil || p.Found[0].Target.EC2 != aws.DemoBatch {
		t.Errorf("an honest answer: %+v, %v", p.Found, err)
	}
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[*ecsops.NotFoundError](err)
	return ok
}

// TestStaleHint: the machine registered anew since it was seen; the new registration is read.
func TestStaleHint(t *testing.T) {
	e := demo(t)
	before := e.preview(aws.DemoStuck)
	arn, err := e.ReRegister(aws.DemoStuck, "prod")
	if err != nil {
		t.Fatal(err)
	}
	if out := e.Do(t.Context(), ecsops.Action{Kind: ecsops.ActForceDeregister, Target: before.Target}); out.Result != ecsops.OK {
		t.Fatalf("force: %+v", out)
	}
	after := e.preview(aws.DemoStuck)
	if after.Target.Instance != ecsops.InstanceARN(arn) || before.Target.Instance == after.Target.Instance {
		t.Errorf("target %s, want %s", after.Target.Instance, arn)
	}
	if tasks, ok := after.Tasks.Get(); !ok || len(tasks) > 1 { // the daemon alone may have started there
		t.Errorf("tasks of the former registration: %+v known %t", tasks, ok)
	}
	if i, ok := after.Instance.Get(); !ok || i.RegisteredAt.Equal(before.Target.RegisteredAt) {
		t.Errorf("instance %+v", i)
	}
}

// TestForgottenMachine: an hour after its end EC2 knows a machine no more; that is an answer.
func TestForgottenMachine(t *testing.T) {
	e := demo(t)
	e.clock.Advance(3 * time.Hour)
	p := plan(e.preview(aws.DemoGhost))
	if m, ok := p.Snapshot.EC2.Get(); !ok || m.State != "not-found" {
		t.Fatalf("EC2 %+v known %t", m, ok)
	}
	if p.Path != ecsops.PathGhost || !p.ProvenGhost() {
		t.Errorf("path %s", p.Path)
	}
	e.Deny("DescribeInstances")
	if s, err := e.Inspect(t.Context(), p.Snapshot.Target); err != nil || plan(s).ProvenGhost() {
		t.Errorf("a ghost without a successful read: %v", err)
	}
}

// TestRoomOverTheWire: what the simulation needs is read, in a cluster with more services
// than are read before it is known which of them have tasks on the target.
func TestRoomOverTheWire(t *testing.T) {
	e := over(t, func(c *aws.Cloud) error { return c.Big(6, 120) }, func(c *ecsops.Config) {
		c.Clusters, c.TimeBox = []string{aws.DemoAccount + "/" + aws.DemoRegion + "/big"}, time.Minute
	})
	for range 2 { // the second time it was seen before
		s := e.preview(aws.BigInstance(0))
		if missing := s.Unknowns(); len(missing) > 0 {
			t.Fatalf("unknown: %v", missing)
		}
		rooms := plan(s).Rooms()
		for _, r := range rooms {
			if r.Verdict != ecsops.RoomFits || r.Places != 5 || len(r.Landing) == 0 {
				t.Errorf("%+v", r)
			}
		}
		if len(rooms) < 60 {
			t.Errorf("%d services with tasks there", len(rooms))
		}
	}
}
