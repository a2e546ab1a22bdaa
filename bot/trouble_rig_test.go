package bot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ecsbot/ecsops"
	"ecsbot/policy"
	simaws "ecsbot/sim/aws"
	"ecsbot/store"
	"ecsbot/workflow"
)

// process is one life of the bot's work: a store on the file that its predecessors left, a
// fleet that has seen nothing yet, and an engine.
type process struct {
	db     *store.DB
	fleet  *ecsops.Fleet
	engine *workflow.Engine
	mortal *mortal
	stop   func()
}

// mortal is the store of a process that may die: from then on nothing is committed.
type mortal struct {
	*store.DB
	dead  atomic.Bool
	crank *crank // nil where the queue itself works
}

var errDead = errors.New("the process is dead")

func (m *mortal) Commit(ctx context.Context, c workflow.Change) error {
	if m.dead.Load() {
		return errDead
	}
	if err := m.DB.Commit(ctx, c); err != nil {
		return err
	}
	if m.crank != nil {
		m.crank.hear(c)
	}
	return nil
}

// start begins a life. With the queue all is looked at as in the product; else a crank does,
// which costs nothing while nothing is due.
func (s *troubles) start() {
	s.t.Helper()
	p := &process{}
	var err error
	if p.db, err = store.Open(s.t.Context(), store.Options{StateDir: s.dir, Serve: true, Log: zerolog.Nop()}); err != nil {
		s.t.Fatal(err)
	}
	p.mortal = &mortal{DB: p.db}
	if p.fleet, err = ecsops.New(s.t.Context(), ecsops.Config{Clusters: []string{"*"}, Region: simaws.DemoRegion, Transport: s.air, Clock: p.db.Clock()}); err != nil {
		s.t.Fatal(err)
	}
	settings := workflow.Settings{Sole: true, Poll: s.poll}
	if p.engine, err = workflow.New(workflow.Deps{Store: p.mortal, Fleet: p.fleet, Authority: s.authority, Pace: p.fleet.Pace, Settings: settings}); err != nil {
		s.t.Fatal(err)
	}
	s.air.strike.Store(nil)
	s.process = p
	if s.queued {
		none := func(context.Context, string) (time.Time, error) { return time.Time{}, nil }
		if err := p.db.Work(s.t.Context(), store.Workers{Step: p.engine.Step, Deliver: none, FollowUp: p.engine.FollowUp}); err != nil {
			s.t.Fatal(err)
		}
		p.stop = func() {
			ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
			if p.mortal.dead.Load() {
				cancel()
			}
			_ = p.db.Stop(ctx) // what is cut off is taken up by the next life
			cancel()
		}
		return
	}
	p.mortal.crank = newCrank(p.engine)
	p.mortal.crank.revive(s.all(), s.followed())
	go p.mortal.crank.turn()
	p.stop = p.mortal.crank.close
}

// end ends a life: in order, or as a kill does, with what is under way never written down.
func (s *troubles) end(killed bool) {
	if s.process == nil {
		return
	}
	if killed {
		s.process.mortal.dead.Store(true)
	}
	s.process.stop()
	s.process.db.Close()
	s.process = nil
}

// crank calls the engine when it wants to be called, as the queue does.
type crank struct {
	engine *workflow.Engine
	ctx    context.Context
	cancel context.CancelFunc
	kicked chan struct{}
	over   chan struct{}
	work   sync.WaitGroup

	mu    sync.Mutex
	due   map[crankJob]time.Time // guarded by mu
	busy  map[crankJob]bool      // guarded by mu
	fails map[crankJob]int       // guarded by mu
}

type crankJob struct {
	id     string
	follow bool
}

func newCrank(e *workflow.Engine) *crank {
	c := &crank{engine: e, kicked: make(chan struct{}, 1), over: make(chan struct{}),
		due: map[crankJob]time.Time{}, busy: map[crankJob]bool{}, fails: map[crankJob]int{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// revive looks at all that has not ended once.
func (c *crank) revive(ops []workflow.Operation, follow []workflow.FollowUp) {
	for _, op := range ops {
		if !op.State.Terminal() {
			c.at(crankJob{id: op.ID}, time.Now())
		}
	}
	for _, f := range follow {
		c.at(crankJob{f.Op, true}, f.Due())
	}
}

// hear is what a commit asks for.
func (c *crank) hear(ch workflow.Change) {
	if ch.Op != nil {
		c.at(crankJob{id: ch.Op.ID}, ch.TickAt)
	}
	if ch.FollowUp != nil {
		c.at(crankJob{ch.FollowUp.Op, true}, ch.FollowUp.Due())
	}
}

func (c *crank) at(j crankJob, t time.Time) {
	if t.IsZero() {
		return
	}
	c.mu.Lock()
	if have, ok := c.due[j]; !ok || t.Before(have) {
		c.due[j] = t
	}
	c.mu.Unlock()
	select {
	case c.kicked <- struct{}{}:
	default:
	}
}

func (c *crank) turn() {
	defer close(c.over)
	for c.ctx.Err() == nil {
		wait := time.NewTimer(c.begin())
		select {
		case <-wait.C:
		case <-c.kicked:
		case <-c.ctx.Done():
		}
		wait.Stop()
	}
	c.work.Wait()
}

// begin begins what is due and says how long nothing else is.
func (c *crank) begin() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := time.Hour
	for _, j := range slices.SortedFunc(maps.Keys(c.due), func(a, b crankJob) int { return strings.Compare(a.id, b.id) }) {
		at := c.due[j]
		switch wait := time.Until(at); {
		case c.busy[j]:
		case wait > 0:
			next = min(next, wait)
		default:
			c.busy[j] = true
			delete(c.due, j)
			c.work.Go(func() { c.do(j) })
		}
	}
	return next
}

func (c *crank) do(j crankJob) {
	ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
	defer cancel()
	call := c.engine.Step
	if j.follow {
		call = c.engine.FollowUp
	}
	next, err := call(ctx, j.id)
	c.mu.Lock()
	c.busy[j] = false
	if err != nil {
		c.fails[j]++
		next = time.Now().Add(min(500*time.Millisecond<<min(c.fails[j], 6), 30*time.Second))
	} else {
		c.fails[j] = 0
	}
	if soon := time.Now().Add(50 * time.Millisecond); !next.IsZero() && next.Before(soon) {
		next = soon
	}
	c.mu.Unlock()
	c.at(j, next)
	select { // what was asked for meanwhile
	case c.kicked <- struct{}{}:
	default:
	}
}

func (c *crank) close() {
	c.cancel()
	<-c.over
}

// air is the way to AWS: some answers of the estate do not come through, and some calls are
// the last that a process makes.
type air struct {
	direct
	strike atomic.Pointer[func()] // called once an order has had its effect
	before func(action string, body []byte)

	mu   sync.Mutex
	fate map[string]string // by action: answered by "500" although it had its effect, or "late", or refused with a code; guarded by mu
}

// orders are the calls that change something.
var orders = []string{"UpdateContainerInstancesState", "DeregisterContainerInstance", "StopTask", "TerminateInstances", "TerminateInstanceInAutoScalingGroup"}

// called reads the action of a request.
func called(r *http.Request, body []byte) string {
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndexByte(target, '.')+1:]
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("DryRun") == "true" {
		return ""
	}
	return form.Get("Action")
}

// RoundTrip implements http.RoundTripper.
func (a *air) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	action := called(r, body)
	ordered := slices.Contains(orders, action)
	if ordered {
		a.before(action, body)
	}
	a.mu.Lock()
	fate := a.fate[action]
	a.mu.Unlock()
	if fate == "UnauthorizedOperation" || fate == "OperationNotPermitted" {
		return saysNo(r, action, fate), nil
	}
	res, err := a.direct.RoundTrip(r)
	if ordered {
		if die := a.strike.Swap(nil); die != nil {
			(*die)()
		}
	}
	if err != nil {
		return nil, err
	}
	switch fate {
	case "500":
		return refusedBy(r, http.StatusInternalServerError), nil
	case "late": // it had its effect; whoever waits has given up, or nearly
		wait := time.NewTimer(9 * time.Second)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	return res, nil
}

func (a *air) mark(action, fate string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fate == nil {
		a.fate = map[string]string{}
	}
	a.fate[action] = fate
}

// refusedBy is an answer of a front end that knows nothing of the service behind it.
func refusedBy(r *http.Request, status int) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("Internal Server Error"))}
}

// saysNo is AWS's refusal in the service's own form: nothing was changed.
func saysNo(r *http.Request, action, code string) *http.Response {
	res := refusedBy(r, http.StatusForbidden)
	text := "<Response><Errors><Error><Code>" + code + "</Code><Message>no</Message></Error></Errors><RequestID>0</RequestID></Response>"
	switch action {
	case "TerminateInstanceInAutoScalingGroup":
		text = "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>no</Message></Error><RequestId>0</RequestId></ErrorResponse>"
	case "UpdateContainerInstancesState", "DeregisterContainerInstance", "StopTask":
		text = `{"__type":"` + code + `","message":"no"}`
		res.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	res.Body = io.NopCloser(strings.NewReader(text))
	return res
}

// fickle is Slack as far as it tells who may act: now and then it cannot be asked.
type fickle struct{ down atomic.Bool }

var errUnaskable = errors.New("Slack does not answer")

func (f *fickle) Authorize(context.Context, workflow.Operation) (policy.Verdict, error) {
	if f.down.Load() {
		return policy.Verdict{}, errUnaskable
	}
	return policy.Verdict{Effect: policy.Allow}, nil
}
