package bot_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"ecsbot/ecsops"
	simaws "ecsbot/sim/aws"
	"ecsbot/sim/clock"
)

const (
	estatesVar     = "ECSBOT_ESTATES" // how many; make campaign sets it
	estateSeedVar  = "ECSBOT_ESTATE"  // one seed, to look at it closely
	estatesUsual   = 2000
	estatesShort   = 300
	roomPlays      = 18 * time.Minute // virtual: long enough for every wave, and for a host to be launched
	roomMostClaims = 20               // broken ones that are told in full
)

// tally counts what verdicts came to.
type tally struct {
	mu     sync.Mutex
	placed map[ecsops.RoomVerdict]map[bool]int // guarded by mu: verdict → whether every copy found a place
	why    map[ecsops.RoomReason][2]int        // guarded by mu: of unknown: placed, not placed
	broken []string                            // guarded by mu
}

// TestCapacity plays generated estates on the simulated scheduler, which was written from
// AWS's documents and knows nothing of the simulation in ecsops: what was said to fit is
// placed, what was said not to fit is not.
func TestCapacity(t *testing.T) {
	count, first := estatesUsual, uint64(1)
	if testing.Short() {
		count = estatesShort
	}
	if n, err := strconv.Atoi(os.Getenv(estatesVar)); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv(estateSeedVar), 10, 64); err == nil {
		count, first = 1, n
	}
	worlds := serveWorlds(t)
	total := &tally{placed: map[ecsops.RoomVerdict]map[bool]int{}, why: map[ecsops.RoomReason][2]int{}}
	began := time.Now()
	var wg sync.WaitGroup
	for w := range worlds.regions {
		wg.Go(func() {
			for n := w; n < count; n += len(worlds.regions) {
				if err := worlds.play(t.Context(), w, first+uint64(n), total); err != nil {
					t.Errorf("estate %d: %v", first+uint64(n), err)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d estates in %s\n%s", count, time.Since(began).Round(time.Millisecond), total.text())
	for _, b := range total.broken[:min(len(total.broken), roomMostClaims)] {
		t.Error(b)
	}
	if count >= estatesShort && (total.sum(ecsops.RoomFits) < count/10 || total.sum(ecsops.RoomWontFit) < count/20 || total.sum(ecsops.RoomScaleOut) == 0 || total.sum(ecsops.RoomBlocked) == 0) {
		t.Errorf("the estates are too much alike: some verdict hardly comes up")
	}
}

func (c *tally) sum(v ecsops.RoomVerdict) int { return c.placed[v][true] + c.placed[v][false] }

func (c *tally) add(seed uint64, r ecsops.Room, end outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.placed[r.Verdict] == nil {
		c.placed[r.Verdict] = map[bool]int{}
	}
	c.placed[r.Verdict][end.placed]++
	if r.Verdict == ecsops.RoomUnknown {
		n := c.why[r.Why]
		n[map[bool]int{true: 0, false: 1}[end.placed]]++
		c.why[r.Why] = n
	}
	promised := r.Verdict == ecsops.RoomFits || r.Verdict == ecsops.RoomScaleOut
	switch {
	case promised && !end.placed,
		r.Verdict == ecsops.RoomWontFit && end.placed,
		r.Verdict == ecsops.RoomBlocked && end.moved:
		c.broken = append(c.broken, fmt.Sprintf("estate %d: said of %s: %s %s (%+v); the scheduler: %+v", seed, r.Service, r.Verdict, r.Why, r, end))
	}
}

// text is the table of figures.
func (c *tally) text() string {
	var b strings.Builder
	var all, alarms int
	for _, v := range []ecsops.RoomVerdict{ecsops.RoomFits, ecsops.RoomScaleOut, ecsops.RoomWontFit, ecsops.RoomBlocked, ecsops.RoomUnknown} {
		fmt.Fprintf(&b, "%-22s %7d placed %7d not\n", v, c.placed[v][true], c.placed[v][false])
		all += c.sum(v)
		if v == ecsops.RoomUnknown || v == ecsops.RoomWontFit {
			alarms += c.placed[v][true]
		}
	}
	for why, n := range c.why {
		fmt.Fprintf(&b, "  unknown: %-13s %7d placed %7d not\n", why, n[0], n[1])
	}
	placed := alarms + c.placed[ecsops.RoomFits][true] + c.placed[ecsops.RoomScaleOut][true]
	fmt.Fprintf(&b, "%d services; false alarms: %d of %d that were placed (%.1f %%)", all, alarms, placed, 100*float64(alarms)/float64(max(placed, 1)))
	return b.String()
}

// worlds are estates that are played at the same time: each in a Region of its own, behind
// one address, as the SDK takes its endpoint from the process's environment.
type worlds struct {
	regions []string
	clients []*ecs.Client
	fleets  []*ecsops.Fleet
	clocks  []*clock.Paced
	mu      sync.Mutex
	clouds  map[string]*simaws.Cloud // guarded by mu
}

var signedFor = regexp.MustCompile(`Credential=[^/]+/\d{8}/([a-z0-9-]+)/`)

func serveWorlds(t *testing.T) *worlds {
	t.Helper()
	w := &worlds{clouds: map[string]*simaws.Cloud{}}
	for n := range max(runtime.GOMAXPROCS(0), 2) {
		w.regions = append(w.regions, fmt.Sprintf("eu-test-%d", n+1))
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, hr *http.Request) {
		m := signedFor.FindStringSubmatch(hr.Header.Get("Authorization"))
		if m == nil {
			http.Error(rw, "not signed", http.StatusForbidden)
			return
		}
		w.mu.Lock()
		cloud := w.clouds[m[1]]
		w.mu.Unlock()
		cloud.ServeHTTP(rw, hr)
	}))
	t.Cleanup(server.Close)
	for k, v := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": w.regions[0],
		"AWS_ACCESS_KEY_ID": simaws.AccessKeyID(simaws.DemoAccount), "AWS_SECRET_ACCESS_KEY": simaws.SecretAccessKey,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_CA_BUNDLE": "", // a bundle is parsed anew for each estate, and nothing here is encrypted
	} {
		t.Setenv(k, v)
	}
	for _, region := range w.regions {
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region))
		if err != nil {
			t.Fatal(err)
		}
		w.clients = append(w.clients, ecs.NewFromConfig(cfg))
		time0 := clock.New(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), 0)
		fleet, err := ecsops.New(t.Context(), ecsops.Config{Region: region, Regions: []string{region}, Clusters: []string{"*"}, Clock: time0})
		if err != nil {
			t.Fatal(err)
		}
		w.fleets, w.clocks = append(w.fleets, fleet), append(w.clocks, time0)
	}
	return w
}

// outcome is what the scheduler made of one service.
type outcome struct {
	placed bool // it has all the tasks that it wants, none of them on the target
	moved  bool // one of its tasks left the target
	on     map[string]int
	want   int
}

// play draws one estate, asks for the verdicts, drains the target and lets time pass.
func (w *worlds) play(ctx context.Context, worker int, seed uint64, total *tally) error {
	region := w.regions[worker]
	time0 := w.clocks[worker]
	cloud, err := simaws.New(simaws.Config{Clock: time0, Seed: seed})
	if err != nil {
		return err
	}
	defer cloud.Close() // nothing is served, nothing can fail
	e := &roomEstate{Rand: rand.New(rand.NewPCG(seed, 7)), r: cloud.Region(simaws.DemoAccount, region), region: region, cluster: fmt.Sprintf("room-%d", seed)}
	if err := e.draw(); err != nil {
		return err
	}
	w.mu.Lock()
	w.clouds[region] = cloud
	w.mu.Unlock()
	client := w.clients[worker]
	if err := e.unsettle(ctx, client, cloud); err != nil {
		return err
	}
	before := outcomes(cloud, e)
	rooms, err := verdicts(ctx, w.fleets[worker])
	if err != nil {
		return err
	}
	if err := e.setDraining(ctx, client, cloud, e.ids[0]); err != nil {
		return err
	}
	time0.Advance(roomPlays)
	after := outcomes(cloud, e)
	if os.Getenv(estateSeedVar) != "" {
		e.print(cloud, rooms)
	}
	for _, r := range rooms {
		end := after[r.Service]
		end.moved = end.on[e.ids[0]] < before[r.Service].on[e.ids[0]]
		total.add(seed, r, end)
	}
	return nil
}

// unsettle begins what is under way when the plan is made.
func (e *roomEstate) unsettle(ctx context.Context, client *ecs.Client, cloud *simaws.Cloud) error {
	for _, arn := range e.stop {
		if _, err := client.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String(e.cluster), Task: aws.String(arn)}); err != nil {
			return err
		}
	}
	for _, id := range e.drained {
		if err := e.setDraining(ctx, client, cloud, id); err != nil {
			return err
		}
	}
	return nil
}

func (e *roomEstate) setDraining(ctx context.Context, client *ecs.Client, cloud *simaws.Cloud, ec2ID string) error {
	for _, i := range cloud.State().Instances {
		if i.EC2ID != ec2ID {
			continue
		}
		out, err := client.UpdateContainerInstancesState(ctx, &ecs.UpdateContainerInstancesStateInput{Cluster: aws.String(e.cluster),
			ContainerInstances: []string{i.ARN}, Status: ecstypes.ContainerInstanceStatusDraining})
		if err != nil || len(out.Failures) > 0 {
			return fmt.Errorf("draining %s: %v, %w", ec2ID, out, err)
		}
	}
	return nil
}

// verdicts are those of a plan that is made as the bot makes it, over the wire.
func verdicts(ctx context.Context, fleet *ecsops.Fleet) ([]ecsops.Room, error) {
	p, err := fleet.Preview(ctx, ecsops.Ref{EC2: roomTarget})
	if err != nil {
		return nil, err
	}
	if missing := p.Snapshot.Unknowns(); len(missing) > 0 {
		return nil, fmt.Errorf("unknown: %v", missing)
	}
	return ecsops.Rooms(p.Snapshot, false), nil
}

// print tells one estate's story.
func (e *roomEstate) print(cloud *simaws.Cloud, rooms []ecsops.Room) {
	for _, s := range e.specs {
		fmt.Printf("host %+v\n", s)
	}
	for _, s := range e.named {
		fmt.Printf("service %+v\n", s)
	}
	for _, d := range e.defined {
		fmt.Printf("definition %+v\n", d)
	}
	fmt.Println("draining", e.drained, "stopping", e.stop)
	for _, r := range rooms {
		fmt.Printf("room %+v\n", r)
	}
	state := cloud.State()
	for _, t := range state.Tasks {
		fmt.Printf("task %s on %s %s/%s cpu %d memory %d\n", t.Service+" "+t.Definition, t.EC2ID, t.Desired, t.Last, t.CPU, t.Memory)
	}
	for _, s := range state.Services {
		fmt.Printf("%s: %s\n", s.Name, strings.Join(s.Events[:min(len(s.Events), 4)], "\n    "))
	}
}

func outcomes(cloud *simaws.Cloud, e *roomEstate) map[string]outcome {
	out := map[string]outcome{}
	state := cloud.State()
	for _, s := range e.named {
		o := outcome{on: map[string]int{}, want: s.Desired}
		n := 0
		for _, t := range state.Tasks {
			if t.Service != s.Name || t.Desired != "RUNNING" || t.Last == "STOPPED" {
				continue
			}
			o.on[t.EC2ID]++
			if t.EC2ID != e.ids[0] {
				n++
			}
		}
		o.placed = n >= s.Desired && o.on[e.ids[0]] == 0
		out[s.Name] = o
	}
	return out
}
