package bot_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/policy"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	"ecsbot/store"
	"ecsbot/workflow"
)

// The rig runs drains in a bubble of testing/synctest: the engine, the store on SQLite with
// its queue, and ecsops, on a simulated estate that is called without a network. Hours
// pass in seconds, and no timer is ever late.
type drainsRig struct {
	t      *testing.T
	cloud  *simaws.Cloud
	fleet  *ecsops.Fleet
	db     *store.DB
	engine *workflow.Engine

	mu     sync.Mutex
	looked map[string][]time.Time // guarded by mu: when each target's look began
	ops    int
	failed int // guarded by mu: looks that learned nothing for want of a turn
}

// direct calls the estate as a function.
type direct struct{ cloud *simaws.Cloud }

func (d direct) RoundTrip(r *http.Request) (res *http.Response, err error) {
	rec := httptest.NewRecorder()
	defer func() {
		if recover() != nil { // the estate hangs up without an answer
			res, err = nil, io.ErrUnexpectedEOF
		}
	}()
	d.cloud.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

// drainsEstate is so many drains in each of so many clusters, beside machines with room.
type drainsEstate struct {
	clusters, drains, tasks int
	rest                    int           // machines that are not drained, in each cluster
	ends                    time.Duration // how long the standalone tasks run; 0 is for ever
}

func (d drainsEstate) cluster(k int) string { return fmt.Sprintf("fleet-%02d", k) }

func (d drainsEstate) machine(k, i int) string { return simaws.BigInstance(k*(d.drains+d.rest) + i) }

// build puts service tasks on every machine that is to be drained, and beside them one
// standalone task, which holds the drain for as long as anybody looks.
func (d drainsEstate) build(c *simaws.Cloud) error {
	r := c.Region(simaws.DemoAccount, simaws.DemoRegion)
	for k := range d.clusters {
		name := d.cluster(k)
		if _, err := r.AddCluster(simaws.ClusterSpec{Name: name}); err != nil {
			return err
		}
		for i := range d.drains + d.rest {
			size := 1
			if i >= d.drains {
				size = 64
			}
			if _, err := r.AddInstance(simaws.InstanceSpec{Cluster: name, EC2ID: d.machine(k, i), CPU: 4096 * size, Memory: 15800 * size}); err != nil {
				return err
			}
		}
		family := name + "-app"
		if _, err := r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: family, CPU: 64, Memory: 64}); err != nil {
			return err
		}
		for n := range d.tasks {
			spec := simaws.ServiceSpec{Cluster: name, Name: fmt.Sprintf("service-%02d", n), TaskDefinition: family,
				Desired: d.drains, MinPercent: 100, MaxPercent: 100 + max(5, 100/d.drains)}
			for i := range d.drains {
				spec.On = append(spec.On, d.machine(k, i))
			}
			if _, err := r.AddService(spec); err != nil {
				return err
			}
		}
		for i := range d.drains {
			if _, err := r.RunTask(simaws.TaskSpec{Cluster: name, TaskDefinition: family, On: d.machine(k, i), StartedBy: "nightly", RunsFor: d.ends}); err != nil {
				return err
			}
		}
	}
	return nil
}

// useDirect points the SDK at an estate that is called as a function; before the bubble begins.
func useDirect(t *testing.T) {
	t.Helper()
	for k, v := range map[string]string{
		"AWS_ACCESS_KEY_ID": simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY": "sim", "AWS_ENDPOINT_URL": "http://aws.invalid",
		"AWS_REGION": simaws.DemoRegion, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
}

// newDrainsRig must be called in a bubble.
func newDrainsRig(t *testing.T, build func(*simaws.Cloud) error) *drainsRig {
	t.Helper()
	r := &drainsRig{t: t, looked: map[string][]time.Time{}}
	var err error
	if r.cloud, err = simaws.New(simaws.Config{Clock: clock.New(time.Now(), 1), Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if err := build(r.cloud); err != nil {
		t.Fatal(err)
	}
	if r.db, err = store.Open(t.Context(), store.Options{StateDir: t.TempDir(), Serve: true, Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	r.fleet, err = ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"*"}, Region: simaws.DemoRegion, Transport: direct{r.cloud}, Clock: r.db.Clock()})
	if err != nil {
		t.Fatal(err)
	}
	r.engine, err = workflow.New(workflow.Deps{Store: r.db, Fleet: watched{r.fleet, r}, Authority: everybody{}, Pace: r.fleet.Pace,
		Settings: workflow.Settings{Sole: true}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// watched notes when the engine looks.
type watched struct {
	*ecsops.Fleet
	r *drainsRig
}

func (w watched) Look(ctx context.Context, t ecsops.Target, lf ecsops.LookFor) (ecsops.Snapshot, error) {
	began := time.Now()
	s, err := w.Fleet.Look(ctx, t, lf)
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	if err != nil {
		w.r.failed++
		return s, err
	}
	w.r.looked[t.Key()] = append(w.r.looked[t.Key()], began)
	return s, nil
}

type everybody struct{}

func (everybody) Authorize(context.Context, workflow.Operation) (policy.Verdict, error) {
	return policy.Verdict{Effect: policy.Allow}, nil
}

// drain sets the machines to DRAINING and stores an operation for each, as one that has just
// ordered that. The calls are not the bot's.
func (r *drainsRig) drain() {
	r.t.Helper()
	cfg, err := config.LoadDefaultConfig(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	cfg.HTTPClient = &http.Client{Transport: direct{r.cloud}}
	client := ecs.NewFromConfig(cfg)
	state := r.cloud.State()
	byInstance := map[string][]simaws.TaskState{}
	for _, t := range state.Tasks {
		byInstance[t.Instance] = append(byInstance[t.Instance], t)
	}
	byCluster := map[string][]ecsops.Snapshot{}
	for _, i := range state.Instances {
		if i.Alive > 0 {
			byCluster[i.Cluster] = append(byCluster[i.Cluster], snapshotOf(i, byInstance[i.ARN]))
		}
	}
	for cluster, all := range byCluster {
		for part := range slices.Chunk(all, 10) {
			in := &ecs.UpdateContainerInstancesStateInput{Cluster: aws.String(cluster), Status: ecstypes.ContainerInstanceStatusDraining}
			for _, s := range part {
				in.ContainerInstances = append(in.ContainerInstances, string(s.Target.Instance))
			}
			if out, err := client.UpdateContainerInstancesState(r.t.Context(), in); err != nil || len(out.Failures) > 0 {
				r.t.Fatal(err, out)
			}
		}
		for _, s := range all {
			r.begin(s)
		}
	}
}

// snapshotOf is what a plan read: here the tasks alone matter.
func snapshotOf(i simaws.InstanceState, tasks []simaws.TaskState) ecsops.Snapshot {
	cluster := ecsops.ClusterARN(i.Cluster)
	s := ecsops.Snapshot{Target: ecsops.Target{Account: cluster.Account(), Region: cluster.Region(), Cluster: cluster,
		Instance: ecsops.InstanceARN(i.ARN), EC2: ecsops.EC2ID(i.EC2ID), RegisteredAt: i.RegisteredAt}, ReadAt: time.Now()}
	s.Instance = ecsops.Known(ecsops.Instance{Status: i.Status, AgentConnected: true, EC2: s.Target.EC2, RegisteredAt: i.RegisteredAt})
	var all []ecsops.Task
	for _, t := range tasks {
		class := ecsops.Replica
		if t.Service == "" {
			class = ecsops.Standalone
		}
		all = append(all, ecsops.Task{ARN: t.ARN, Class: class, Service: t.Service, Group: t.Group, TaskDefinition: t.Definition,
			LastStatus: t.Last, DesiredStatus: t.Desired})
	}
	s.Tasks = ecsops.Known(all)
	return s
}

// begin stores an operation that drains.
func (r *drainsRig) begin(s ecsops.Snapshot) {
	r.t.Helper()
	now := time.Now().UTC()
	tasks, _ := s.Tasks.Get()
	op := workflow.Operation{ID: fmt.Sprintf("op%06d", r.ops), State: workflow.Draining, Target: s.Target, Revision: 1,
		Plan:      ecsops.NewPlan(s, ecsops.Intent{Purpose: ecsops.Retire, Deadline: 24 * time.Hour}),
		CreatedAt: now, StartedAt: now, DrainedAt: now, WasStatus: "ACTIVE", Deadline: now.Add(24 * time.Hour)}
	r.ops++
	for _, t := range tasks {
		op.Watch = append(op.Watch, t.ARN)
	}
	err := r.db.Commit(r.t.Context(), workflow.Change{Op: &op, TickAt: now, Events: []workflow.Event{{Type: workflow.EvConfirmed, State: workflow.Draining}}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// run lets the operations be stepped for so long, or until over reports it, and returns the
// calls of that time.
func (r *drainsRig) run(length time.Duration, over func() bool) []simaws.Call {
	r.t.Helper()
	none := func(context.Context, string) (time.Time, error) { return time.Time{}, nil }
	before := len(r.cloud.Log())
	if err := r.db.Work(r.t.Context(), store.Workers{Step: r.engine.Step, Deliver: none, FollowUp: none}); err != nil {
		r.t.Fatal(err)
	}
	for end := time.Now().Add(length); time.Now().Before(end) && !over(); {
		time.Sleep(5 * time.Second)
	}
	if err := r.db.Stop(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r.cloud.LogSince(before)
}

// confirmed previews a machine and has its drain decided on.
func (r *drainsRig) confirmed(id string) workflow.Operation {
	r.t.Helper()
	p, err := r.fleet.Preview(r.t.Context(), ecsops.Ref{EC2: ecsops.EC2ID(id)})
	if err != nil || len(p.Found) != 1 || len(p.Snapshot.Unknowns()) > 0 {
		r.t.Fatal(len(p.Found), p.Snapshot.Unknowns(), err)
	}
	yes, who := policy.Verdict{Effect: policy.Allow}, workflow.Actor{UserID: "U0OPERATOR"}
	op, err := r.engine.Propose(r.t.Context(), workflow.Proposal{Plan: ecsops.NewPlan(p.Snapshot, ecsops.Intent{Purpose: ecsops.Retire}), Actor: who, Verdict: yes})
	if err != nil {
		r.t.Fatal(err)
	}
	answer, err := r.engine.Decide(r.t.Context(), workflow.Decision{Op: op.ID, Verb: workflow.Confirm, Actor: who, Revision: 1, Verdict: yes})
	if err != nil || answer.Kind != workflow.Accepted {
		r.t.Fatal(answer.Kind, err)
	}
	if answer.Op.State == workflow.AwaitingApproval {
		second := workflow.Actor{UserID: "U0APPROVER"}
		answer, err = r.engine.Decide(r.t.Context(), workflow.Decision{Op: op.ID, Verb: workflow.Approve, Actor: second, Revision: 1, Verdict: yes})
		if err != nil || answer.Kind != workflow.Accepted {
			r.t.Fatal(answer.Kind, err)
		}
	}
	return answer.Op
}
