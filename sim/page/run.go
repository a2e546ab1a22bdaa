package page

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	simaws "ecsbot/sim/aws"
	simslack "ecsbot/sim/slack"
	"ecsbot/sim/stage"
)

// atMost is how often a second the page is told of changes.
const atMost = 20

// together is how long what follows a change may take to be told with it: a
// message is posted just after the log has it.
const together = 3 * time.Millisecond

// run is one stage, from a reset to the next.
type run struct {
	n     int
	dir   string
	cfg   Config
	stage *stage.Stage
	feed  *feed

	ctx   context.Context // ends with the run
	stop  context.CancelFunc
	tasks sync.WaitGroup // goroutines of the run
	wake  chan struct{}  // tells watch that something of the run's own changed

	offered []StoryInfo

	mu      sync.Mutex
	on      map[string]bool // guarded by mu: switches
	player  *player         // guarded by mu: nil when no story was begun
	closing bool            // guarded by mu: no more tasks may begin

	striking sync.Mutex // held while a fault strikes: one at a time

	// of watch alone:
	calls, entries int
	lastAccount    []byte
	lastClock      string
}

func (s *Server) newRun(ctx context.Context, n int, dir string) (*run, error) {
	r := &run{n: n, dir: dir, cfg: s.cfg, feed: s.feed, wake: make(chan struct{}, 1), on: map[string]bool{}}
	for _, st := range s.stories {
		r.offered = append(r.offered, st.info())
	}
	env := slices.Clone(s.cfg.Env)
	if s.cfg.Database != nil {
		more, err := s.cfg.Database.Open(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("making a database: %w", err)
		}
		env = append(env, more...)
	}
	r.ctx, r.stop = context.WithCancel(s.ctx)
	st, err := stage.New(r.ctx, stage.Config{Dir: dir, Manifest: s.cfg.Manifest, Pace: s.cfg.Pace, Env: env, Command: s.cfg.Command, Log: s.cfg.Log})
	if err != nil {
		r.stop()
		return nil, fmt.Errorf("setting the stage: %w", err)
	}
	r.stage = st
	if err := st.Start(); err != nil {
		r.stop()
		return nil, errors.Join(err, st.Close())
	}
	r.feed.begin(r)
	r.refresh()
	unsubscribe := st.AWS.Subscribe(func(simaws.Change) { r.changed() })
	r.tasks.Go(func() {
		defer unsubscribe()
		r.watch()
	})
	return r, nil
}

func (r *run) close() error {
	r.mu.Lock()
	r.closing = true
	r.mu.Unlock()
	r.stop()
	r.tasks.Wait()
	r.striking.Lock() // what strikes now ends first; nothing strikes later
	defer r.striking.Unlock()
	return errors.Join(r.stage.Close(), os.RemoveAll(r.dir))
}

// changed has watch look again.
func (r *run) changed() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// watch tells the page what changes: a moment later, so that what belongs together
// goes together, and never more often than atMost.
func (r *run) watch() {
	resync := time.NewTicker(10 * time.Second) // a browser's clock drifts, and machines sleep
	defer resync.Stop()
	for {
		told := time.Now()
		slack, moved, processes := r.stage.Slack.Changed(), r.stage.Clock.Changed(), r.stage.Changed()
		r.refresh()
		select {
		case <-r.ctx.Done():
			return
		case <-slack:
		case <-processes:
		case <-r.wake:
		case <-moved:
		case <-resync.C:
			r.tellClock()
		}
		select {
		case <-r.ctx.Done():
			return
		case <-time.After(max(together, time.Second/atMost-time.Since(told))):
		}
	}
}

func (r *run) tellClock() {
	r.feed.put("clock", Clock{Now: r.stage.Clock.Now(), Pace: r.stage.Clock.Pace()})
}

// refresh looks at everything and puts what is new into the feed.
func (r *run) refresh() {
	r.feed.put("hello", r.hello())
	if set := r.stage.Clock.String(); set != r.lastClock { // its text changes when it is set, not as it runs
		r.lastClock = set
		r.tellClock()
	}
	r.feed.put("bot", r.bot())
	r.mu.Lock()
	on := map[string]bool{}
	for id := range r.on {
		on[id] = true
	}
	p := r.player
	r.mu.Unlock()
	r.feed.put("faults", on)
	r.feed.put("views", r.views())
	r.tellAccount()
	r.feed.addLines(r.lines())
	state := StoryState{State: storyIdle}
	if p != nil {
		state = p.look()
	}
	r.feed.put("story", state)
	r.feed.tell()
}

func (r *run) hello() Hello {
	bot := BotUser{ID: simslack.DemoBot}
	h := Hello{Run: r.n, Team: r.stage.Slack.TeamName(), Channels: r.stage.Slack.Channels(), Usergroups: r.stage.Slack.Usergroups(),
		Commands: r.stage.Slack.Commands(), Faults: r.faults(), Stories: r.offered, Paces: paces(),
		Account: simaws.DemoAccount, Region: simaws.DemoRegion}
	for _, u := range r.stage.Slack.Users() {
		h.Users = append(h.Users, User{User: u, Role: role(u)})
		if u.ID == bot.ID {
			bot.Name = u.RealName
		}
	}
	h.Bot = bot
	for _, c := range h.Commands {
		h.Subcommands = append(h.Subcommands, subcommands(c.UsageHint)...)
	}
	return h
}

func paces() []float64 { return []float64{0, 1, 10, 60} }

// subcommands reads them off the manifest's usage hint: "deregister [i-…] · list · help".
func subcommands(hint string) []Subcommand {
	var out []Subcommand
	for part := range strings.SplitSeq(hint, "·") {
		name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		if name != "" {
			out = append(out, Subcommand{Name: name, Hint: strings.TrimSpace(rest)})
		}
	}
	return out
}

func role(u simslack.User) string {
	switch {
	case u.IsBot:
		return "bot"
	case u.Deleted:
		return "left"
	case u.IsStranger:
		return "stranger"
	case u.IsRestricted, u.IsUltraRestricted:
		return "guest"
	case u.ID == simslack.DemoApprover:
		return "approver"
	}
	return "operator"
}

func (r *run) bot() Bot {
	b := Bot{Database: "sqlite"}
	if r.cfg.Database != nil {
		b.Database = r.cfg.Database.Kind()
	}
	for _, p := range r.stage.Processes() {
		state := "dead"
		switch {
		case p.Running && p.Connections > 0:
			state = "running"
		case p.Running:
			state = "starting"
		}
		b.Processes = append(b.Processes, Process{Name: p.Name, State: state, Connections: p.Connections})
	}
	return b
}

func (r *run) views() []View {
	out := []View{}
	for _, v := range r.stage.Slack.OpenViews() {
		out = append(out, View{ID: v.ID, User: v.User, CallbackID: v.CallbackID, Title: v.Title, Submit: v.Submit, Close: v.Close,
			Blocks: v.Blocks, State: v.State, Errors: v.Errors, Hash: v.Hash, Updates: v.Updates})
	}
	return out
}
