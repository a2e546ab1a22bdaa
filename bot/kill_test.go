package bot_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
	"ecsbot/sim/stage"
	"ecsbot/workflow"
)

// killsInTest is for every run of the suite; ECSBOT_KILLS asks for a campaign.
const killsInTest = 100

const inFlight = 20

// TestKill kills the process again and again, at random moments, while people
// take instances out of service, twenty at a time. Afterwards: each operation
// reached exactly one terminal state, no AWS mutation came without an earlier
// committed intent, no acked click was lost, and the audit log verifies.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for a minute: make test")
	}
	kills := killsInTest
	if n, err := strconv.Atoi(os.Getenv("ECSBOT_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("ECSBOT_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("seed %d (ECSBOT_SEED), %d kills", seed, kills)
	dice := rand.New(rand.NewPCG(seed, 1))

	instances := inFlight + kills/4
	clusters := instances/takenPerCluster + 1
	s := newStage(t, t.TempDir(), 30, "CLUSTERS="+clusterNames(clusters), "PROPOSAL_TTL=24h", "POLL_INTERVAL=5s", "LOG_LEVEL=warn")
	buildFleet(t, s.AWS, clusters)
	d := &driver{t: t, s: s, left: instances, clicks: map[string]string{}}
	ctx, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	for range inFlight {
		people.Go(func() { d.work(ctx) })
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	d.flying(ctx, inFlight)
	for i := range kills {
		if i > 0 {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(lifetime(dice)) // the random moment itself
		if err := s.Kill(); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	stop()
	people.Wait()
	d.settle(buildBot(t))
}

// lifetime is how long the process lives: mostly so short that it dies while it
// starts and catches up, and now and then long enough that operations get on.
func lifetime(dice *rand.Rand) time.Duration {
	most := 600 * time.Millisecond
	if dice.IntN(4) == 0 {
		most = 3 * time.Second
	}
	return time.Duration(dice.Int64N(int64(most)))
}

// A cluster of the fleet: of its instances so many are taken out of service, the
// others have room for what moves.
const (
	perCluster      = 30
	takenPerCluster = 20
)

func clusterName(n int) string { return fmt.Sprintf("fleet-%d", n) }

func clusterNames(n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = clusterName(i)
	}
	return strings.Join(names, ",")
}

// instanceOf is the n-th instance to be taken, and its cluster's name.
func instanceOf(n int) (ec2ID, cluster string) {
	return fleetID(n/takenPerCluster, n%takenPerCluster), clusterName(n / takenPerCluster)
}

func fleetID(cluster, n int) string { return fmt.Sprintf("i-0f1ee7%06x%05x", cluster, n) }

// buildFleet adds clusters with a few services each.
func buildFleet(t *testing.T, aws *simaws.Cloud, clusters int) {
	t.Helper()
	r := aws.Region(simaws.DemoAccount, simaws.DemoRegion)
	ok := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(r.AddTaskDefinition(simaws.TaskDefinitionSpec{Family: "fleet", CPU: 256, Memory: 512}))
	for c := range clusters {
		ok(r.AddCluster(simaws.ClusterSpec{Name: clusterName(c)}))
		for n := range perCluster {
			ok(r.AddInstance(simaws.InstanceSpec{Cluster: clusterName(c), EC2ID: fleetID(c, n), Type: "m6i.16xlarge",
				CPU: 65536, Memory: 253952, Age: 24 * time.Hour}))
		}
		for n := range 4 {
			on := make([]string, 10)
			for k := range on {
				on[k] = fleetID(c, (n+2*k)%takenPerCluster)
			}
			ok(r.AddService(simaws.ServiceSpec{Cluster: clusterName(c), Name: fmt.Sprintf("service-%d", n), TaskDefinition: "fleet",
				Desired: len(on), MinPercent: 100, MaxPercent: 200, On: on}))
		}
	}
}

// driver is twenty people with patience.
type driver struct {
	t *testing.T
	s *stage.Stage

	mu     sync.Mutex
	left   int
	next   int
	opened []string          // EC2 ids that someone asked about
	clicks map[string]string // envelope ids of acked confirms → EC2 id; guarded by mu
	fails  atomic.Int64
}

// flying waits until so many operations were confirmed.
func (d *driver) flying(ctx context.Context, n int) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	err := d.s.Slack.Wait(ctx, "operations in flight", func(*simslack.Snapshot) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.clicks) >= n
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// take gives the next instance to one of the people.
func (d *driver) take() (ec2ID, cluster string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next >= d.left {
		return "", "", false
	}
	ec2ID, cluster = instanceOf(d.next)
	d.next++
	d.opened = append(d.opened, ec2ID)
	return ec2ID, cluster, true
}

// work takes one instance after another out of service: type, wait for the card,
// confirm, wait for the end; and again, when the card asks anew or says nothing.
func (d *driver) work(ctx context.Context) {
	for ctx.Err() == nil {
		id, cluster, ok := d.take()
		if !ok {
			return
		}
		for ctx.Err() == nil && !d.gone(ctx, id) {
			d.confirm(ctx, id, cluster)
		}
	}
}

// gone waits a while for the instance to leave. It looks now and then only: a
// look at the whole fleet after every change would leave the bot no time.
func (d *driver) gone(ctx context.Context, id string) bool {
	look := time.NewTicker(300 * time.Millisecond)
	defer look.Stop()
	for range 20 {
		if i, ok := d.s.AWS.State().Instance(id); !ok || i.Status == "INACTIVE" {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
	return false
}

// confirm presses confirm on the instance's card until that was acked, and asks
// for a card when there is none. Slack redelivers neither commands nor clicks: a
// person tries again.
func (d *driver) confirm(ctx context.Context, id, cluster string) {
	w := d.s.Slack
	card, err := d.card(ctx, id, 100*time.Millisecond)
	if err != nil {
		inv, err := w.Command(ctx, simslack.DemoOperator, simslack.DemoOps, "/ecs", "deregister "+id+" "+cluster)
		if err != nil || !inv.Acked {
			d.again(ctx)
			return
		}
		if card, err = d.card(ctx, id, 4*time.Second); err != nil {
			return // killed between the ack and the card, or it runs already
		}
	}
	for ctx.Err() == nil {
		inv, err := w.Click(ctx, simslack.DemoOperator, simslack.DemoOps, card.TS, "confirm", simslack.ClickOptions{})
		if err != nil {
			return // the button is gone: an earlier click was taken
		}
		if inv.Acked {
			d.mu.Lock()
			d.clicks[inv.EnvelopeID] = id
			d.mu.Unlock()
			return
		}
		d.again(ctx)
	}
}

// again is a person's look at the screen before trying again.
func (d *driver) again(ctx context.Context) {
	d.fails.Add(1)
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

func (d *driver) card(ctx context.Context, id string, patience time.Duration) (simslack.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var m simslack.Message
	err := d.s.Slack.Wait(ctx, "the card of "+id, func(snap *simslack.Snapshot) bool {
		for _, c := range slices.Backward(snap.Messages(simslack.DemoOps)) {
			if bytes.Contains(c.Blocks, []byte(id)) && bytes.Contains(c.Blocks, []byte(`"action_id":"confirm"`)) {
				m = c
				return true
			}
		}
		return false
	})
	return m, err
}

var terminalState = regexp.MustCompile(`^(done|unverified|refused|expired|stopped|failed)$`)

// settle waits until every confirmed operation ended, and then asks the three
// witnesses: the record, AWS's own log, Slack's own log.
func (d *driver) settle(bin string) {
	t := d.t
	t.Logf("%d instances asked for, %d confirms acked, %d tries met a dead bot", len(d.opened), len(d.clicks), d.fails.Load())
	var events []workflow.Event
	// All that the kills held up shares a tenth of AWS's budget: what counts is that it gets less.
	least, deadline := math.MaxInt, time.Now()
	for {
		events = d.export(bin)
		open, waiting := unfinished(events), d.traceless(events)
		left := len(open) + len(waiting)
		if left == 0 {
			break
		}
		if left < least {
			least, deadline = left, time.Now().Add(90*time.Second)
		}
		if time.Now().After(deadline) {
			status, _ := d.bot(bin, "status")
			t.Fatalf("%d operations do not end: %v; acked clicks without a trace: %v\n%s\n%s", len(open), open, waiting, status, d.s.Output())
		}
		time.Sleep(200 * time.Millisecond) // the bot is at work in real time
	}
	d.checkEnds(events)
	d.checkCalls(events)
	t.Logf("%d acked clicks, none lost", len(d.clicks))
	if out, err := d.bot(bin, "audit", "verify"); err != nil {
		t.Errorf("the audit log does not verify: %v\n%s", err, out)
	}
}

func (d *driver) bot(bin string, args ...string) ([]byte, error) {
	cmd := exec.Command(bin, args...)
	cmd.Env = d.s.Env()
	return cmd.CombinedOutput()
}

func (d *driver) export(bin string) []workflow.Event {
	d.t.Helper()
	cmd := exec.Command(bin, "audit", "export", "--format", "jsonl")
	cmd.Env = d.s.Env()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("exporting the record: %v\n%s", err, errs.Bytes())
	}
	var events []workflow.Event
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var rec struct {
			Event workflow.Event `json:"event"`
		}
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			d.t.Fatalf("reading %s: %v", lines.Bytes(), err)
		}
		events = append(events, rec.Event)
	}
	return events
}

// unfinished are operations that were confirmed and have not ended.
func unfinished(events []workflow.Event) []string {
	open := map[string]string{}
	for _, ev := range events {
		switch {
		case ev.Type == workflow.EvConfirmed:
			open[ev.Op] = string(ev.State)
		case open[ev.Op] != "" && ev.N > 0:
			open[ev.Op] = string(ev.State)
		}
		if ev.Type == workflow.EvEnded || ev.Type == workflow.EvExpired {
			delete(open, ev.Op)
		}
	}
	var out []string
	for id, state := range open {
		out = append(out, id+" "+state)
	}
	return out
}

// checkEnds: exactly one terminal state for each confirmed operation.
func (d *driver) checkEnds(events []workflow.Event) {
	ends, confirmed := map[string]int{}, map[string]bool{}
	for _, ev := range events {
		switch ev.Type {
		case workflow.EvConfirmed:
			confirmed[ev.Op] = true
		case workflow.EvEnded, workflow.EvExpired:
			ends[ev.Op]++
			if !terminalState.MatchString(string(ev.State)) {
				d.t.Errorf("operation %s ended in %q", ev.Op, ev.State)
			}
		}
	}
	for op := range confirmed {
		if ends[op] != 1 {
			d.t.Errorf("operation %s has %d ends", op, ends[op])
		}
	}
	d.t.Logf("%d operations confirmed, each with one end", len(confirmed))
}

// checkCalls matches each mutating call that AWS saw with its own intent, which
// was committed before it arrived.
func (d *driver) checkCalls(events []workflow.Event) {
	type intent struct {
		at   time.Time
		used bool
	}
	action := map[string]string{"UpdateContainerInstancesState": "drain", "DeregisterContainerInstance": "deregister",
		"StopTask": "stop_task", "TerminateInstances": "terminate_ec2"}
	intents := map[string][]*intent{} // kind and instance → intents, in order
	for _, ev := range events {
		if ev.Type == workflow.EvOrdered {
			key := string(ev.Order.Action.Kind) + " " + string(ev.Order.Action.Target.Instance)
			intents[key] = append(intents[key], &intent{at: ev.At})
		}
	}
	n := 0
	for _, c := range d.s.AWS.Log() {
		if !c.Mutating || c.Action == "AssumeRole" {
			continue
		}
		n++
		var p struct {
			ContainerInstance  string   `json:"containerInstance"`
			ContainerInstances []string `json:"containerInstances"`
			Status             string   `json:"status"`
		}
		if err := json.Unmarshal(c.Params, &p); err != nil {
			d.t.Fatal(err)
		}
		arn := p.ContainerInstance
		if len(p.ContainerInstances) == 1 {
			arn = p.ContainerInstances[0]
		}
		kind := action[c.Action]
		if p.Status == "ACTIVE" { // a drain that passed its deadline is undone
			kind = "undrain"
		}
		found := false
		for _, in := range intents[kind+" "+arn] {
			if !in.used && !in.at.After(c.Virtual) {
				in.used, found = true, true
				break
			}
		}
		if !found {
			d.t.Errorf("AWS was told %s %s %s without an earlier committed intent of its own", c.Action, p.Status, arn)
		}
	}
	d.t.Logf("%d mutating calls, each with its intent", n)
}

// traceless are acked confirms that are not in the record, where no other click
// had confirmed the same instance either (an unacked one may have been stored).
func (d *driver) traceless(events []workflow.Event) []string {
	recorded, confirmed := map[string]bool{}, map[string]bool{}
	for _, ev := range events {
		recorded[ev.Actor.Envelope] = true
		if ev.Type == workflow.EvConfirmed {
			confirmed[string(ev.Target.EC2)] = true
		}
	}
	var out []string
	for id, instance := range d.clicks {
		if !recorded[id] && !confirmed[instance] {
			out = append(out, id+" on "+instance)
		}
	}
	return out
}
