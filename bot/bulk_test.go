package bot_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/policy"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
	"ecsbot/store"
	"ecsbot/workflow"
)

// The estate of the promise: so many instances, so many of them leave, at most so many percent
// unavailable.
const (
	bulkInstances = 500
	bulkTargets   = 100
	bulkPercent   = 5
	bulkServices  = 24
)

type allowing struct{}

func (allowing) Authorize(context.Context, workflow.Operation) (policy.Verdict, error) {
	return policy.Verdict{Effect: policy.Allow}, nil
}

// bulkWorld is the real workflow on the real store and the real AWS SDK, over the wire to a
// simulated account whose time the test moves.
type bulkWorld struct {
	t      *testing.T
	clock  *clock.Paced
	cloud  *simaws.Cloud
	fleet  *ecsops.Fleet
	db     *store.DB
	engine *workflow.Engine
}

func newBulkWorld(t *testing.T) *bulkWorld {
	t.Helper()
	w := &bulkWorld{t: t, clock: clock.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)}
	var err error
	if w.cloud, err = simaws.New(simaws.Config{Clock: w.clock, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	w.build()
	if err := w.cloud.Start(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cloud.Close() }) // keep-alive connections of the SDK may still be open
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": w.cloud.URL(), "AWS_REGION": simaws.DemoRegion, "AWS_ACCESS_KEY_ID": simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY": simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CA_BUNDLE": "",
	} {
		t.Setenv(k, v)
	}
	if w.fleet, err = ecsops.New(t.Context(), ecsops.Config{Clusters: []string{"fleet"}, Clock: w.clock, TimeBox: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if w.db, err = store.Open(t.Context(), store.Options{StateDir: t.TempDir(), Serve: true, Clock: w.clock, Log: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	w.engine, err = workflow.New(workflow.Deps{Store: w.db, Fleet: w.fleet, Authority: allowing{}, Settings: workflow.Settings{Sole: true, Poll: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func bulkID(n int) string { return fmt.Sprintf("i-0b01f%012x", n) }

// build fills the cluster: services of several sizes and percentages, spread over all
// instances, so that every target has something to lose.
func (w *bulkWorld) build() {
	r := w.cloud.Region(simaws.DemoAccount, simaws.DemoRegion)
	must := func(_ string, err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	must(r.AddCluster(simaws.ClusterSpec{Name: "fleet"}))
	for n := range bulkInstances {
		must(r.AddInstance(simaws.InstanceSpec{Cluster: "fleet", EC2ID: bulkID(n), AZ: simaws.DemoRegion + string("abc"[n%3]), CPU: 4096, Memory: 15800, Age: 24 * time.Hour}))
	}
	at := 0
	for s := range bulkServices {
		name := fmt.Sprintf("service-%02d", s)
		must(r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: name, CPU: 128 + 64*(s%4), Memory: 256 + 128*(s%5)}))
		percents := [][2]int{{100, 200}, {50, 100}, {75, 125}, {100, 110}, {0, 100}, {90, 150}}[s%6]
		spec := simaws.ServiceSpec{Cluster: "fleet", Name: name, TaskDefinition: name, Desired: 12 + 5*(s%8), MinPercent: percents[0], MaxPercent: percents[1]}
		for range spec.Desired {
			spec.On = append(spec.On, bulkID(at*7%bulkInstances))
			at++
		}
		must(r.AddService(spec))
	}
}

// propose makes the batch as the command does.
func (w *bulkWorld) propose() workflow.Operation {
	w.t.Helper()
	listed, err := w.fleet.List(w.t.Context(), ecsops.MakeClusterARN(simaws.DemoAccount, simaws.DemoRegion, "fleet"))
	if err != nil {
		w.t.Fatal(err)
	}
	var targets []ecsops.Target
	intents := make([]ecsops.Intent, bulkTargets)
	for i, l := range listed[:bulkTargets] {
		targets = append(targets, l.Target)
		intents[i] = ecsops.Intent{Purpose: ecsops.Retire}
	}
	snapshots, err := w.fleet.InspectMany(w.t.Context(), targets)
	if err != nil {
		w.t.Fatal(err)
	}
	all := ecsops.AssessTogether(snapshots, intents)
	for _, p := range all.Plans {
		if u := p.Snapshot.Unknowns(); len(u) > 0 {
			w.t.Fatalf("%s: unknown %v", p.Snapshot.Target.EC2, u)
		}
	}
	if all.Verdict == ecsops.Red {
		w.t.Fatalf("the estate is meant to have no red finding: %+v", all.Findings)
	}
	away, registered, known := workflow.Unavailable(snapshots)
	if len(away) > 0 || registered != bulkInstances || !known {
		w.t.Fatalf("%d of %d unavailable, known: %v", len(away), registered, known)
	}
	op, err := w.engine.ProposeBulk(w.t.Context(), workflow.BulkProposal{Plans: all.Plans, Joint: all.Findings, Limit: workflow.Limit{Percent: bulkPercent}, Registered: registered,
		Intent: intents[0], Actor: workflow.Actor{UserID: "U0OPERATOR"}, Origin: workflow.Origin{Channel: "C0OPS"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil {
		w.t.Fatal(err)
	}
	return op
}

// run steps whatever is due, as the queue does, and lets time pass to the next that is, until
// the batch ends.
func (w *bulkWorld) run(id string) workflow.Operation {
	w.t.Helper()
	next := map[string]time.Time{id: w.clock.Now()}
	for {
		batch, err := w.db.Operation(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if batch.State.Terminal() {
			return batch
		}
		for _, r := range batch.Rows {
			if _, seen := next[r.Op]; r.State == workflow.RowRunning && !seen {
				next[r.Op] = w.clock.Now()
			}
		}
		soonest := w.clock.Now().Add(time.Hour)
		for _, op := range slices.Sorted(maps.Keys(next)) {
			if !w.clock.Now().Before(next[op]) {
				at, err := w.engine.Step(w.t.Context(), op)
				if err != nil {
					w.t.Fatalf("stepping %s: %v", op, err)
				}
				if at.IsZero() {
					delete(next, op) // it ended
					continue
				}
				next[op] = at
			}
			if next[op].Before(soonest) {
				soonest = next[op]
			}
		}
		if b := batch.Block; b != nil {
			w.t.Fatalf("the batch asks: %+v, rows %+v", b, batch.Rows)
		}
		if now := w.clock.Now(); soonest.After(now) {
			w.clock.Advance(soonest.Sub(now))
		}
	}
}

// A hundred of five hundred instances leave with at most 5 % unavailable: no service is below
// its minimum and no more instances are unavailable at any virtual instant, by the account's
// own record; one zone at a time, each instance once.
func TestBulkHundredOfFiveHundred(t *testing.T) {
	if testing.Short() {
		t.Skip("drains a hundred instances: make test")
	}
	w := newBulkWorld(t)
	began := time.Now()
	op := w.propose()
	proposed := time.Since(began)
	w.cloud.Observe()
	answer, err := w.engine.Decide(t.Context(), workflow.Decision{Op: op.ID, Verb: workflow.Confirm, Actor: workflow.Actor{UserID: "U0OPERATOR"}, Verdict: policy.Verdict{Effect: policy.Allow}})
	if err != nil || answer.Kind != workflow.Accepted {
		t.Fatalf("confirming: %+v, %v", answer, err)
	}
	done := w.run(op.ID)
	_, waves := op.Wave()
	worst := w.cloud.Extremes()
	t.Logf("proposed in %s, %d instances out in %d waves, %s of virtual time, %s in all; %d instants looked at, at most %d of %d unavailable",
		proposed.Round(time.Millisecond), len(done.Rows), waves, w.clock.Now().Sub(op.CreatedAt), time.Since(began).Round(time.Millisecond), worst.Instants,
		worst.Clusters[0].Unavailable, worst.Clusters[0].Registered)
	if done.State != workflow.Done || done.Cause != "bulk_done" {
		t.Fatalf("ended %s/%s: %+v", done.State, done.Cause, done.Rows)
	}
	c := worst.Clusters[0]
	if most := bulkInstances * bulkPercent / 100; c.Unavailable > most || c.Unavailable < most/2 || c.Share > bulkPercent || c.Zones != 1 {
		t.Errorf("at most %d of %d unavailable (%d %%), in %d zones at once; want at most %d, %d %%, one zone, and that the limit is used", c.Unavailable, c.Registered, c.Share, c.Zones, most, bulkPercent)
	}
	if len(worst.Services) != bulkServices || worst.Instants < 5*bulkTargets {
		t.Errorf("%d services and %d instants were looked at", len(worst.Services), worst.Instants)
	}
	moved := 0
	for _, s := range worst.Services {
		if s.Running < s.Floor {
			t.Errorf("%s ran %d tasks at %s, its minimum is %d", s.Name, s.Running, s.At.Format(time.TimeOnly), s.Floor)
		}
		if s.Running > 0 {
			moved++
		}
	}
	if moved == 0 {
		t.Error("no service had a task to lose")
	}
	w.ordersOnce(done)
}

// ordersOnce reads the account's own log: each instance was drained once and deregistered
// once, never by force.
func (w *bulkWorld) ordersOnce(done workflow.Operation) {
	w.t.Helper()
	count := map[string]int{}
	for _, call := range w.cloud.Log() {
		if call.Mutating {
			count[call.Action]++
			if !call.TookEffect {
				w.t.Errorf("%s was refused: %s", call.Action, call.Outcome)
			}
		}
	}
	if count["UpdateContainerInstancesState"] != bulkTargets || count["DeregisterContainerInstance"] != bulkTargets || len(count) != 2 {
		w.t.Errorf("orders: %v, want one drain and one deregistration for each of %d", count, bulkTargets)
	}
	state := w.cloud.State()
	for _, r := range done.Rows {
		if i, ok := state.Instance(string(r.Target.EC2)); ok && i.Status != "INACTIVE" {
			w.t.Errorf("%s is %s", r.Target.EC2, i.Status)
		}
	}
}
