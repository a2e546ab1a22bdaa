package aws

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"ecsbot/sim/clock"
)

// closeTakes is how long Close lets calls end by themselves.
const closeTakes = time.Second

// Config is how an estate is made.
type Config struct {
	Clock *clock.Paced // required; pace 0 makes time manual
	Seed  uint64       // the same seed and the same calls give the same estate
}

// Cloud is an AWS estate. It is safe for concurrent use.
type Cloud struct {
	clock *clock.Paced

	mu       sync.Mutex
	now      time.Time // guarded by mu, as all below: the virtual time that the estate is settled to
	live     *world
	past     []*world // stale views, oldest first; kept only while lag > 0
	rng      *rand.Rand
	nextIP   int
	timers   timerHeap
	extremes *extremes // nil unless Observe was called
	unseen   bool      // the estate changed since extremes looked
	timerSeq int
	sessions map[string]session // by access key id
	faults   faults
	calls    []Call
	inFlight int
	reqSeq   int
	changes  uint64
	dirty    bool // something to tell the watchers
	moved    bool // the estate, not only the log, changed since the last stale view
	changed  chan struct{}
	watchers map[int]func(Change)
	watchSeq int
	pass     map[string]bool // cluster ARNs with a scheduler pass under way
	queries  map[string]matcher

	server *http.Server
	base   context.Context // the lifetime of the server, for calls that hang
	stop   context.CancelFunc
	wg     sync.WaitGroup
	url    string
}

// New returns an empty estate. Add to it with Region and Account, or with Demo or Big; serve it with Start.
func New(cfg Config) (*Cloud, error) {
	if cfg.Clock == nil {
		return nil, errors.New("making a simulated estate: no clock")
	}
	c := &Cloud{
		clock: cfg.Clock, now: cfg.Clock.Now(),
		rng:      rand.New(rand.NewPCG(cfg.Seed, 0x5eed)),
		live:     &world{accounts: map[string]bool{}, roles: map[string]bool{}, cells: map[cellKey]*cell{}},
		sessions: map[string]session{}, changed: make(chan struct{}), watchers: map[int]func(Change){}, pass: map[string]bool{}, queries: map[string]matcher{},
	}
	c.faults.buckets = map[bucketKey]*bucket{}
	c.base, c.stop = context.WithCancel(context.Background())
	return c, nil
}

// Start serves the estate at addr ("127.0.0.1:0" draws a port), and settles it as time passes. Loopback addresses only.
func (c *Cloud) Start(ctx context.Context, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listening at %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listening at %q: a simulated estate listens on loopback only", addr)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listening at %q: %w", addr, err)
	}
	c.url = "http://" + l.Addr().String()
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: 10 * time.Second}
	c.wg.Go(func() {
		if err := c.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.stop()
		}
	})
	c.wg.Go(c.tick)
	return nil
}

// URL is the endpoint of every service: set AWS_ENDPOINT_URL to it.
func (c *Cloud) URL() string { return c.url }

// Close stops serving, ends the calls that hang, and waits for its goroutines.
func (c *Cloud) Close() error {
	c.stop()
	var err error
	if c.server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTakes)
		defer cancel()
		if c.server.Shutdown(ctx) != nil { // a client keeps its connection busy
			err = c.server.Close()
		}
	}
	c.wg.Wait()
	if err != nil {
		return fmt.Errorf("closing the simulated estate: %w", err)
	}
	return nil
}

// tick settles the estate at the moment of each next timer, so that events appear without anyone asking.
func (c *Cloud) tick() {
	for {
		moved := c.clock.Changed()
		c.mu.Lock()
		c.settle()
		changed, wait := c.changed, clock.Never
		if len(c.timers) > 0 {
			wait = c.clock.Until(c.timers[0].at)
		}
		c.unlock()
		var due <-chan time.Time
		var timer *time.Timer
		if wait != clock.Never {
			timer = time.NewTimer(wait)
			due = timer.C
		}
		select {
		case <-c.base.Done():
		case <-due:
		case <-moved:
		case <-changed:
		}
		if timer != nil {
			timer.Stop()
		}
		if c.base.Err() != nil {
			return
		}
	}
}

// unlock tells the watchers what changed, and unlocks.
func (c *Cloud) unlock() {
	if !c.dirty {
		c.mu.Unlock()
		return
	}
	c.remember()
	c.dirty = false
	c.changes++
	change := Change{Seq: c.changes, At: c.now, Calls: len(c.calls)}
	close(c.changed)
	c.changed = make(chan struct{})
	tell := make([]func(Change), 0, len(c.watchers))
	for _, f := range c.watchers {
		tell = append(tell, f)
	}
	c.mu.Unlock()
	for _, f := range tell {
		f(change)
	}
}

// touch notes that the estate changed, to be told at unlock.
func (c *Cloud) touch() { c.dirty, c.moved, c.unseen = true, true, true }

// timerEntry is something that happens at a virtual time.
type timerEntry struct {
	at  time.Time
	seq int
	do  func()
}

type timerHeap []timerEntry

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *timerHeap) Push(x any) { *h = append(*h, x.(timerEntry)) }

// Pop is heap.Interface's.
func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = timerEntry{}
	*h = old[:len(old)-1]
	return last
}

// after runs do once the virtual duration has passed.
func (c *Cloud) after(d time.Duration, do func()) {
	c.timerSeq++
	heap.Push(&c.timers, timerEntry{at: c.now.Add(d), seq: c.timerSeq, do: do})
}

// jitter returns d give or take a quarter.
func (c *Cloud) jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(c.rng.Int64N(int64(d)/2+1))
}

// settle lets everything happen that is due by now, in order, each at its own virtual moment.
func (c *Cloud) settle() {
	now := c.clock.Now()
	for len(c.timers) > 0 && !c.timers[0].at.After(now) {
		e := heap.Pop(&c.timers).(timerEntry)
		if e.at.After(c.now) {
			c.now = e.at
		}
		e.do()
		c.remember()
	}
	if now.After(c.now) {
		c.now = now
	}
}
