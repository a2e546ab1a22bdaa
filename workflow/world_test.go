package workflow

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"ecsbot/ecsops"
	"ecsbot/policy"
)

// world is one cluster with one target, as values; the wire is tested elsewhere.
type world struct {
	clock  *fakeClock
	status string // ECS status of the target
	agent  bool
	ec2    string
	group  ecsops.Group
	tasks  []ecsops.Task
	// stopAt is when a task reaches STOPPED once the instance drains.
	drainTime   time.Duration
	drainedFrom time.Time
	stuck       bool // service tasks never move
	calls       []ecsops.ActionKind
	// answer overrides the outcome of the next calls.
	answer []answerer
	// rule answers every call of its kind, as answer does one.
	rule map[ecsops.ActionKind]answerer
	// unreadable makes looks fail with this code.
	unreadable string
	onDo       func(ecsops.Action)
	onLook     func(*world) // before each look
	onTake     func(ecsops.Action)
	missing    bool
	lags       bool // the list still shows what is gone
	slowGone   bool // deregistered, but reads still show what was
	peersLost  bool // the target is the last instance
	// blank names facts that an inspection cannot read; noTasks does it for a look.
	hooks   bool // a terminated member stays in Terminating:Wait
	managed bool // its capacity provider drains by itself
	ecsOwns bool // an ECS Managed Instance
	blank   []string
	noTasks string
	looks   int
	self    ecsops.InstanceARN // where the bot runs
	daemons map[string]ecsops.DaemonOf
	shown   string // status that reads show while slowGone
	again   []ecsops.Reregistration
	unseen  string // EC2 cannot be read after the end
	unlist  string // nor can registrations
	seeks   int    // looks for registrations
	host    hostWorld

	// What an explaining look reads, noHolds why it cannot, and how often it was asked.
	services   map[string]ecsops.Service
	protection map[string]time.Time
	noHolds    string
	explained  int
}

type answerer func(a ecsops.Action) (out ecsops.Outcome, effect bool)

// always answers so, with or without effect.
func always(result ecsops.Result, code string, effect bool) answerer {
	return func(ecsops.Action) (ecsops.Outcome, bool) { return ecsops.Outcome{Result: result, Code: code}, effect }
}

var _ Fleet = (*world)(nil)

var testTarget = ecsops.Target{
	Account: "123456789012", Region: "eu-central-1",
	Cluster:  "arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
	Instance: "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/0123456789abcdef0123456789abcdef",
	EC2:      "i-0a1b2c3d4e5f60001", RegisteredAt: time.Unix(1_790_000_000, 0).UTC(),
}

func newWorld(clock *fakeClock, tasks ...ecsops.Task) *world {
	return &world{clock: clock, status: "ACTIVE", agent: true, ec2: "running", tasks: tasks, drainTime: time.Minute}
}

func replica(n string) ecsops.Task {
	return ecsops.Task{ARN: "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + n, Class: ecsops.Replica, Service: "web",
		Group: "service:web", StartedBy: "ecs-svc/1", TaskDefinition: "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7",
		LastStatus: "RUNNING", DesiredStatus: "RUNNING"}
}

func standalone(n string) ecsops.Task {
	t := replica(n)
	t.Class, t.Service, t.Group, t.StartedBy = ecsops.Standalone, "", "family:nightly", "cron"
	t.TaskDefinition = "arn:aws:ecs:eu-central-1:123456789012:task-definition/nightly:3"
	return t
}

func daemon(n string) ecsops.Task {
	t := replica(n)
	t.Service, t.Group = "log-agent", "service:log-agent" // its class shows only where services were read
	return t
}

// settle moves service tasks when their time has come, daemons last.
func (w *world) settle() {
	if w.status != "DRAINING" || w.stuck || w.clock.now.Sub(w.drainedFrom) < w.drainTime {
		return
	}
	others := 0
	for i, t := range w.tasks {
		if t.Class != ecsops.Standalone && t.Class != ecsops.ManagedDaemon && t.Service != "log-agent" {
			w.tasks[i].LastStatus, w.tasks[i].DesiredStatus = "STOPPED", "STOPPED"
		} else if t.Class == ecsops.Standalone && !t.Stopped() {
			others++
		}
	}
	for i, t := range w.tasks {
		if t.Service == "log-agent" && others == 0 {
			w.tasks[i].LastStatus, w.tasks[i].DesiredStatus = "STOPPED", "STOPPED"
		}
	}
}

func (w *world) snapshot() ecsops.Snapshot {
	w.settle()
	s := ecsops.Snapshot{Target: testTarget, ReadAt: w.clock.now}
	if w.unreadable != "" {
		s.Instance = ecsops.NotKnown[ecsops.Instance](ecsops.Unknown{Fact: "instance", Call: "ecs:DescribeContainerInstances", Reason: w.unreadable})
		return s
	}
	status := w.status
	if w.slowGone && status == "INACTIVE" {
		status = w.shown
	}
	s.Instance = ecsops.Known(ecsops.Instance{Status: status, Missing: w.missing, AgentConnected: w.agent, EC2: testTarget.EC2, RegisteredAt: testTarget.RegisteredAt})
	s.Tasks = ecsops.Known(slices.Clone(w.tasks))
	e := ecsops.EC2{State: w.ec2, TerminationReadOK: true}
	if w.ecsOwns {
		e.ManagedBy = "ecs.amazonaws.com"
	}
	s.EC2 = ecsops.Known(e)
	s.Group = ecsops.Known(w.group)
	return s
}

func (w *world) Look(_ context.Context, _ ecsops.Target, lf ecsops.LookFor) (ecsops.Snapshot, error) {
	w.looks++
	if w.onLook != nil {
		w.onLook(w)
	}
	s := w.snapshot()
	if !lf.EC2 {
		s.EC2 = ecsops.Fact[ecsops.EC2]{}
	}
	if lf.Group == "" {
		s.Group = ecsops.Fact[ecsops.Group]{}
	}
	if tasks, ok := s.Tasks.Get(); ok { // only an inspection tells managed daemons from others
		for i, t := range tasks {
			if t.Class == ecsops.ManagedDaemon {
				tasks[i].Class = ecsops.Standalone
			}
		}
	}
	if lf.Holds {
		w.explained++
		s.Services, s.Protection = ecsops.Known(maps.Clone(w.services)), ecsops.Known(maps.Clone(w.protection))
		if !w.agent {
			s.EC2 = ecsops.Known(ecsops.EC2{State: w.ec2})
		}
	}
	if lf.Holds && w.noHolds != "" {
		s.Services = ecsops.NotKnown[map[string]ecsops.Service](ecsops.Unknown{Fact: "services", Call: "ecs:DescribeServices", Reason: w.noHolds})
		s.Protection = ecsops.NotKnown[map[string]time.Time](ecsops.Unknown{Fact: "protection", Call: "ecs:GetTaskProtection", Reason: w.noHolds})
	}
	if w.noTasks != "" {
		s.Tasks = ecsops.NotKnown[[]ecsops.Task](ecsops.Unknown{Fact: "tasks", Call: "ecs:ListTasks", Reason: w.noTasks})
	}
	return s, nil
}

func (w *world) Inspect(context.Context, ecsops.Target) (ecsops.Snapshot, error) {
	s := w.snapshot()
	here := 0
	for _, t := range w.tasks {
		if t.Class == ecsops.Replica && !t.Stopped() {
			here++
		}
	}
	services := map[string]ecsops.Service{}
	if here > 0 {
		services["web"] = ecsops.Service{Name: "web", Scheduling: "REPLICA", Desired: 4, Running: 4, MinPercent: 50, MaxPercent: 200,
			TaskDefinition: "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7", Deployments: 1}
	}
	if slices.ContainsFunc(w.tasks, func(t ecsops.Task) bool { return t.Service == "log-agent" && !t.Stopped() }) {
		services["log-agent"] = ecsops.Service{Name: "log-agent", Scheduling: "DAEMON", Desired: 3, Running: 3, MinPercent: 0, MaxPercent: 100, Deployments: 1}
	}
	s.Cluster = ecsops.Known(ecsops.Cluster{ARN: testTarget.Cluster, Status: "ACTIVE", Instances: 3})
	s.Peers = ecsops.Known([]ecsops.Peer(nil))
	if !w.peersLost {
		s.Peers = ecsops.Known([]ecsops.Peer{{Instance: "p1", Status: "ACTIVE", AgentConnected: true}, {Instance: "p2", Status: "ACTIVE", AgentConnected: true}})
	}
	var others []ecsops.Registration
	for _, r := range w.again {
		others = append(others, ecsops.Registration{Instance: r.Instance, Status: r.Status, RegisteredAt: r.RegisteredAt})
	}
	s.Registrations = ecsops.Known(others)
	s.Elsewhere = ecsops.Known(ecsops.Elsewhere{})
	s.Spot = ecsops.Known(ecsops.SpotRequest{})
	s.Node = ecsops.Known(ecsops.Node{})
	s.Rehearsal = ecsops.Known(ecsops.RehearsalAllowed)
	s.Storage = ecsops.Known(ecsops.Storage{Asked: true})
	s.Protection = ecsops.Known(map[string]time.Time{})
	s.Services = ecsops.Known(services)
	s.TaskDefinitions = ecsops.Known(map[string]ecsops.TaskDefinition{
		"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7":     {NetworkMode: "bridge", StopTimeout: 30 * time.Second, FamilyAndRev: "web:7"},
		"arn:aws:ecs:eu-central-1:123456789012:task-definition/nightly:3": {NetworkMode: "bridge", StopTimeout: 30 * time.Second, FamilyAndRev: "nightly:3"},
	})
	s.TargetGroups = ecsops.Known(map[string]ecsops.TargetGroup{})
	s.Hooks = ecsops.Known([]ecsops.Hook(nil))
	s.CapacityProvider = ecsops.Known(ecsops.CapacityProvider{ManagedDraining: w.managed})
	s.Daemons = ecsops.Known(w.daemons)
	s.Self = ecsops.Known(w.self)
	roomy(&s)
	for _, f := range w.blank {
		s = s.Blank(f)
	}
	return s, nil
}

func (w *world) InspectMany(ctx context.Context, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	return oneByOne(ctx, w, ts)
}

func oneByOne(ctx context.Context, f Fleet, ts []ecsops.Target) ([]ecsops.Snapshot, error) {
	var out []ecsops.Snapshot
	for _, t := range ts {
		s, err := f.Inspect(ctx, t)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// roomy makes the rest of what a plan wants known: the replacements fit.
func roomy(s *ecsops.Snapshot) {
	s.Others = ecsops.Known([]ecsops.Service(nil))
	s.Hosts = ecsops.Known(map[string][]ecsops.InstanceARN{})
	s.Interfaces = ecsops.Known(map[ecsops.EC2ID]ecsops.Interfaces{})
	s.Stopping = ecsops.Known(ecsops.Stopping{})
	s.Providers = ecsops.Known(map[string]ecsops.Provider{})
	s.Lifecycles = ecsops.Known(map[ecsops.EC2ID]string{})
}

func (w *world) After(context.Context, ecsops.Target, ecsops.LookFor, time.Time) (ecsops.After, error) {
	s, err := w.Inspect(context.Background(), testTarget)
	s.Services = ecsops.Known(map[string]ecsops.Service{"web": {Name: "web", Scheduling: "REPLICA", Desired: 4, Running: 4, Deployments: 1}})
	return ecsops.After{Snapshot: s, ENIs: ecsops.Known([]string(nil)), Replacements: ecsops.Known([]ecsops.Replacement(nil)), Activity: ecsops.Known([]string{"terminated"}),
		Listed: ecsops.Known(w.lags || w.status != "INACTIVE")}, err
}

func (w *world) Aftermath(_ context.Context, _ ecsops.Target, registrations bool) (ecsops.Aftermath, error) {
	a := ecsops.Aftermath{EC2: ecsops.Known(ecsops.EC2{State: w.ec2, Type: "m6i.large"}), Group: ecsops.Known(w.group)}
	if w.unseen != "" {
		a.EC2 = ecsops.NotKnown[ecsops.EC2](ecsops.Unknown{Fact: "ec2", Call: "ec2:DescribeInstances", Reason: w.unseen})
	}
	if !registrations {
		return a, nil
	}
	w.seeks++
	a.Again = ecsops.Known(slices.Clone(w.again))
	if w.unlist != "" {
		a.Again = ecsops.NotKnown[[]ecsops.Reregistration](ecsops.Unknown{Fact: "registrations", Call: "ecs:ListContainerInstances", Reason: w.unlist})
	}
	return a, nil
}

func (w *world) Do(_ context.Context, a ecsops.Action) ecsops.Outcome {
	w.calls = append(w.calls, a.Kind)
	if w.onDo != nil {
		w.onDo(a)
	}
	f := w.rule[a.Kind]
	if len(w.answer) > 0 {
		f, w.answer = w.answer[0], w.answer[1:]
	}
	if f != nil {
		out, effect := f(a)
		if effect {
			w.take(a)
		}
		out.At = w.clock.now
		return out
	}
	out := w.allowed(a)
	if out.Result == ecsops.OK {
		w.take(a)
	}
	out.At = w.clock.now
	return out
}

// allowed is ECS's own no.
func (w *world) allowed(a ecsops.Action) ecsops.Outcome {
	if w.status == "INACTIVE" && !isTermination(a.Kind) && a.Kind != ecsops.ActStopTask {
		return ecsops.Outcome{Result: ecsops.Refused, Code: "ClientException"}
	}
	if a.Kind == ecsops.ActDeregister {
		for _, t := range w.tasks {
			if !t.Stopped() {
				return ecsops.Outcome{Result: ecsops.Refused, Code: "InvalidParameterException"}
			}
		}
	}
	return ecsops.Outcome{Result: ecsops.OK, RequestID: "req"}
}

func (w *world) take(a ecsops.Action) {
	if w.onTake != nil {
		w.onTake(a)
	}
	switch a.Kind {
	case ecsops.ActDrain, ecsops.ActUndrain:
		if w.status != "ACTIVE" && w.status != "DRAINING" {
			return // gone: the call can have had no effect
		}
		w.status, w.drainedFrom = "DRAINING", w.clock.now
		if a.Kind == ecsops.ActUndrain {
			w.status = "ACTIVE"
		}
	case ecsops.ActStopTask:
		for i := range w.tasks {
			if w.tasks[i].ARN == a.Task {
				w.tasks[i].LastStatus, w.tasks[i].DesiredStatus = "STOPPED", "STOPPED"
			}
		}
	case ecsops.ActDeregister, ecsops.ActForceDeregister:
		if w.status != "INACTIVE" {
			w.shown = w.status
		}
		w.status = "INACTIVE"
		if w.ecsOwns && a.Kind == ecsops.ActForceDeregister {
			w.ec2 = "terminated"
		}
		for i := range w.tasks {
			w.tasks[i].LastStatus = "STOPPED"
		}
	case ecsops.ActTerminateInGroup:
		w.group.Lifecycle = "Terminating:Wait" // its hooks run
		if !w.hooks {
			w.ec2 = "terminated"
		}
	case ecsops.ActTerminateEC2:
		w.ec2 = "terminated"
	}
}

// yes allows everyone; no and unreachable are the other two answers.
type authority struct {
	verdict policy.Verdict
	err     error
	asked   int
	onAsk   func()
}

func (a *authority) Authorize(context.Context, Operation) (policy.Verdict, error) {
	a.asked++
	if a.onAsk != nil {
		a.onAsk()
	}
	return a.verdict, a.err
}

var errSlackDown = errors.New("slack does not answer")

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Context() context.Context
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// rig is an engine on a world, driven by hand.
type rig struct {
	t     tester
	clock *fakeClock
	store *memStore
	world *world
	auth  *authority
	e     *Engine

	document string // that looks into machines
}

func newRig(t tester, tasks ...ecsops.Task) *rig {
	t.Helper()
	clock := &fakeClock{now: time.Unix(1_800_000_000, 0).UTC()}
	r := &rig{t: t, clock: clock, store: newMemStore(clock), world: newWorld(clock, tasks...),
		auth: &authority{verdict: policy.Verdict{Effect: policy.Allow}}}
	r.restart()
	return r
}

// restart is a new process on the same store and world.
func (r *rig) restart() {
	e, err := New(Deps{Store: r.store, Fleet: r.world, Authority: r.auth, Settings: Settings{Sole: true, HostLook: r.document}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.e = e
}

var (
	olga = Actor{UserID: "U0OPERATOR", TeamID: "T0"}
	ana  = Actor{UserID: "U0APPROVER", TeamID: "T0"}
)

func (r *rig) propose(in ecsops.Intent) Operation {
	r.t.Helper()
	in.Purpose = ecsops.Retire
	s, _ := r.world.Inspect(r.t.Context(), testTarget)
	op, err := r.e.Propose(r.t.Context(), Proposal{Plan: ecsops.NewPlan(s, in), Actor: olga,
		Origin: Origin{Channel: "C0OPS"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		r.t.Fatalf("proposing: %v", err)
	}
	return op
}

func (r *rig) decide(op string, v Verb, by Actor, more ...func(*Decision)) Answer {
	r.t.Helper()
	d := Decision{Op: op, Verb: v, Actor: by, Channel: "C0OPS", Verdict: policy.Verdict{Effect: policy.Allow}}
	for _, f := range more {
		f(&d)
	}
	a, err := r.e.Decide(r.t.Context(), d)
	if err != nil {
		r.t.Fatalf("%s by %s: %v", v, by.UserID, err)
	}
	return a
}

// run steps the operation through virtual time until it ends or until is true.
func (r *rig) run(id string, until func(Operation) bool) Operation {
	r.t.Helper()
	still := 0
	for range 2000 {
		op, err := r.store.get(id)
		if err != nil {
			r.t.Fatal(err)
		}
		if op.State.Terminal() || until != nil && until(op) {
			return op
		}
		next, err := r.e.Step(r.t.Context(), id)
		if err != nil {
			next = r.clock.now.Add(time.Second) // the queue tries again
		}
		if op, _ := r.store.get(id); until != nil && until(op) {
			return op // before time passes: a pause is not slept through
		}
		if next.After(r.clock.now) {
			r.clock.now, still = next, 0
		} else if still++; still > 3 {
			r.t.Fatalf("a hot loop: at %v the next look is at %v, state %s, block %+v", r.clock.now, next, op.State, op.Block)
		}
	}
	op, _ := r.store.get(id)
	r.t.Fatalf("operation does not end: %s, block %+v", op.State, op.Block)
	return op
}
