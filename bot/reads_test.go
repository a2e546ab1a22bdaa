package bot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ecsbot/blocks"
	"ecsbot/ecsops"
	"ecsbot/policy"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	"ecsbot/workflow"
)

// scene is something that the bot reads, on an estate where there is much to read.
type scene struct {
	name    string
	prepare func(*stand)         // what happens beforehand
	config  func(*ecsops.Config) // other than usual
	look    func(*stand) told    // reads, and draws what a person sees
	moot    []string             // reads that this plan does not depend on: without them it is the same, word for word
	only    []string             // where few matter: all others are moot
}

// told is what a person is shown, and what counts of it.
type told struct {
	text     string
	verdict  ecsops.Severity // "" where nothing is planned
	needs    []policy.Requirement
	barred   bool
	same     string         // what was decided on, to compare
	checks   []ecsops.Check // of a verification
	promises int            // ghosts that may be cleaned up
}

// stand is one estate, and a Fleet that sees it over the wire.
type stand struct {
	t     *testing.T
	cloud *simaws.Cloud
	clock *clock.Paced
	fleet *ecsops.Fleet
	plan  ecsops.Plan // of what was done beforehand
	since time.Time
	known []string

	metadata string // of the bot's own task
	command  string // that a machine was sent
	hires    int
	app      string // of the newest process, in the user agent of its calls
}

// raise builds the scene's estate and lets happen what happens beforehand.
func raise(t *testing.T, seed uint64, sc scene) *stand {
	t.Helper()
	s := &stand{t: t, clock: clock.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)}
	var err error
	s.cloud, err = simaws.New(simaws.Config{Clock: s.clock, Seed: seed})
	s.must(err)
	s.must(s.cloud.Demo())
	server := httptest.NewServer(s.cloud)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	s.hire(sc.config)
	if sc.prepare != nil {
		sc.prepare(s)
	}
	return s
}

// reads are the actions, as IAM spells them, that the newest process asked since a call. What
// an earlier one gave up may still arrive.
func (s *stand) reads(since int) []string {
	found := map[string]bool{}
	for _, c := range s.cloud.LogSince(since) {
		if !strings.Contains(c.UserAgent+" ", "app/"+s.app+" ") {
			continue
		}
		if c.Mutating && c.Action != "AssumeRole" {
			s.t.Fatalf("%s is no read", c.Action)
		}
		found[cmp.Or(iamPrefix[c.Service], c.Service)+":"+c.Action] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// hire is a new process's Fleet: it remembers nothing.
func (s *stand) hire(change func(*ecsops.Config)) {
	cfg := ecsops.Config{Region: simaws.DemoRegion, Clusters: []string{simaws.DemoCluster, simaws.DemoStagingCluster}, Clock: s.clock, TimeBox: time.Minute, MetadataURI: s.metadata}
	s.hires++
	s.app = fmt.Sprintf("stand-%d", s.hires)
	cfg.AppID = s.app
	if change != nil {
		change(&cfg)
	}
	f, err := ecsops.New(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.fleet = f
}

func (s *stand) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) do(a ecsops.Action) {
	s.t.Helper()
	a.Target, a.Session = s.plan.Snapshot.Target, "op-1"
	if out := s.fleet.Do(s.t.Context(), a); out.Result != ecsops.OK {
		s.t.Fatalf("%s: %+v", a.Kind, out)
	}
}

// planned previews an instance and draws the card.
func planned(id string, in ecsops.Intent) func(*stand) told {
	return func(s *stand) told {
		p, err := s.fleet.Preview(ecsops.Reading(s.t.Context(), in), ecsops.Ref{EC2: ecsops.EC2ID(id)})
		if err != nil {
			return told{text: drawn(blocks.Problem(err))}
		}
		if len(p.Found) != 1 {
			s.t.Fatalf("%d registrations of %s", len(p.Found), id)
		}
		in.Purpose = cmp.Or(in.Purpose, ecsops.Retire)
		return ofPlan(s, ecsops.NewPlan(p.Snapshot, in))
	}
}

func ofPlan(s *stand, p ecsops.Plan) told {
	op := workflow.Operation{ID: "op-1", Target: p.Snapshot.Target, Plan: p, State: workflow.Proposed, Needs: policy.Needs(p), CreatedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(time.Hour)}
	basis, err := json.Marshal([]any{p.Path, p.Findings, p.Fates, p.Steps, p.ETA, p.Digest})
	s.must(err)
	return told{text: drawn(blocks.Card(op, nil, blocks.Options{})), verdict: p.Verdict, needs: policy.Needs(p), barred: len(p.Barred()) > 0 || len(p.Steps) == 0, same: string(basis)}
}

// drawn is every text of a message.
func drawn(m blocks.Message) string {
	raw, err := json.Marshal(m.Blocks)
	if err != nil {
		panic(err) // made of strings
	}
	var any any
	if err := json.Unmarshal(raw, &any); err != nil {
		panic(err)
	}
	var b strings.Builder
	b.WriteString(m.Text + "\n")
	texts(any, &b)
	return b.String()
}

func texts(v any, b *strings.Builder) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			texts(e, b)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if s, ok := v[k].(string); ok && k == "text" {
				b.WriteString(s + "\n")
			}
			texts(v[k], b)
		}
	}
}

// gone drains and deregisters an instance, so that its end can be looked at.
func gone(id string, in ecsops.Intent) func(*stand) {
	return func(s *stand) {
		s.begin(id, in)
		s.clock.Advance(10 * time.Minute)
		s.do(ecsops.Action{Kind: ecsops.ActDeregister})
		s.clock.Advance(time.Minute)
	}
}

// begin plans and drains.
func (s *stand) begin(id string, in ecsops.Intent) {
	in.Purpose = cmp.Or(in.Purpose, ecsops.Retire)
	p, err := s.fleet.Preview(s.t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(id)})
	s.must(err)
	if missing := p.Snapshot.Unknowns(); len(missing) > 0 {
		s.t.Fatalf("unknown beforehand: %v", missing)
	}
	s.plan, s.since = ecsops.NewPlan(p.Snapshot, in), s.clock.Now()
	for _, f := range s.plan.Fates {
		s.known = append(s.known, f.Task.ARN)
	}
	s.do(ecsops.Action{Kind: ecsops.ActDrain})
}

// lookFor is what the engine asks a look to read.
func (s *stand) lookFor() ecsops.LookFor {
	lf := ecsops.LookFor{KnownTasks: s.known, EC2: true}
	services, _ := s.plan.Snapshot.Services.Get()
	lf.Services = slices.Sorted(maps.Keys(services))
	groups, _ := s.plan.Snapshot.TargetGroups.Get()
	lf.TargetGroups = slices.Sorted(maps.Keys(groups))
	g, _ := s.plan.Snapshot.Group.Get()
	lf.Group = g.Name
	tasks, _ := s.plan.Snapshot.Tasks.Get()
	for _, t := range tasks {
		for _, eni := range t.ENIs {
			lf.ENIs = append(lf.ENIs, eni.ID)
		}
	}
	return lf
}

// constrained adds services to the clean instance whose placement depends on others.
func constrained(s *stand) {
	r := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	for _, spec := range []simaws.ServiceSpec{
		{Name: "alone", Distinct: true, TaskDefinition: "worker"},
		{Name: "near", Constraints: []string{"attribute:ecs.instance-type == m6i.2xlarge"}, TaskDefinition: "worker"},
		{Name: "spread", TaskDefinition: "web", Zones: []string{simaws.DemoRegion + "a", simaws.DemoRegion + "b"}},
	} {
		spec.Cluster, spec.Desired, spec.MinPercent, spec.MaxPercent = simaws.DemoCluster, 1, 100, 200
		spec.On = []string{simaws.DemoClean}
		_, err := r.AddService(spec)
		s.must(err)
	}
}

const spotID = "i-0a1b2c3d4e5f60009"

// spot adds a Spot Instance with a task that nobody replaces.
func spot(s *stand) {
	r := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	_, err := r.AddInstance(simaws.InstanceSpec{Cluster: simaws.DemoCluster, EC2ID: spotID, Spot: true, Age: time.Hour})
	s.must(err)
	_, err = r.RunTask(simaws.TaskSpec{Cluster: simaws.DemoCluster, TaskDefinition: "worker", On: spotID})
	s.must(err)
}

// classic adds a service with one task, on the clean instance, behind a Classic load balancer.
func classic(s *stand) {
	r := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	lb, err := r.AddClassic(simaws.ClassicSpec{Name: "legacy", InstancePort: 8090, Draining: 40 * time.Second})
	s.must(err)
	_, err = r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: "legacy", CPU: 64, Memory: 128, Ports: []simaws.PortSpec{{ContainerPort: 80, HostPort: 8090}}})
	s.must(err)
	_, err = r.AddService(simaws.ServiceSpec{Cluster: simaws.DemoCluster, Name: "legacy", TaskDefinition: "legacy", Desired: 1, MinPercent: 100, MaxPercent: 200,
		Balancers: []simaws.BalancerSpec{{TargetGroup: lb, ContainerPort: 80}}, On: []string{simaws.DemoClean}})
	s.must(err)
}

const externalHost = "mi-0a1b2c3d4e5f60009"

const managedHost = "i-0a1b2c3d4e5f60021"

// managed adds a Managed Instance with a managed daemon and a task of no service.
func managed(s *stand) {
	r := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	_, err := r.AddProvider(simaws.ProviderSpec{Name: "mi-cp", ManagedInstances: true, Cluster: simaws.DemoCluster})
	s.must(err)
	_, err = r.AddInstance(simaws.InstanceSpec{Cluster: simaws.DemoCluster, EC2ID: managedHost, Managed: true, Provider: "mi-cp", Age: time.Hour})
	s.must(err)
	_, err = r.AddDaemon(simaws.DaemonSpec{Cluster: simaws.DemoCluster, Name: "agent", CPU: 64, Memory: 64, Providers: []string{"mi-cp"}})
	s.must(err)
	_, err = r.RunTask(simaws.TaskSpec{Cluster: simaws.DemoCluster, TaskDefinition: "worker", On: managedHost})
	s.must(err)
}

func external(c *ecsops.Config) { c.External = ecsops.ExternalSSM }

// anywhere adds an ECS Anywhere host with a task.
func anywhere(s *stand) {
	r := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	_, err := r.AddInstance(simaws.InstanceSpec{Cluster: simaws.DemoCluster, EC2ID: externalHost, Age: time.Hour})
	s.must(err)
	_, err = r.RunTask(simaws.TaskSpec{Cluster: simaws.DemoCluster, TaskDefinition: "worker", On: externalHost})
	s.must(err)
}

// hosts lets the bot itself run as a task on the instance.
func hosts(id string) func(*stand) {
	return func(s *stand) {
		arn, err := s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion).RunTask(simaws.TaskSpec{Cluster: simaws.DemoCluster, TaskDefinition: "worker", On: id})
		s.must(err)
		metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"Cluster": %q, "TaskARN": %q, "LaunchType": "EC2"}`, ecsops.MakeClusterARN(simaws.DemoAccount, simaws.DemoRegion, simaws.DemoCluster), arn)
		}))
		s.t.Cleanup(metadata.Close)
		s.metadata = metadata.URL
	}
}

// machineAlone is the plan to end a machine that has left.
func machineAlone(s *stand) told {
	in := ecsops.Intent{Purpose: ecsops.EndMachine, Terminate: ecsops.Terminate}
	seen, err := s.fleet.Inspect(ecsops.Reading(s.t.Context(), in), s.plan.Snapshot.Target)
	s.must(err)
	return ofPlan(s, ecsops.NewPlan(seen, in))
}

// verified looks at the end and draws the result's card.
func verified(s *stand) told {
	after, err := s.fleet.After(s.t.Context(), s.plan.Snapshot.Target, s.lookFor(), s.since)
	s.must(err)
	op := workflow.Operation{ID: "op-1", Target: s.plan.Snapshot.Target, Plan: s.plan, State: workflow.Done, StartedAt: s.since, EndedAt: s.clock.Now()}
	op.Progress.Checks = ecsops.Verify(s.plan, after)
	if !passed(op.Progress.Checks) {
		op.State, op.Cause = workflow.Unverified, "not_all_verified"
	}
	return told{text: drawn(blocks.Card(op, nil, blocks.Options{})), checks: op.Progress.Checks}
}

func passed(checks []ecsops.Check) bool {
	return len(checks) > 0 && !slices.ContainsFunc(checks, func(c ecsops.Check) bool {
		return c.Result != ecsops.CheckPassed && c.Result != ecsops.CheckSkipped
	})
}

// swept looks for ghosts and draws the list.
func swept(s *stand) told {
	sweep, err := s.fleet.Ghosts(s.t.Context(), func(ecsops.ClusterARN) bool { return true })
	if err != nil {
		return told{text: drawn(blocks.Problem(err))}
	}
	return told{text: drawn(blocks.Ghosts(blocks.GhostList{ID: "1", Sweep: sweep, Clean: true}, s.clock.Now())), promises: len(sweep.Proven())}
}

// watched is one look at a drain that stands still, as its card tells it.
func watched(s *stand) told {
	lf := s.lookFor()
	lf.Holds = true
	seen, err := s.fleet.Look(s.t.Context(), s.plan.Snapshot.Target, lf)
	s.must(err)
	var lines []string
	for _, u := range seen.Unknowns() {
		if u.Call != "" { // a look reads what it was told to
			lines = append(lines, couldNot(u))
		}
	}
	_, told1 := seen.Instance.Get()
	tasks, told2 := seen.Tasks.Get()
	empty := 0
	if told1 && told2 && !slices.ContainsFunc(tasks, func(t ecsops.Task) bool { return !t.Stopped() }) {
		empty = 1
	}
	return told{text: strings.Join(lines, "\n"), promises: empty}
}

// afterwards is one look of a follow-up.
func afterwards(s *stand) told {
	a, err := s.fleet.Aftermath(s.t.Context(), s.plan.Snapshot.Target, true)
	s.must(err)
	l := ecsops.Later{Machine: a.EC2, Want: 2, Orphans: []ecsops.TaskRef{{ARN: "arn:aws:ecs:x:y:task/prod/z"}}}
	var lines []string
	if again, ok := a.Again.Get(); ok {
		l.Looks, l.Again = 2, again
	} else {
		u := a.Again.Why()
		l.Unlisted = &u
		lines = append(lines, couldNot(u))
	}
	if _, ok := a.EC2.Get(); !ok {
		u := a.EC2.Why()
		l.Unseen = &u
		lines = append(lines, couldNot(u))
	}
	if _, ok := a.Group.Get(); !ok {
		lines = append(lines, couldNot(a.Group.Why()))
	}
	return told{text: strings.Join(lines, "\n"), checks: ecsops.VerifyLater(l)}
}

// allowed is a machine with orphans that may be looked into; external hosts may be, too.
func allowed(c *ecsops.Config) { c.External, c.HostLook = ecsops.ExternalSSM, ecsops.HostLookSSM }

// leftBehind forces the batch instance out and has its machine list what is left there: all
// of it has ended.
func leftBehind(s *stand) {
	content, err := os.ReadFile("../deploy/ssm/host-look.json")
	s.must(err)
	_, err = s.cloud.Region(simaws.DemoAccount, simaws.DemoRegion).AddDocument(simaws.DocumentSpec{Name: ecsops.HostLookDocument, Content: string(content)})
	s.must(err)
	s.begin(simaws.DemoBatch, ecsops.Intent{Force: true})
	s.do(ecsops.Action{Kind: ecsops.ActForceDeregister})
	s.must(s.cloud.ManageEC2(simaws.DemoBatch, ""))
	s.must(s.cloud.EndOrphans(simaws.DemoBatch, "", 0, false))
	s.since = s.clock.Now()
	out := s.fleet.Do(s.t.Context(), ecsops.Action{Kind: ecsops.ActLookAtHost, Document: ecsops.HostLookDocument, Target: s.plan.Snapshot.Target, Session: "op-1"})
	if out.Result != ecsops.OK {
		s.t.Fatalf("looking: %+v", out)
	}
	s.command = out.Command
	s.clock.Advance(time.Minute)
}

// looked is one look into a machine: whether Systems Manager may be asked, and what it answers.
func looked(s *stand) told {
	target := s.plan.Snapshot.Target
	l := ecsops.Later{Machine: ecsops.Known(ecsops.EC2{State: "running"}), Orphans: s.plan.Orphans(), Host: &ecsops.HostSight{}}
	node, err := s.fleet.Node(s.t.Context(), target)
	s.must(err)
	answer, err := s.fleet.HostLook(s.t.Context(), ecsops.HostQuestion{Target: target, Command: s.command, Asked: s.since, Orphans: l.Orphans, Left: s.since})
	s.must(err)
	a, _ := answer.Get()
	*l.Host = a.Sight
	var lines []string
	if _, known := node.Get(); !known {
		u := node.Why()
		*l.Host = ecsops.HostUnseen(s.clock.Now(), u.Call, u.Reason)
		lines = append(lines, couldNot(u))
	} else if _, known := answer.Get(); !known {
		u := answer.Why()
		*l.Host = ecsops.HostUnseen(s.clock.Now(), u.Call, u.Reason)
		lines = append(lines, couldNot(u))
	}
	return told{text: strings.Join(lines, "\n"), checks: ecsops.VerifyLater(l)}
}

func couldNot(u ecsops.Unknown) string {
	return "could not read " + u.Fact + ": `" + u.Call + "` answered `" + u.Reason + "`"
}

func scenes() []scene {
	keep := ecsops.Intent{}
	end := func(how ecsops.Termination) ecsops.Intent { return ecsops.Intent{Terminate: how} }
	force := ecsops.Intent{Force: true}
	unasked := []string{"ec2:DescribeInstanceAttribute"} // nobody asked for a termination
	unbalanced := append([]string{"elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetGroups",
		"elasticloadbalancing:DescribeTargetHealth"}, unasked...) // no service there has a load balancer
	return []scene{
		{name: "replicas that fit", look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "the same, terminated", look: planned(simaws.DemoClean, end(ecsops.Terminate))},
		{name: "the same, seen before", prepare: func(s *stand) { planned(simaws.DemoClean, keep)(s) }, look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "a standalone task, a daemon", look: planned(simaws.DemoBatch, keep), moot: unasked},
		{name: "the same by force", look: planned(simaws.DemoBatch, force), moot: unasked},
		{name: "a drain that could never end", look: planned(simaws.DemoStuck, keep), moot: unasked},
		{name: "a protected task", look: planned(simaws.DemoProtected, keep), moot: unbalanced},
		{name: "a member of a group", look: planned(simaws.DemoGroupB, keep)},
		{name: "the same, terminated through its group", look: planned(simaws.DemoGroupB, end(ecsops.Replace))},
		{name: "a ghost", look: planned(simaws.DemoGhost, keep), moot: unasked},
		{name: "a machine without its agent", look: planned(simaws.DemoDisconnected, keep), moot: unbalanced},
		{name: "the last instance", look: planned(simaws.DemoLast, keep), moot: unasked},
		{name: "a stopped machine", prepare: func(s *stand) { s.must(s.cloud.StopEC2(simaws.DemoBatch)); s.clock.Advance(5 * time.Minute) },
			look: planned(simaws.DemoBatch, keep), moot: unasked},
		{name: "draining already", prepare: func(s *stand) { s.begin(simaws.DemoClean, keep) }, look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "every cluster", config: func(c *ecsops.Config) { c.Clusters = []string{"*"} }, look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "the group at its minimum", look: planned(simaws.DemoGroupA, end(ecsops.Shrink))},
		{name: "an external host", config: external, prepare: anywhere, look: planned(externalHost, keep), moot: unbalanced},
		{name: "an external host, out of Systems Manager too", config: external, prepare: anywhere, look: planned(externalHost, ecsops.Intent{DeregisterNode: true}), moot: unbalanced},
		{name: "a Spot Instance", prepare: spot, look: planned(spotID, keep), moot: unbalanced},
		{name: "a Managed Instance", prepare: managed, look: planned(managedHost, keep), moot: unbalanced},
		{name: "a Classic load balancer", prepare: classic, look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "a Classic load balancer, by force", prepare: classic, look: planned(simaws.DemoClean, force), moot: unasked},
		{name: "the end behind a Classic load balancer", prepare: func(s *stand) { classic(s); gone(simaws.DemoClean, keep)(s) }, look: verified},
		{name: "placement constraints", prepare: constrained, look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "the instance that hosts the bot", prepare: hosts(simaws.DemoClean), look: planned(simaws.DemoClean, keep), moot: unasked},
		{name: "the machine alone, afterwards", prepare: gone(simaws.DemoClean, keep), look: machineAlone, // no task is there any more
			only: []string{"autoscaling:DescribeAutoScalingInstances", "ec2:DescribeInstanceAttribute", "ec2:DescribeInstances", "ec2:DescribeInstanceTypes", "ec2:TerminateInstances",
				"ecs:DescribeContainerInstances", "ecs:ListContainerInstances", "sts:GetCallerIdentity"}},
		{name: "ghosts", look: swept},
		{name: "a drain that stands still", prepare: func(s *stand) { s.begin(simaws.DemoStuck, keep); s.clock.Advance(2 * time.Minute) }, look: watched},
		{name: "the end", prepare: gone(simaws.DemoClean, keep), look: verified},
		{name: "the end through the group", prepare: func(s *stand) {
			s.begin(simaws.DemoGroupB, end(ecsops.Replace))
			s.do(ecsops.Action{Kind: ecsops.ActTerminateInGroup, Group: simaws.DemoGroup})
			s.clock.Advance(20 * time.Minute)
		}, look: verified},
		{name: "a look at the host", config: allowed, prepare: leftBehind, look: looked},
		{name: "afterwards", prepare: gone(simaws.DemoClean, keep), look: afterwards},
	}
}

// TestNoMissingReadTurnsAnythingGreener takes each single read permission away, wherever
// the bot asks for it. What a person sees names the missing fact and the refused call, and
// nothing gets easier: no greener verdict, no requirement less, no check passed, no ghost
// proven. The reads are those that the estate's own log shows; that they are all there are
// is checked against the self-test and the policies, so that a new read needs a scene here.
//
// proves: A12 G25
func TestNoMissingReadTurnsAnythingGreener(t *testing.T) {
	for k, v := range map[string]string{
		"AWS_REGION": simaws.DemoRegion, "AWS_CA_BUNDLE": "",
		"AWS_ACCESS_KEY_ID": simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY": simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
	made, named := map[string]bool{}, map[string]bool{}
	for n, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			for action, told := range raise(t, uint64(n), sc).deprive(sc) { //nolint:gosec // a small number
				made[action] = true
				named[action] = named[action] || told
			}
		})
	}
	for _, action := range everyRead(t) {
		switch {
		case !made[action]:
			t.Errorf("no scene makes the bot call %s: add one where it matters", action)
		case !named[action]:
			t.Errorf("no scene tells that %s is missing", action)
		}
		delete(made, action)
	}
	for action := range made {
		t.Errorf("%s is called, and neither a policy nor the self-test knows it", action)
	}
}

// deprive plays the scene with everything allowed, then without each read that it made;
// it returns these, and whether their absence was told.
func (s *stand) deprive(sc scene) map[string]bool {
	s.t.Helper()
	for s.cloud.InFlight() > 0 {
		runtime.Gosched() // reads ahead that an earlier look gave up are still being answered
	}
	from := len(s.cloud.Log())
	s.hire(sc.config)
	whole := sc.look(s)
	if strings.Contains(whole.text, "could not read") || whole.checks != nil && !passed(whole.checks) && sc.name != "afterwards" {
		s.t.Fatalf("with everything allowed:\n%s", whole.text)
	}
	took := map[string]bool{}
	for _, action := range s.reads(from) {
		_, call, _ := strings.Cut(action, ":")
		s.cloud.Deny(call)
		s.hire(sc.config)
		bare := sc.look(s)
		s.cloud.Allow(call)
		said := regexp.MustCompile("(?i)(could not read|asked by a dry run:) [^\n;.]*`" + regexp.QuoteMeta(action) + "` answered").MatchString(bare.text)
		took[action] = said
		s.compare(sc, action, whole, bare, said)
	}
	return took
}

func (s *stand) compare(sc scene, action string, whole, bare told, said bool) {
	s.t.Helper()
	if slices.Contains(sc.moot, action) || sc.only != nil && !slices.Contains(sc.only, action) {
		if bare.same != whole.same || said {
			s.t.Errorf("%s is said not to matter here, and the plan is another:\n%s\n%s", action, whole.same, bare.same)
		}
		return
	}
	if !said {
		s.t.Errorf("without %s nothing is said of it:\n%s", action, bare.text)
	}
	if bare.verdict != "" && bare.verdict.Rank() < whole.verdict.Rank() {
		s.t.Errorf("without %s, %s became %s", action, whole.verdict, bare.verdict)
	}
	if bare.verdict == ecsops.Green {
		s.t.Errorf("without %s it is green", action)
	}
	for _, need := range whole.needs {
		if bare.verdict != "" && !bare.barred && !slices.Contains(bare.needs, need) {
			s.t.Errorf("without %s, %s is not needed any more", action, need)
		}
	}
	if whole.barred && bare.verdict != "" && !bare.barred {
		s.t.Errorf("without %s nothing bars the plan any more", action)
	}
	if bare.promises > whole.promises {
		s.t.Errorf("without %s there are %d promises, with it %d", action, bare.promises, whole.promises)
	}
	if whole.checks != nil && passed(bare.checks) {
		s.t.Errorf("without %s every check passes:\n%s", action, bare.text)
	}
	for i, c := range bare.checks {
		if better(c.Result, whole.checks[i].Result) {
			s.t.Errorf("without %s %s is %s, with it %s", action, c.ID, c.Result, whole.checks[i].Result)
		}
	}
}

func better(a, b ecsops.CheckResult) bool {
	return a == ecsops.CheckPassed && b != ecsops.CheckPassed || a == ecsops.CheckSkipped && b != ecsops.CheckSkipped && b != ecsops.CheckPassed
}

// readsOnly: TerminateInstances is a read as long as it is a dry run, which is all that an inspection makes of it.
var readsOnly = regexp.MustCompile(`:(Describe|List|Get)|^ec2:TerminateInstances$`)

// everyRead is what the policies grant and the self-test tries; they must agree.
func everyRead(t *testing.T) []string {
	t.Helper()
	granted := map[string]bool{noPermissionNeeded: true}
	for _, statements := range policies(t) {
		for _, s := range statements {
			for _, a := range s.Action {
				granted[a] = granted[a] || readsOnly.MatchString(a)
			}
		}
	}
	maps.DeleteFunc(granted, func(_ string, read bool) bool { return !read })
	tried := map[string]bool{}
	for _, c := range raise(t, 0, scene{config: allowed}).fleet.Permissions(t.Context(), ecsops.MakeClusterARN(simaws.DemoAccount, simaws.DemoRegion, simaws.DemoCluster)) {
		if readsOnly.MatchString(c.Call) {
			tried[c.Call] = true
		}
	}
	if !maps.Equal(granted, tried) {
		t.Errorf("granted reads:\n%q\nreads of the self-test:\n%q", slices.Sorted(maps.Keys(granted)), slices.Sorted(maps.Keys(tried)))
	}
	return slices.Sorted(maps.Keys(granted))
}
